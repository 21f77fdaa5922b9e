nop:
  test.nop
ok:
  test.succeed_without_changes
chg:
  test.succeed_with_changes:
    - name: foo
fail:
  test.fail_without_changes
failchg:
  test.fail_with_changes
conf:
  test.configurable_test_state:
    - changes: True
    - result: True
    - comment: "hello"
    - warnings: "careful"
show:
  test.show_notification:
    - text: Hello There
pil:
  test.check_pillar:
    - present: [foo, nosuch]
    - integer: nested:a
