z_last:
  test.nop:
    - order: last
m:
  test.nop
b2:
  test.nop:
    - order: 2
a1:
  test.nop:
    - order: 1
first:
  test.nop:
    - order: first
neg:
  test.nop:
    - order: -1
half:
  test.nop:
    - order: 1.5
word:
  test.nop:
    - order: soon
names_test:
  test.nop:
    - names:
      - n2
      - n1:
        - foo: bar
      - n3
