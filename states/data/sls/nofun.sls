a:
  test:
    - x: y
