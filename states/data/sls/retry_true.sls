a:
  test.nop:
    - retry: False
b:
  test.nop:
    - retry: 5
