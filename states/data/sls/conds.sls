u1:
  test.succeed_with_changes:
    - unless:
      - fun: test.true
u2:
  test.succeed_with_changes:
    - unless:
      - fun: test.true
      - fun: test.false
o1:
  test.succeed_with_changes:
    - onlyif:
      - fun: test.true
      - fun: test.false
o2:
  test.succeed_with_changes:
    - onlyif:
      - fun: test.echo
        args: [yes]
e1:
  test.succeed_with_changes:
    - onlyif:
      - fun: test.echo
        text: ""
both:
  test.succeed_with_changes:
    - onlyif:
      - fun: test.false
    - unless:
      - fun: test.true
get:
  test.succeed_with_changes:
    - onlyif:
      - fun: test.echo
        args: [{a: {b: ""}}]
        get_return: a:b
nofun:
  test.succeed_with_changes:
    - onlyif:
      - foo: bar
badtype:
  test.succeed_with_changes:
    - unless: [1]
cr1:
  test.succeed_with_changes:
    - creates: /etc/passwd
cr2:
  test.succeed_with_changes:
    - creates: [/etc/passwd, /nosuch]
cr3:
  test.succeed_with_changes:
    - creates: [/etc/passwd, /etc/group]
w:
  test.succeed_without_changes:
    - watch:
      - test: o2
    - unless:
      - fun: test.true
