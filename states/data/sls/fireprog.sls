fp1:
  test.succeed_with_changes
fp2:
  test.fail_without_changes
