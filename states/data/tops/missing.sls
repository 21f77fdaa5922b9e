base:
  '*':
    - nosuchsls
