pre_changes:
  test.succeed_with_changes
will_run:
  test.nop:
    - prereq:
      - test: pre_changes
pre_nochange:
  test.succeed_without_changes
wont_run:
  test.nop:
    - prereq:
      - test: pre_nochange
prein:
  test.succeed_with_changes:
    - prereq_in:
      - test: target
target:
  test.succeed_with_changes
