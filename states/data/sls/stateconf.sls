#!jinja|yaml
a:
  test.nop
