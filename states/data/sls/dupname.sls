a:
  test.nop:
    - name: x
b:
  test.nop:
    - name: x
c:
  test.nop:
    - require:
      - test: x
