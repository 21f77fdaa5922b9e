a:
  test.fail_without_changes:
    - retry:
        attempts: 3
        interval: 0
b:
  test.configurable_test_state:
    - result: False
    - comment: ""
    - retry:
        attempts: 2
        interval: 0
        until: true
        splay: 0
c:
  test.nop:
    - require:
      - test: a
d:
  test.nop:
    - retry: yes
e:
  test.fail_without_changes:
    - retry: False
