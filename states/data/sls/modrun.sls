old:
  module.run:
    - name: test.echo
    - text: hello
old_fail:
  module.run:
    - name: test.nosuch
old_missing:
  module.run:
    - name: test.echo
old_exc:
  module.run:
    - name: test.exception
old_false:
  module.run:
    - name: test.false
new:
  module.run:
    - test.echo:
      - text: hello
    - test.ping:
new_false:
  module.run:
    - test.false: []
new_missing:
  module.run:
    - test.echo: []
new_nosuch:
  module.run:
    - test.nosuch: []
new_arg:
  module.run:
    - test.arg:
      - 1
      - b
      - k: v
new_exc:
  module.run:
    - test.exception:
      - message: boo
wait_nowatch:
  module.wait:
    - name: test.echo
    - text: x
none:
  module.run: []
mrkw:
  module.run:
    - name: test.kwarg
    - kwargs: {a: 1}
mrargs:
  module.run:
    - name: test.arg
    - args: [1,2]
