base:
  test.configurable_test_state:
    - changes: False
    - comment: used
user:
  test.configurable_test_state:
    - use:
      - test: base
