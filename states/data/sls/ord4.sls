z:
  test.nop:
    - watch:
      - test: y
    - require:
      - test: x
y:
  test.succeed_with_changes:
    - require:
      - test: w
x:
  test.nop
w:
  test.nop
v:
  test.nop:
    - onchanges:
      - test: z
u:
  test.nop:
    - onfail:
      - test: x
