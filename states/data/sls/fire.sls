a:
  test.succeed_with_changes:
    - fire_event: True
b:
  test.nop:
    - fire_event: my/custom
