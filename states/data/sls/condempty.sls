empty:
  test.nop:
    - onlyif: []
    - unless: []
