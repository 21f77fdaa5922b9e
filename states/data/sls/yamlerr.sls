a:
  test.nop:
  - x: [1,
b: : c
