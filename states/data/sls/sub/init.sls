include:
  - .rel2
subinit:
  test.nop
