a:
  test.nop:
    - require:
      - test: d
b:
  test.nop
c:
  test.nop
d:
  test.nop
e:
  test.nop:
    - require:
      - test: b
