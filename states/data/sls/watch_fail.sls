a:
  test.fail_with_changes
b:
  test.nop:
    - watch:
      - test: a
