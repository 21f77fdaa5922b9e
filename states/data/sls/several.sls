1:
  test.nop
a:
  test:
    - x: y
b:
  test.nop:
    - require: c
    - names: n
c:
  test.nop:
d:
  test.nop:
    name: x
e:
  test:
    - nop
    - fail without
f:
  test.nop:
    - watch:
      - test: [a]
      - 5
      - test.x: y
      - a: 1
        b: 2
    - require:
      - test: a
      more: b
