extend:
  nosuchid:
    test:
      - a: b
x:
  test.nop
