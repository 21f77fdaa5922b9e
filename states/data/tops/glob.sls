base:
  '*':
    - t?t
    - tgt
