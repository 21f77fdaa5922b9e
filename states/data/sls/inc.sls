include:
  - .incsub
  - sub.rel
z:
  test.nop:
    - require:
      - sls: incsub
      - sls: sub.*
