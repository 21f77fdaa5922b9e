include:
  - extbase
extend:
  base_id:
    test:
      - comment: extended
      - require:
        - test: e
  base2:
    test.configurable_test_state:
      - result: False
e:
  test.nop
