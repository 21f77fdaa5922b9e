a:
  test.nop:
    - prereq:
      - test: nosuch
