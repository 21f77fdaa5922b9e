include:
  - extbase
  - incsub
exclude:
  - id: base2
  - sls: incsub
x:
  test.nop
