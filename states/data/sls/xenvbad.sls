include:
  - _xenv: nosuch
  - nothere
  - .rel
x:
  test.nop
