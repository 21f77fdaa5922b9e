devonly_id:
  test.nop
