include: [inc_loop2]
a:
  test.nop
