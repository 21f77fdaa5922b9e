include: foo
a:
  test.nop
