base:
  '*':
    - match:
    - ''
    - tgt
5:
  '*': [tgt]
