bad1:
  test.fail_without_changes
bad2:
  test.fail_without_changes
good:
  test.nop
all_bad:
  test.nop:
    - onfail_all:
      - test: bad1
      - test: bad2
all_mixed:
  test.nop:
    - onfail_all:
      - test: bad1
      - test: good
any_mixed:
  test.nop:
    - onfail_any:
      - test: bad1
      - test: good
any_none:
  test.nop:
    - onfail_any:
      - test: good
after_onfail:
  test.nop:
    - require:
      - test: any_none
both:
  test.nop:
    - onfail:
      - test: bad1
    - onchanges:
      - test: good
both2:
  test.nop:
    - onfail:
      - test: bad1
    - require:
      - test: good
early:
  test.nop:
    - order: 1
    - onfail:
      - test: bad2
