include:
  - .rel2
  - ..incsub
rel:
  test.nop
