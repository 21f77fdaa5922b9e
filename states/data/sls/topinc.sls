base:
  '*':
    - tgt
