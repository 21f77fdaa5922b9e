f:
  test.fail_without_changes
r:
  test.nop:
    - require:
      - test: f
r2:
  test.nop:
    - require:
      - test: r
ra:
  test.nop:
    - require_any:
      - test: f
      - test: ok
ok:
  test.succeed_with_changes
w:
  test.succeed_without_changes:
    - watch:
      - test: ok
wany:
  test.succeed_without_changes:
    - watch_any:
      - test: f
      - test: ok
oc:
  test.nop:
    - onchanges:
      - test: nochg
ocf:
  test.nop:
    - onchanges:
      - test: f
occ:
  test.nop:
    - onchanges:
      - test: ok
ocany:
  test.nop:
    - onchanges_any:
      - test: ok
      - test: nochg
nochg:
  test.nop
of:
  test.nop:
    - onfail:
      - test: f
ofn:
  test.nop:
    - onfail:
      - test: ok
ofall:
  test.nop:
    - onfail_all:
      - test: f
      - test: ok
ofany:
  test.nop:
    - onfail_any:
      - test: f
      - test: ok
