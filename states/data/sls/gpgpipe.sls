#!jinja|yaml|gpg
a:
  test.nop
