src:
  test.succeed_with_changes
mw:
  module.wait:
    - name: test.echo
    - text: hi
    - watch:
      - test: src
mrw:
  module.run:
    - name: test.echo
    - text: xx
    - watch:
      - test: src
deep:
  module.run:
    - test.arg:
      - a:
          result: False
    - test.echo:1: [{text: {comment: said}}]
    - test.echo:2:
      - {retcode: 3, comment: bad}
text:
  module.run:
    - name: test.echo
    - m_text: no
