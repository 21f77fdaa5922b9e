a:
  test.nop:
    - require: [ {test: c}, {test: b} ]
b:
  test.nop:
    - order: 5
c:
  test.nop
d:
  test.nop:
    - order: 1
    - require:
      - test: e
e:
  test.nop:
    - order: last
