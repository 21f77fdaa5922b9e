include:
  - extbase
  - tgt
extend:
  base_id:
    test:
      - comment: replaced
      - changes: True
      - watch:
        - test: t2
  t1:
    test.fail_without_changes:
      - require_in:
        - test: base2
  t2:
    test:
      - names: [x, y]
