um:
  test.nop:
    - umask: "022"
umbad:
  test.nop:
    - umask: "xyz"
ra:
  test.nop:
    - runas: nosuch
namelist:
  test.nop:
    - name: [1,2]
statekey:
  test.nop:
    - state: foo
    - fun: bar
slot:
  test.configurable_test_state:
    - changes: False
    - comment: __slot__:salt:test.echo(slotted)
agg:
  test.nop:
    - aggregate: True
reload:
  test.succeed_with_changes:
    - reload_modules: True
    - reload_grains: True
    - reload_pillar: True
unicode é:
  test.nop
