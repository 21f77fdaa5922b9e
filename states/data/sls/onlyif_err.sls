a:
  test.nop:
    - onlyif:
      - fun: nosuch.fn
