a:
  nosuch.fun: []
b:
  test.nosuch: []
c:
  test.nop: []
d:
  test.show_notification: []
e:
  test.check_pillar: []
f:
  test.configurable_test_state:
    - changes: perhaps
g:
  test.configurable_test_state:
    - warnings: 5
