in2:
  test.succeed_with_changes
in3:
  test.nop
