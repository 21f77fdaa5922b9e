a:
  test.nop:
    - require_any:
      - test: x
      - test: y
x:
  test.fail_without_changes
y:
  test.fail_without_changes
