include: [req_name]
extend:
  thename:
    test:
      - name: other
