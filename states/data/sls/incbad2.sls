include:
  - ....toofar
a:
  test.nop
