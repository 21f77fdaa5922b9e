include:
  - topinc
base:
  'zz':
    - tgt
