a:
  test.nop:
    - names: [x, y]
b:
  test.succeed_with_changes:
    - name: x
c:
  test.nop:
    - onchanges:
      - test: x
d:
  test.nop:
    - name: 5
e:
  test.nop:
    - names: [1, {two: [{comment: hi}]}]
