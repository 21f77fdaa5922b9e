a:
  test.nop:
    - name: thename
b:
  test.nop:
    - require:
      - test: thename
c:
  test.nop:
    - require:
      - thename
