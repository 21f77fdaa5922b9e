include:
  - confl2
same:
  test.nop
