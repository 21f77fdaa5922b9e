a:
  test.fail_without_changes
b:
  test.fail_without_changes
c:
  test.nop:
    - require:
      - test: a
      - test: b
