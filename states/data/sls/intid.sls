1:
  test.nop
