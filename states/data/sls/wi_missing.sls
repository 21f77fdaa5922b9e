a:
  test.nop:
    - watch_in:
      - nosuch
