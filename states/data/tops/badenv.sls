nosuchenv:
  '*':
    - tgt
