src:
  test.configurable_test_state:
    - changes: False
    - comment: from src
    - warnings: [w]
    - require:
      - test: other
a:
  test.configurable_test_state:
    - comment: own
    - use:
      - test: src
b:
  test.configurable_test_state:
    - use:
      - src
given:
  test.configurable_test_state:
    - result: False
    - comment: given
    - use_in:
      - test: taker
taker:
  test.configurable_test_state:
    - changes: False
other:
  test.nop
