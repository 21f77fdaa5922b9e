a:
  test.fail_with_changes:
    - require_in:
      - test: b
      - c
    - watch_in:
      - test: d
    - onchanges_in:
      - test: e
    - onfail_in:
      - test: f
      - test: g
b:
  test.nop
c:
  test.nop:
    - name: cname
d:
  test.nop
e:
  test.nop
f:
  test.nop
g:
  test.nop
h:
  test.succeed_with_changes:
    - watch_in:
      - test: i
      - iname
    - require_in:
      - test: iname
i:
  test.succeed_without_changes
j:
  test.succeed_without_changes:
    - name: iname
