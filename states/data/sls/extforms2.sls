include: [tgt]
extend:
  t1: test
x:
  test.nop
