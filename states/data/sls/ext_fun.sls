include: [tgt]
extend:
  t1:
    test.succeed_with_changes: []
