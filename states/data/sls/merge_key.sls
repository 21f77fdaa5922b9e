a:
  test.configurable_test_state: &x
    - changes: False
b:
  test.configurable_test_state: *x
