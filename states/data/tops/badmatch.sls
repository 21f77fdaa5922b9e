base:
  'foo':
    - match: nosuchmatcher
    - tgt
