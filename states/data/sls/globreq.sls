pre1:
  test.succeed_with_changes
pre2:
  test.nop
x:
  test.nop:
    - require:
      - test: pre*
y:
  test.nop:
    - onchanges:
      - id: pre*
