t1:
  test.nop
t2:
  test.succeed_with_changes
