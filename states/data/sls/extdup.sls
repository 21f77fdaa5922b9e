include:
  - exts
extend:
  base_id:
    test:
      - comment: twice
