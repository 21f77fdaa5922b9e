include: [inc_loop]
b:
  test.nop
