include: [inc_self]
a:
  test.nop
