include:
  - _xenv: tgt
  - dev: devonly
x:
  test.nop
