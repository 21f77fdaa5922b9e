include:
  - nosuchenv: foo
a:
  test.nop
