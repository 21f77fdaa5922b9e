base:
  - tgt
