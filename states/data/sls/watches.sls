chg:
  test.succeed_with_changes
same:
  test.succeed_without_changes
failed:
  test.fail_with_changes
w1:
  test.succeed_without_changes:
    - watch:
      - test: chg
      - test: same
w2:
  test.succeed_with_changes:
    - watch:
      - test: chg
w3:
  test.succeed_without_changes:
    - watch_any:
      - test: chg
      - test: failed
w4:
  test.succeed_without_changes:
    - watch_any:
      - test: same
      - test: failed
w5:
  test.succeed_without_changes:
    - watch:
      - test: failed
w6:
  test.succeed_without_changes:
    - comment: mine
    - watch:
      - test: chg
w7:
  test.succeed_without_changes:
    - watch:
      - sls: watches2
w8:
  test.fail_without_changes:
    - watch:
      - test: chg
include:
  - watches2
