a:
  test.nop:
    - require:
      - test: nosuch
      - foo: bar
b:
  test.nop:
    - watch:
      - nosuch
c:
  test.nop:
    - onchanges:
      - test: zz
ok:
  test.nop
