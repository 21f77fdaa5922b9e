base:
  '*':
    - 5
