//! Templates and texts that would take the minion with them end with an error instead.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

#[allow(dead_code, reason = "the double serves other tests too")]
mod double;

use std::time::Duration;

use double::Minion;
use render::Source;
use salt::{Context, Map, map};

const FILES: [(&str, &str); 4] = [
    ("cycle.jinja", "{% import 'cycle.jinja' as c %}"),
    ("ping.jinja", "{% include 'pong.jinja' %}"),
    ("pong.jinja", "{% include 'ping.jinja' %}"),
    ("self.sls", "a: {{ salt['slsutil.renderer']('salt://self.sls') }}"),
];

fn context(minion: &Minion, options: Map) -> Context {
    let mut opts: Map = (*minion.identity.opts()).clone();
    opts.extend(options);
    minion.context("1", "state.apply").with_opts(opts)
}

async fn failure(text: &str, options: Map) -> String {
    let minion = Minion::new(&FILES, Vec::new());
    let source = Source { saltenv: "base".into(), sls: Some("x".into()), ..Source::default() };
    let rendered = render::render(&context(&minion, options), text.as_bytes(), &source).await;
    let text = rendered.expect_err("an error").text().to_string();
    assert!(text.len() < 1 << 20, "an error of {} bytes", text.len());
    text
}

#[tokio::test]
async fn a_template_that_loops_for_ever_ends() {
    let endless = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
    let text = failure(endless, map! { "template_timeout" => 0.2 }).await;
    assert!(text.starts_with("Jinja syntax error: the template takes more than 0.2 seconds"), "{text}");
    let recursive = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    let text = failure(recursive, Map::new()).await;
    assert!(text.starts_with("Jinja error: maximum recursion depth exceeded"), "{text}");
}

#[tokio::test]
async fn a_template_that_takes_all_memory_ends() {
    let limits = map! { "template_memory" => 64, "template_timeout" => 600 };
    for grows in [
        "{% set l = [] %}{% for i in range(100000) %}{% do l.append('x' * 1000000 ~ i) %}{% endfor %}",
        "{% set l = [] %}{% for i in range(100000) %}{% do l.append([0] * 100000) %}{% endfor %}",
        "{% set n = namespace(s='x' * 1000) %}{% for i in range(1000) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    ] {
        let text = failure(grows, limits.clone()).await;
        assert!(text.contains("MemoryError") || text.contains("template_memory"), "{text}");
    }
    let text =
        failure("{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", map! { "template_output" => 1 })
            .await;
    assert!(text.contains("writes more than 1048576 bytes"), "{text}");
}

#[tokio::test]
async fn templates_that_call_each_other_without_end_are_ended() {
    for text in ["{% import 'cycle.jinja' as c %}", "{% include 'ping.jinja' %}", FILES[3].1] {
        let text = failure(text, Map::new()).await;
        assert!(text.contains("maximum recursion depth exceeded"), "{text}");
    }
}

#[tokio::test]
async fn a_bomb_of_aliases_is_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for i in 1..30 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    assert!(failure(&bomb, Map::new()).await.contains("aliases expand to too much"));
    let loaded = format!("{{% load_yaml as x %}}\n{bomb}{{% endload %}}");
    assert!(failure(&loaded, Map::new()).await.contains("aliases expand to too much"));
}

/// The runtime of this test waits for its threads at the end, so it would never come to one if the template went on.
#[tokio::test]
async fn a_template_whose_job_was_killed_ends() {
    let minion = Minion::new(&FILES, Vec::new());
    let cx = context(&minion, map! { "template_timeout" => 1e8 });
    let endless = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";
    let waiting = "{{ salt['test.sleep'](100000000) }}";
    for text in [endless, waiting] {
        let source = Source { saltenv: "base".into(), sls: Some("x".into()), ..Source::default() };
        let work = render::render(&cx, text.as_bytes(), &source);
        assert!(tokio::time::timeout(Duration::from_millis(100), work).await.is_err());
    }
}

#[tokio::test]
async fn no_template_reaches_the_process() {
    for text in [
        "{{ ''.__class__.__mro__ }}",
        "{{ salt.__init__.__globals__ }}",
        "{{ salt['test.echo'].__globals__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ [].append.__self__ }}",
        "{{ opts['__class__'] }}",
        "{{ 1|attr('__class__') }}",
    ] {
        let text = failure(text, Map::new()).await;
        assert!(text.contains("is unsafe") || text.contains("has no attribute"), "{text}");
    }
}
