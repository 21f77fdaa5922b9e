nl:
  test.configurable_test_state:
    - changes: False
    - comment: secretcomment
    - no_log: True
