rel2:
  test.nop
