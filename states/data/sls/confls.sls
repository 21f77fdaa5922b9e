include: [confl2, tgt]
same:
  test.nop
t1:
  test.nop
