//! Renders every recorded case and compares with what Jinja2 3.1.6 on CPython 3.11 gave.
//!
//! `data/differences.json` names each case that differs, with the reason; the sets must be equal, so a case that begins to pass must
//! be taken off the list.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

use std::collections::BTreeMap;

use jinja::{Environment, Error, Object, Result, Settings, State, UndefinedKind, Value};
use serde_json::Value as Json;

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::from),
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => Value::list(items.iter().map(value).collect()),
        Json::Object(map) => Value::dict(map.iter().map(|(k, v)| (k, value(v)))),
    }
}

/// The host object of the corpus: functions by name.
struct Functions;

impl Object for Functions {
    fn type_name(&self) -> &str {
        "Salt"
    }
    fn module(&self) -> Option<&str> {
        Some("__main__")
    }
    fn get_item(&self, _: &State<'_>, key: &Value) -> Result<Option<Value>> {
        Ok((key.as_str() == Some("grains.get")).then(|| {
            Value::function("get", |state, args| {
                let grains = state.lookup("grains").unwrap();
                state.call_method(&grains, "get", args)
            })
        }))
    }
}

fn load(files: &Json) -> impl Fn(&State<'_>, &str) -> Result<Option<String>> + Send + Sync + 'static {
    let files = files.clone();
    move |_, name| Ok(files[name].as_str().map(str::to_owned))
}

fn corpus_environment(data: &Json) -> Environment {
    let mut env = Environment::new(Settings { undefined: UndefinedKind::Strict, ..Settings::default() });
    env.set_loader(load(&data["files"]));
    env.add_global("salt", Value::object(Functions));
    env.add_global("grains", Value::dict([("id", Value::from("px1")), ("os", Value::from("Debian"))]));
    env.add_global("pillar", value(&data["pillar"]));
    env.add_function("raise", |_, args| {
        Err(Error::python("TemplateError", jinja::to_str(&args.positional[0])?))
    });
    env.add_function("odict", |state, args| state.call(&state.lookup("dict").unwrap(), args));
    env.add_filter("load_text", |_, v, _| match &v {
        Value::Object(_) => jinja::to_str(&v).map(Value::from),
        _ => Ok(v),
    });
    env.add_filter("load_json", |_, v, _| {
        let json: Json = serde_json::from_str(&jinja::to_str(&v)?)
            .map_err(|e| Error::python("ValueError", e.to_string()))?;
        Ok(value(&json))
    });
    env.add_filter("sequence", |_, v, _| {
        Ok(match &v {
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) => v,
            _ => Value::list(vec![v]),
        })
    });
    env.add_serializer_tags(&["json", "text", "yaml"]);
    env
}

fn oracle_environment(case: &Json, files: &Json) -> Environment {
    let set = &case["s"];
    let text = |key: &str, default: &str| set[key].as_str().unwrap_or(default).to_owned();
    let flag = |key: &str| set[key].as_bool().unwrap_or(false);
    let settings = Settings {
        undefined: match case["u"].as_str() {
            Some("default") => UndefinedKind::Default,
            Some("chainable") => UndefinedKind::Chainable,
            Some("debug") => UndefinedKind::Debug,
            _ => UndefinedKind::Strict,
        },
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
    };
    let mut env = Environment::new(settings);
    env.set_loader(load(files));
    env
}

/// What is wrong with a case, `None` if it is as recorded.
fn difference(env: &Environment, case: &Json) -> Option<String> {
    let got = env.render_str(None, case["t"].as_str().unwrap(), &[]);
    match (got, case["out"].as_str()) {
        (Ok(text), Some(out)) if text == out => None,
        (Ok(text), Some(out)) => Some(format!("got {text:?}, expected {out:?}")),
        (Ok(text), None) => Some(format!("got {text:?}, expected {} {}", case["err"], case["msg"])),
        (Err(e), Some(out)) => Some(format!("got {} {e}, expected {out:?}", e.class())),
        (Err(e), None) => {
            let got = (e.class(), e.message(), e.line() as u64);
            let expected = (
                case["err"].as_str().unwrap(),
                case["msg"].as_str().unwrap(),
                case["line"].as_u64().unwrap(),
            );
            (got != expected).then(|| format!("got {got:?}, expected {expected:?}"))
        }
    }
}

fn check(file: &str, cases: impl Iterator<Item = (String, Option<String>)>) {
    let listed: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_str(include_str!("data/differences.json")).unwrap();
    let listed = listed.get(file).cloned().unwrap_or_default();
    let mut total = 0;
    let mut failures = BTreeMap::new();
    for (name, difference) in cases {
        total += 1;
        if let Some(text) = difference {
            failures.insert(name, text);
        }
    }
    println!("{file}: {} of {total} as recorded", total - failures.len());
    let new: Vec<String> =
        failures.iter().filter(|(n, _)| !listed.contains_key(*n)).map(|(n, t)| format!("{n}: {t}")).collect();
    let gone: Vec<&String> = listed.keys().filter(|n| !failures.contains_key(*n)).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{} new differences:\n{}\nno longer different: {gone:?}",
        new.len(),
        new.join("\n")
    );
}

#[test]
fn corpus() {
    let data: Json = serde_json::from_str(include_str!("data/jinja-cases.json")).unwrap();
    let env = corpus_environment(&data);
    let cases = data["cases"].as_array().unwrap().iter();
    check("jinja-cases", cases.map(|c| (c["name"].as_str().unwrap().to_owned(), difference(&env, c))));
}

#[test]
fn oracle() {
    let data: Json = serde_json::from_str(include_str!("data/oracle-cases.json")).unwrap();
    let cases = data["cases"].as_array().unwrap().iter();
    let name = |c: &Json| {
        format!(
            "{}{}{}",
            c["t"].as_str().unwrap(),
            c["s"].as_object().map_or(String::new(), |s| serde_json::to_string(s).unwrap()),
            c["u"].as_str().unwrap_or("")
        )
    };
    check("oracle-cases", cases.map(|c| (name(c), difference(&oracle_environment(c, &data["files"]), c))));
}

/// Random templates of `data/fuzz.py`: those recorded with the sources, or those of the file that `JINJA_FUZZ` names.
#[test]
fn fuzz() {
    let recorded = include_str!("data/fuzz-cases.json").to_owned();
    let text = std::env::var("JINJA_FUZZ").map_or(recorded, |path| std::fs::read_to_string(path).unwrap());
    let data: Json = serde_json::from_str(&text).unwrap();
    let cases = data["cases"].as_array().unwrap().iter();
    let name = |c: &Json| format!("{}{}", c["t"].as_str().unwrap(), c["u"].as_str().unwrap_or(""));
    check("fuzz-cases", cases.map(|c| (name(c), difference(&oracle_environment(c, &data["files"]), c))));
}
