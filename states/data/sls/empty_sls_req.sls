include: [emptyinc]
a:
  test.nop:
    - require:
      - sls: emptyinc
