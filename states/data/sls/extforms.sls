extend: [a]
x:
  test.nop
