base:
  '*':
    - tgt
    - dev: devonly
  'G@nosuch:x':
    - order
dev:
  '*':
    - devonly
