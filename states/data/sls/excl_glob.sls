include: [tgt, req_name]
exclude:
  - tg*
  - id: c
x:
  test.nop
