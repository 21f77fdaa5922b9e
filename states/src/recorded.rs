//! The calls of `data/calls.json`, held against what Salt made of them (`data/recorded.json`, written by
//! `data/record.py`) or, where this engine means to differ, against `data/different.json`, which says why.

use salt::args::Args;
use salt::{Context, Map, Value, map};

use crate::double::Double;

const RECORDED: &str = include_str!("../data/recorded.json");
const DIFFERENT: &str = include_str!("../data/different.json");

#[tokio::test]
async fn calls_give_what_salt_gives() {
    let cases = cases(RECORDED);
    let different = cases_of_this_engine();
    let mut wrong = Vec::new();
    for case in &cases {
        let wanted = different.iter().find(|one| key(one) == key(case)).unwrap_or(case);
        let got = call(case).await;
        for part in ["ret", "retcode", "exception", "message"] {
            if got.get(part) != wanted.get(part) {
                let (wanted, got) = apart(wanted.get(part), got.get(part));
                wrong.push(format!("{} {part}:\n  wanted {wanted}\n  got    {got}", key(case)));
            }
        }
    }
    assert!(cases.len() > 250, "only {} calls are recorded", cases.len());
    assert!(wrong.is_empty(), "{} of {} calls differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_difference_is_of_a_recorded_call_and_has_a_reason() {
    let cases = cases(RECORDED);
    for one in cases_of_this_engine() {
        let of = cases
            .iter()
            .find(|case| key(case) == key(&one))
            .unwrap_or_else(|| panic!("{} is not recorded", key(&one)));
        assert!(one.get_str("why").is_some_and(|why| why.len() > 20), "{} has no reason", key(&one));
        assert!(
            ["ret", "retcode"].iter().any(|part| of.get(part) != one.get(part)),
            "{} is no difference",
            key(&one)
        );
    }
}

fn cases_of_this_engine() -> Vec<Map> {
    cases(DIFFERENT)
}

fn cases(json: &str) -> Vec<Map> {
    let Value::List(cases) = Value::from_json(serde_json::from_str(json).expect("JSON")) else {
        panic!("a list")
    };
    cases.into_iter().map(|case| trimmed(case).as_map().expect("a map").clone()).collect()
}

/// What is called: function, arguments, keywords, top file.
fn key(case: &Map) -> String {
    let part = |key: &str| case.get(key).map(Value::to_string).unwrap_or_default();
    format!("{} {} {} {}", part("fun"), part("arg"), part("kwarg"), part("top"))
}

async fn call(case: &Map) -> Map {
    let double = Double { top: case.get_str("top").map(str::to_string), ..Double::default() };
    let opts = map! { "file_client" => "local", "local" => true };
    let cx = double.context("20261122154512725549", opts);
    let args = Args {
        positional: case.get("arg").and_then(Value::as_list).expect("arguments").to_vec(),
        keywords: case.get("kwarg").and_then(Value::as_map).expect("keywords").clone(),
    };
    run(&cx, case.get_str("fun").expect("a function"), args).await
}

async fn run(cx: &Context, fun: &str, args: Args) -> Map {
    match cx.modules().find(fun).expect("a function of this crate").run(cx, args).await {
        Ok(ret) => map! { "ret" => trimmed(ret), "retcode" => cx.job().retcode() },
        Err(e) => {
            let kind = e.kind().rsplit('.').next().unwrap_or("").to_string();
            map! { "exception" => kind, "message" => e.message() }
        }
    }
}

/// Two values as JSON; of two maps only that in which they differ.
fn apart(wanted: Option<&Value>, got: Option<&Value>) -> (String, String) {
    let show = |value: Option<&Value>| value.map(|value| value.to_json().to_string()).unwrap_or_default();
    let (Some(Value::Map(wanted)), Some(Value::Map(got))) = (wanted, got) else {
        return (show(wanted), show(got));
    };
    let only = |one: &Map, other: &Map| {
        let mut one = one.clone();
        one.retain(|key, value| other.get_key(key) != Some(value));
        Value::from(one).to_json().to_string()
    };
    (only(wanted, got), only(got, wanted))
}

const FAILED: &str = "One or more requisite failed: ";

/// Without times, as the recording is, and in an order that can be compared.
fn trimmed(value: Value) -> Value {
    match value {
        Value::Map(mut map) => {
            for key in ["start_time", "duration"] {
                map.remove(key);
            }
            Value::Map(map.into_iter().map(|(key, value)| (key, trimmed(value))).collect())
        }
        Value::List(items) => Value::List(items.into_iter().map(trimmed).collect()),
        Value::Str(text) => match text.strip_prefix(FAILED) {
            // Salt lists these in the order of a Python set, which is another one every time.
            Some(names) => {
                let mut names: Vec<&str> = names.split(", ").collect();
                names.sort_unstable();
                format!("{FAILED}{}", names.join(", ")).into()
            }
            None => text.into(),
        },
        other => other,
    }
}
