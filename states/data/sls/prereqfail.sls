before:
  test.fail_with_changes:
    - prereq:
      - test: main
main:
  test.succeed_with_changes
after:
  test.nop:
    - require:
      - test: main
