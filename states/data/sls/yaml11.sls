#!yaml
y:
  test.configurable_test_state:
    - changes: False
    - comment: x
    - warnings: []
