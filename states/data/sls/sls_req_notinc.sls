a:
  test.nop:
    - require:
      - sls: tgt
