include: [tgt]
a:
  test.nop:
    - onchanges:
      - sls: tgt
