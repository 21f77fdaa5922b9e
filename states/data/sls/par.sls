p1:
  test.succeed_with_changes:
    - parallel: True
p2:
  test.fail_without_changes:
    - parallel: True
r:
  test.nop:
    - require:
      - test: p1
      - test: p2
