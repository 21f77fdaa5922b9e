base:
  '*':
    - empty
