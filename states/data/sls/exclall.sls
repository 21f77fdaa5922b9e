exclude:
  - exclall
z:
  test.nop
