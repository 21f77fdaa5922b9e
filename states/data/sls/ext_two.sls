include: [tgt]
extend:
  t1:
    test:
      - name: renamed
      - require:
        - test: t2
