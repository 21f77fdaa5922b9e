1:
  test.nop: []
