a:
  test.nop
b:
  test.nop:
    - require:
      - test: f
f:
  test.fail_without_changes:
    - failhard: True
c:
  test.nop
