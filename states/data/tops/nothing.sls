base:
  other:
    - tgt
