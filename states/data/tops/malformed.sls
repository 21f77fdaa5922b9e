base:
  '*': tgt
