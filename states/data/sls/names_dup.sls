a:
  test.nop:
    - names: [n1, n1, n2]
