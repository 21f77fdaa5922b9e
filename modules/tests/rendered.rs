//! Templates that were rendered by Salt 3007.17, through our renderers and with our functions.
//!
//! `data/render/differences.json` names each case that differs, with the reason; the sets must be equal, so a case that begins
//! to pass must be taken off the list.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

#[allow(dead_code, reason = "the double serves other tests too")]
mod double;

use std::collections::BTreeMap;
use std::path::Path;

use double::Minion;
use render::Source;
use salt::{Context, Map, Value};
use serde_json::Value as Json;

fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/render/files");
    let (mut files, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_string();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

fn minion() -> Minion {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let minion = Minion::new(&files, Vec::new());
    let data: Json = serde_json::from_str(include_str!("data/render/minion.json")).unwrap();
    let map = |key: &str| Value::from_json(data[key].clone()).as_map().unwrap().clone();
    minion.identity.set_grains(map("grains"));
    minion.identity.set_pillar(map("pillar"));
    minion
}

/// Without what differs from run to run: places, addresses, and Python's own frames.
fn normal(text: &str, root: &str) -> String {
    let text = text.replace(root, "@ROOT@").replace("0x7f0000000000", "0x0");
    match text.split_once("\nTraceback (most recent call last):") {
        None => text,
        Some((head, tail)) => {
            let line = tail.rsplit_once("; line ").map(|(_, rest)| rest.lines().next().unwrap_or_default());
            head.to_string() + &line.map(|line| format!("; line {line}")).unwrap_or_default()
        }
    }
}

async fn answer(minion: &Minion, case: &Json) -> (&'static str, String) {
    let (name, text) = match case["expression"].as_str() {
        Some(expression) => ("x", format!("{{{{ {expression} }}}}")),
        None => (case["name"].as_str().unwrap(), case["template"].as_str().unwrap().to_string()),
    };
    let root = minion.dir.path().join("cache");
    let source = Source {
        saltenv: "base".into(),
        sls: Some(name.into()),
        path: Some(root.join("files/base").join(name.replace('.', "/") + ".sls").display().to_string()),
        renderer: Some(case["renderer"].as_str().unwrap_or("jinja").into()),
        ..Source::default()
    };
    let mut opts: Map = (*minion.identity.opts()).clone();
    if let Value::Map(options) = Value::from_json(case["options"].clone()) {
        opts.extend(options);
    }
    let cx: Context = minion.context("1", "state.apply").with_opts(opts);
    let root = root.display().to_string();
    match render::render(&cx, text.as_bytes(), &source).await {
        Ok(Value::Str(text)) => ("text", normal(&text, &root)),
        Ok(value) => ("value", value.repr()),
        Err(error) => ("error", normal(error.text(), &root)),
    }
}

#[tokio::test]
async fn templates_come_to_what_salt_makes_of_them() {
    let minion = minion();
    let cases: Vec<Json> = serde_json::from_str(include_str!("data/render/recorded.json")).unwrap();
    let listed: BTreeMap<String, String> =
        serde_json::from_str(include_str!("data/render/differences.json")).unwrap();
    let mut differ = BTreeMap::new();
    for case in &cases {
        let name = case["expression"].as_str().or(case["name"].as_str()).unwrap();
        let (kind, text) = answer(&minion, case).await;
        if case[kind].as_str() != Some(&text) {
            let wanted = ["text", "value", "error"]
                .map(|kind| case[kind].as_str())
                .into_iter()
                .flatten()
                .collect::<String>();
            differ.insert(name.to_string(), format!("{name}\n  got    {kind} {text:?}\n  wanted {wanted:?}"));
        }
    }
    println!("{} of {} as recorded", cases.len() - differ.len(), cases.len());
    let new: Vec<&String> =
        differ.iter().filter(|(name, _)| !listed.contains_key(*name)).map(|(_, text)| text).collect();
    let gone: Vec<&String> = listed.keys().filter(|name| !differ.contains_key(*name)).collect();
    let shown = new.iter().map(|text| text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(
        new.is_empty() && gone.is_empty(),
        "{} differ:\n{shown}\nno longer different: {gone:?}",
        new.len()
    );
}

/// The cases of the engine's corpus, with the filters that the engine does not have of its own.
#[tokio::test]
async fn the_corpus_of_the_engine_comes_out_the_same() {
    let data: Json = serde_json::from_str(include_str!("../../jinja/tests/data/jinja-cases.json")).unwrap();
    let text = |json: &Json| json.as_str().unwrap().to_string();
    let files: Vec<(String, String)> = data["files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, content)| (path.clone(), text(content)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let minion = Minion::new(&files, Vec::new());
    minion.identity.set_pillar(Value::from_json(data["pillar"].clone()).as_map().unwrap().clone());
    minion.identity.set_grains(salt::map! { "id" => "px1", "os" => "Debian" });
    let listed: BTreeMap<String, String> =
        serde_json::from_str(include_str!("data/render/corpus-differences.json")).unwrap();
    let mut differ = BTreeMap::new();
    let cases = data["cases"].as_array().unwrap();
    for case in cases {
        let source = Source { saltenv: "base".into(), sls: Some("x".into()), ..Source::default() };
        let template = text(&case["t"]);
        let got = render::template(&minion.context("1", "state.apply"), template.as_bytes(), &source).await;
        let (same, got) = match (got, case["out"].as_str()) {
            // The corpus was recorded without the line feed that Salt puts back.
            (Ok(got), Some(out)) => {
                (got.strip_suffix('\n').unwrap_or(&got) == out.strip_suffix('\n').unwrap_or(out), got)
            }
            (Err(error), None) => {
                (error.text().contains(case["msg"].as_str().unwrap()), error.text().to_string())
            }
            (Ok(got), None) => (false, got),
            (Err(error), Some(_)) => (false, error.text().to_string()),
        };
        if !same {
            differ.insert(
                text(&case["name"]),
                format!("{template}\n  got    {got:?}\n  wanted {} {}", case["out"], case["msg"]),
            );
        }
    }
    println!("{} of {} as recorded", cases.len() - differ.len(), cases.len());
    let new: Vec<String> = differ
        .iter()
        .filter(|(name, _)| !listed.contains_key(*name))
        .map(|(name, text)| format!("{name}: {text}"))
        .collect();
    let gone: Vec<&String> = listed.keys().filter(|name| !differ.contains_key(*name)).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{} differ:\n{}\nno longer different: {gone:?}",
        new.len(),
        new.join("\n")
    );
}
