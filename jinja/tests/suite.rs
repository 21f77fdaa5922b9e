//! The templates of Jinja2's own test suite, as `data/record_suite.py` extracts them.
//!
//! `data/suite-differences.json` names the tests with templates that differ, with the reason; the sets must be equal.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jinja::{Dict, Environment, Key, Range, Settings, UndefinedKind, Value};
use serde_json::Value as Json;

fn value(json: &Json) -> Value {
    let many = |json: &Json| json.as_array().unwrap().iter().map(value).collect::<Vec<_>>();
    match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::from),
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(_) => Value::list(many(json)),
        Json::Object(map) => {
            let (kind, inner) = map.iter().next().unwrap();
            match kind.as_str() {
                "$markup" => Value::Markup(inner.as_str().unwrap().into()),
                "$tuple" => Value::tuple(many(inner)),
                "$range" => {
                    let n = |i: usize| inner[i].as_i64().unwrap();
                    Value::Range(Arc::new(Range { start: n(0), stop: n(1), step: n(2) }))
                }
                _ => {
                    let pair = |pair: &Json| (Key::new(value(&pair[0])).unwrap(), value(&pair[1]));
                    Value::Dict(Dict::new(inner.as_array().unwrap().iter().map(pair).collect()))
                }
            }
        }
    }
}

fn environment(case: &Json) -> Environment {
    let set = &case["s"];
    let text = |key: &str, default: &str| set[key].as_str().unwrap_or(default).to_owned();
    let flag = |key: &str| set[key].as_bool().unwrap_or(false);
    let mut env = Environment::new(Settings {
        undefined: match case["u"].as_str().unwrap() {
            "strict" => UndefinedKind::Strict,
            "chainable" => UndefinedKind::Chainable,
            "debug" => UndefinedKind::Debug,
            _ => UndefinedKind::Default,
        },
        autoescape: case["auto"].as_bool().unwrap(),
        do_tag: case["do"].as_bool().unwrap(),
        loop_controls: case["loops"].as_bool().unwrap(),
        block_start: text("block_start_string", "{%"),
        block_end: text("block_end_string", "%}"),
        variable_start: text("variable_start_string", "{{"),
        variable_end: text("variable_end_string", "}}"),
        comment_start: text("comment_start_string", "{#"),
        comment_end: text("comment_end_string", "#}"),
        line_statement_prefix: set["line_statement_prefix"].as_str().map(str::to_owned),
        line_comment_prefix: set["line_comment_prefix"].as_str().map(str::to_owned),
        newline_sequence: text("newline_sequence", "\n"),
        trim_blocks: flag("trim_blocks"),
        lstrip_blocks: flag("lstrip_blocks"),
        keep_trailing_newline: flag("keep_trailing_newline"),
        ..Settings::default()
    });
    if case["files"].is_object() {
        let files = case["files"].clone();
        env.set_loader(move |_: &jinja::State<'_>, name: &str| Ok(files[name].as_str().map(str::to_owned)));
    }
    for (name, global) in case["g"].as_object().unwrap() {
        env.add_global(name, value(global));
    }
    env
}

/// What is wrong with a case, `None` if it is as recorded.
fn difference(case: &Json) -> Option<String> {
    let env = environment(case);
    let given: Vec<(String, Value)> = case["c"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), value(&pair[1])))
        .collect();
    let given: Vec<(&str, Value)> =
        given.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let got = match env.render_str(case["name"].as_str(), case["t"].as_str().unwrap(), &given) {
        Ok(text) => format!("text {text:?}"),
        Err(error) => format!("{} {:?}", error.class(), error.message()),
    };
    let wanted = match case["out"].as_str() {
        Some(text) => format!("text {text:?}"),
        None => format!("{} {:?}", case["err"].as_str().unwrap(), case["msg"].as_str().unwrap()),
    };
    (got != wanted).then(|| format!("{}: {}\n  got    {got}\n  wanted {wanted}", case["test"], case["t"]))
}

#[test]
fn the_suite_of_jinja2() {
    let data: Json = serde_json::from_str(include_str!("data/suite-cases.json")).unwrap();
    let listed: BTreeMap<String, String> =
        serde_json::from_str(include_str!("data/suite-differences.json")).unwrap();
    let cases = data["cases"].as_array().unwrap();
    let mut differ: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in cases {
        if let Some(text) = difference(case) {
            differ.entry(case["test"].as_str().unwrap()).or_default().push(text);
        }
    }
    let count: usize = differ.values().map(Vec::len).sum();
    println!("{} of {} as recorded", cases.len() - count, cases.len());
    assert!(count * 20 <= cases.len(), "{count} of {} differ: more than 5 %", cases.len());
    let new: Vec<String> = differ
        .iter()
        .filter(|(test, _)| !listed.contains_key(**test))
        .flat_map(|(_, texts)| texts.clone())
        .collect();
    let gone: Vec<&String> = listed.keys().filter(|test| !differ.contains_key(test.as_str())).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{} differ:\n{}\nno longer different: {gone:?}",
        new.len(),
        new.join("\n")
    );
}
