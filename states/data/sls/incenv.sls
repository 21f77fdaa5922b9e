include:
  - dev: devonly
a3:
  test.nop
