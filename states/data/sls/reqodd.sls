a:
  test.nop:
    - onfail: b
b:
  test.nop:
    - onfail:
        test: a
c:
  test.nop:
    - onfail: null
