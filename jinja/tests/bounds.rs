//! No template may make the engine panic, overflow the stack or run without end.

use jinja::{Environment, Settings, UndefinedKind, Value};
use proptest::prelude::*;

fn environment() -> Environment {
    let mut env = Environment::new(Settings {
        undefined: UndefinedKind::Strict,
        max_steps: 200_000,
        max_output: 1 << 20,
        ..Settings::default()
    });
    env.set_loader(|_: &jinja::State<'_>, name: &str| {
        Ok(match name {
            "me" => Some("{% include 'me' %}".to_owned()),
            "loop" => Some("{% extends 'loop' %}".to_owned()),
            "m" => Some(
                "{% macro f(a, b=1) %}{{ a }}{{ caller() if caller }}{% endmacro %}{% set v = [1] %}"
                    .to_owned(),
            ),
            _ => None,
        })
    });
    env
}

fn class(source: &str) -> String {
    match environment().render_str(None, source, &[]) {
        Ok(text) => format!("ok {}", text.len()),
        Err(e) => e.class().to_owned(),
    }
}

#[test]
fn nesting_ends_in_an_error() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1:", "}"),
        ("-", ""),
        ("not ", ""),
        ("x[", "]"),
        ("f(", ")"),
        ("1 if 1 else ", ""),
    ] {
        let source = format!("{{{{ {}1{} }}}}", open.repeat(50_000), close.repeat(50_000));
        assert_eq!(class(&source), "RecursionError", "{open}");
    }
    for (open, close) in [
        ("{% if 1 %}", "{% endif %}"),
        ("{% for i in [1] %}", "{% endfor %}"),
        ("{% with %}", "{% endwith %}"),
        ("{% filter upper %}", "{% endfilter %}"),
    ] {
        let source = format!("{}x{}", open.repeat(20_000), close.repeat(20_000));
        assert_eq!(class(&source), "RecursionError", "{open}");
    }
    for chain in ["|upper", ".x", "[0]", "()", " + 1", " ~ 1", " and 1"] {
        let source = format!("{{{{ 1{} }}}}", chain.repeat(100_000));
        let _ = class(&source);
    }
}

