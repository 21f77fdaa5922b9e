include: [tgt, extbase]
exclude:
  - sls: ext*
  - id: t1
z:
  test.nop
