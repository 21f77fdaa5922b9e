include: [tgt, sub]
a:
  test.nop:
    - require:
      - sls: t*
      - id: "t?"
b:
  test.nop:
    - onchanges:
      - sls: sub*
c:
  test.nop:
    - onchanges:
      - test: "t[12]"
d:
  test.nop:
    - require:
      - sls: nosuch*
      - test: "zz*"
e:
  test.nop:
    - require:
      - sub
f:
  test.nop:
    - onchanges:
      - sls: reqglob2
