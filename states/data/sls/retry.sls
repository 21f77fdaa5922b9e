r1:
  test.fail_without_changes:
    - retry:
        attempts: 2
        interval: 1
r2:
  test.succeed_with_changes:
    - retry: True
r3:
  test.fail_with_changes:
    - retry:
        attempts: 2
        interval: 1
        until: False
r4:
  test.configurable_test_state:
    - result: False
    - comment: nope
    - retry:
        attempts: "x"
        interval: 1
        splay: 0
