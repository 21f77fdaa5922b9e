include: [tgt]
a:
  test.nop:
    - require_in:
      - sls: tgt
