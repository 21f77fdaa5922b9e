stop:
  test.succeed_with_changes:
    - prereq:
      - test: deploy
deploy:
  test.succeed_with_changes:
    - require:
      - test: base
base:
  test.nop
start:
  test.succeed_without_changes:
    - watch:
      - test: deploy
chain:
  test.nop:
    - prereq_in:
      - test: stop
idle:
  test.nop:
    - prereq:
      - test: quiet
quiet:
  test.nop
broken:
  test.nop:
    - prereq:
      - test: fails
fails:
  test.fail_with_changes
both:
  test.succeed_with_changes:
    - prereq:
      - test: quiet
      - test: deploy
