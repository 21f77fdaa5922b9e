a:
  test.nop:
    - order: last
b:
  test.nop:
    - require:
      - test: a
c:
  test.nop
