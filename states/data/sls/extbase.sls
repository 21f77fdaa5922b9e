base_id:
  test.configurable_test_state:
    - comment: orig
    - changes: False
base2:
  test.configurable_test_state:
    - changes: False