#[test]
fn recursion_ends_in_an_error() {
    assert_eq!(class("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), "RecursionError");
    assert_eq!(class("{% include 'me' %}"), "RecursionError");
    assert!(class("{% extends 'loop' %}").ends_with("Error"));
    assert_eq!(class("{% block a %}{{ self.a() }}{% endblock %}"), "RecursionError");
    assert_eq!(class("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), "RecursionError");
    assert_eq!(
        class(
            "{% macro f() %}{{ [1]|map('nosuch')|list }}{{ [f]|map(attribute='x')|list }}{{ f() }}{% endmacro %}{{ f() }}"
        ),
        "TemplateRuntimeError"
    );
}

#[test]
fn deep_data_is_dropped_and_refused_in_order() {
    let deep = "{% set ns = namespace(x=1) %}{% for i in range(20000) %}{% set ns.x = [ns.x] %}{% endfor %}";
    assert_eq!(class(deep), "ok 0");
    assert_eq!(class(&deep.replace("[ns.x]", "{'a': ns.x}")), "ok 0");
    assert_eq!(class(&deep.replace("[ns.x]", "(ns.x,)")), "ok 0");
    assert_eq!(class(&deep.replace("[ns.x]", "ns.x|map('upper')")), "ok 0");
    assert_eq!(class(&deep.replace("[ns.x]", "cycler(ns.x)")), "ok 0");
    assert_eq!(class(&format!("{deep}{{{{ ns.x }}}}")), "RecursionError");
    assert_eq!(class(&format!("{deep}{{{{ ns.x == [ns.x] }}}}")), "RecursionError");
    assert_eq!(class(&format!("{deep}{{{{ ns.x|tojson }}}}")), "ValueError");
    assert_eq!(class(&format!("{deep}{{{{ ns.x|pprint }}}}")), "RecursionError");
    let lazy = deep.replace("[ns.x]", "ns.x|map('upper')");
    assert_eq!(class(&format!("{lazy}{{{{ ns.x|list }}}}")), "RecursionError");
    let tuple = deep.replace("[ns.x]", "(ns.x,)");
    assert_eq!(class(&format!("{tuple}{{{{ {{ns.x: 1}} }}}}")), "RecursionError");
}

#[test]
fn work_and_memory_are_bounded() {
    assert_eq!(
        class("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"),
        "TemplateRuntimeError"
    );
    assert_eq!(
        class("{% set l = [1] %}{% for i in l %}{% do l.append(1) %}{% endfor %}"),
        "TemplateRuntimeError"
    );
    assert_eq!(
        class("{% for i in range(50000) %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}"),
        "TemplateRuntimeError"
    );
    for source in [
        "{{ 'a' * 10**10 }}",
        "{{ [1] * 10**10 }}",
        "{{ 10 ** (10 ** 8) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ 'a'|center(10**9) }}",
    ] {
        assert_eq!(class(source), "MemoryError", "{source}");
    }
}

#[test]
fn data_is_shared_with_the_host_and_bounds_do_not_outlive_a_render() {
    let env = environment();
    let list = Value::list(vec![]);
    let template = env.template(None, "{% do l.append(1) %}{{ l|length }}").unwrap();
    assert_eq!(template.render(&env, &[("l", list.clone())]).unwrap(), "1");
    assert_eq!(template.render(&env, &[("l", list)]).unwrap(), "2");
}

#[test]
fn values_and_environments_cross_threads() {
    fn check<T: Send + Sync>() {}
    check::<Value>();
    check::<Environment>();
    check::<jinja::Template>();
    check::<jinja::Error>();
}

const PARTS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    "+",
    " ",
    "\n",
    "if",
    "for",
    "in",
    "else",
    "endif",
    "endfor",
    "set",
    "endset",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "block",
    "endblock",
    "raw",
    "endraw",
    "with",
    "endwith",
    "include 'm'",
    "import 'm' as m",
    "from 'm' import f",
    "extends 'm'",
    "x",
    "y",
    "loop",
    "self",
    "super",
    "caller",
    "f",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "|",
    "~",
    "==",
    "<",
    "is",
    "not",
    "and",
    "or",
    "*",
    "**",
    "/",
    "//",
    "%",
    "=",
    "1",
    "0",
    "-1",
    "2.5",
    "10**20",
    "'a'",
    "'%s %d'",
    "'{0[a]!r:>5}'",
    "''",
    "none",
    "true",
    "range(3)",
    "namespace(a=1)",
    "format",
    "upper",
    "sort",
    "map('upper')",
    "list",
    "join",
    "batch(2)",
    "slice(2)",
    "groupby('a')",
    "replace('a','b')",
    "truncate(3)",
    "wordwrap(2)",
    "indent",
    "round(1)",
    "int",
    "tojson",
    "pprint",
    "urlize",
    "xmlattr",
    "striptags",
    "first",
    "last",
    "items()",
    "append(1)",
    "split()",
    "é",
    "\\",
    "'",
    "\"",
    "\0",
    "\u{1F600}",
    "recursive",
    "scoped",
    "required",
    "ignore missing",
    "without context",
    "break",
    "continue",
    "do",
    "defined",
    "[::2]",
    "[1:]",
    "[-1]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(source in "\\PC{0,60}") {
        let _ = class(&source);
    }

    #[test]
    fn any_mix_of_parts_is_survived(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..30), spaced in any::<bool>()) {
        let _ = class(&parts.join(if spaced { " " } else { "" }));
    }

    #[test]
    fn any_expression_is_survived(parts in proptest::collection::vec(proptest::sample::select(&PARTS[30..]), 0..10)) {
        let _ = class(&format!("{{% set x = [1, 'a', {{'a': 2}}] %}}{{% set y = 'b c' %}}{{% for i in x %}}{{{{ {} }}}}{{% endfor %}}", parts.join(" ")));
    }

    #[test]
    fn any_format_is_survived(spec in "[%{}\\[\\]a0-9.,:!<>^=+# _*dsrxfgecn-]{0,12}", n in any::<f64>()) {
        let env = environment();
        for source in ["{{ s % x }}", "{{ s % (x, 1, 'a') }}", "{{ s.format(x, 1, a='b') }}", "{{ ('{:' ~ s ~ '}').format(x) }}", "{{ ('{:' ~ s ~ '}').format(12345) }}", "{{ ('{:' ~ s ~ '}').format('abc') }}"] {
            let _ = env.render_str(None, source, &[("s", Value::from(spec.as_str())), ("x", Value::Float(n))]);
        }
    }
}
