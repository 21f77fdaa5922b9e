a:
  test.nop:
    - prereq:
      - test: b
b:
  test.fail_without_changes
