one:
  test.succeed_with_changes:
    - prereq:
      - test: two
    - require:
      - test: three
two:
  test.succeed_with_changes:
    - require:
      - test: one
three:
  test.nop
