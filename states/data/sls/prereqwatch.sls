before:
  test.nop:
    - prereq:
      - test: main
main:
  test.succeed_without_changes:
    - watch:
      - test: src
src:
  test.succeed_with_changes
