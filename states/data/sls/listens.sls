chg:
  test.succeed_with_changes
chg2:
  test.succeed_with_changes
l1:
  test.succeed_without_changes:
    - listen:
      - test: chg
      - test: chg2
l2:
  test.nop:
    - name: l2name
l3:
  test.succeed_with_changes:
    - listen_in:
      - test: l2name
l4:
  test.nop:
    - listen:
      - nosuch
      - test: same
same:
  test.nop
l5:
  test.succeed_with_changes:
    - listen_in:
      - test: nosuch
l6:
  test.nop:
    - listen:
      - foo: bar
