tm:
  test.nop
