a:
  test.nop:
    - require: null
