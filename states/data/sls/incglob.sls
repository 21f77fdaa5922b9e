include:
  - sub.*
a2:
  test.nop
