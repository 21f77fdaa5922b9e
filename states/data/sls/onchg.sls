chg:
  test.succeed_with_changes
same:
  test.nop
bad:
  test.fail_with_changes
a:
  test.nop:
    - onchanges:
      - test: chg
      - test: same
b:
  test.nop:
    - onchanges:
      - test: bad
c:
  test.nop:
    - onchanges_any:
      - test: bad
      - test: chg
d:
  test.nop:
    - onchanges:
      - test: same
    - require:
      - test: bad
e:
  test.nop:
    - onchanges:
      - test: chg
    - require:
      - test: bad
f:
  test.nop:
    - onchanges:
      - test: d
