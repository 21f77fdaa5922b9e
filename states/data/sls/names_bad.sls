a:
  test.nop:
    - names: n1
