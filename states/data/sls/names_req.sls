a:
  test.succeed_with_changes:
    - names: [n1, n2]
b:
  test.nop:
    - onchanges:
      - test: a
