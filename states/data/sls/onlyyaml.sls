#!yaml
a:
  test.nop:
    - x: '{{ x }}'
