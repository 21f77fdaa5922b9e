is:
  test.succeed_with_changes
