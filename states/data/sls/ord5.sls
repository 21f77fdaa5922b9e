a:
  test.succeed_with_changes:
    - prereq:
      - test: c
b:
  test.nop:
    - require:
      - test: c
c:
  test.succeed_with_changes:
    - require:
      - test: d
d:
  test.nop
