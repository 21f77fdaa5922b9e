//! Walks over all functions: are they documented, do their examples fit, are they the originals'?

use std::collections::BTreeMap;

use salt::args::{Args, split_keyword};
use salt::{Function, Registry, Value};

fn registry() -> Registry {
    Registry::new(modules::MODULES.iter().copied()).expect("no name is declared twice")
}

fn json(text: &str) -> BTreeMap<String, serde_json::Value> {
    serde_json::from_str(text).expect("the recorded data is JSON")
}

/// What `sys.argspec` of the originals says: Salt 3007.17 (recorded from a running proxy minion, Salt's `vsphere` and
/// `vcenter` from its source) and saltext.vmware.
fn originals() -> BTreeMap<String, serde_json::Value> {
    json(include_str!("data/argspec.json"))
}

#[test]
fn argspecs_are_those_of_the_originals() {
    let deviations = json(include_str!("data/argspec-deviations.json"));
    let originals = originals();
    let mut wrong = Vec::new();
    for (name, function) in registry().iter() {
        let ours = argspec(function);
        let original = originals.get(name);
        match (original, deviations.get(name)) {
            (Some(original), None) if *original == ours => {}
            (Some(original), None) => wrong.push(format!("{name}\n  original {original}\n  ours     {ours}")),
            (None, None) => wrong.push(format!("{name} is none of the originals' functions")),
            (_, Some(deviation)) => {
                assert!(
                    deviation["reason"].as_str().is_some_and(|r| r.ends_with('.')),
                    "{name} needs a reason"
                );
                if original == Some(&ours) {
                    wrong.push(format!("{name} no longer deviates"));
                } else if deviation["argspec"] != ours {
                    wrong.push(format!("{name}\n  table {}\n  ours  {ours}", deviation["argspec"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in deviations.keys() {
        assert!(registry().get(name).is_some(), "{name} deviates but is not there");
    }
}

/// The argspec as it was recorded: JSON has no extension types, so `NOT_SET` stands as Python prints it.
fn argspec(function: &Function) -> serde_json::Value {
    let mut argspec = function.argspec();
    if let Some(Value::List(defaults)) = argspec.get_mut("defaults") {
        for default in defaults.iter_mut().filter(|default| **default == salt::function::not_set()) {
            *default = "<Constant.NOT_SET>".into();
        }
    }
    Value::from(argspec).to_json()
}

#[test]
fn everything_is_documented() {
    let mut wrong = Vec::new();
    for (name, function) in registry().iter() {
        let (text, example) = match function.doc.split_once("CLI Example:") {
            Some(parts) => parts,
            None => {
                wrong.push(format!("{name} has no CLI example"));
                continue;
            }
        };
        if !text.trim_end().ends_with('.') || !function.summary().ends_with('.') {
            wrong.push(format!("the doc of {name} does not end in a full stop"));
        }
        if commands(example).is_empty() {
            wrong.push(format!("the CLI example of {name} has no command"));
        }
        for param in function.params {
            if !param.doc.ends_with('.') {
                wrong.push(format!(
                    "the doc of {} of {name} does not end in a full stop: {:?}",
                    param.name, param.doc
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn examples_bind_to_their_functions() {
    let registry = registry();
    let mut wrong = Vec::new();
    for (name, function) in registry.iter() {
        for command in commands(function.doc) {
            if let Err(what) = tried(name, function, &command) {
                wrong.push(format!("{name}: {command}: {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines of an example's code.
fn commands(doc: &str) -> Vec<String> {
    let code = doc.split("```bash\n").skip(1).filter_map(|rest| rest.split("```").next());
    code.flat_map(str::lines).map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect()
}

fn tried(name: &str, function: &'static Function, command: &str) -> Result<(), String> {
    let mut words = shell_words(command)?.into_iter();
    match words.next().as_deref() {
        Some("salt") => drop(words.next()),
        Some("salt-call") => assert_eq!(words.next().as_deref(), Some("--local")),
        other => return Err(format!("begins with {other:?}")),
    }
    let called = words.next().unwrap_or_default();
    if called != name {
        return Err(format!("calls {called}"));
    }
    let words: Vec<String> = words.collect();
    for word in &words {
        // What a shell would split is meant to be one word.
        if let Some((key, _)) = split_keyword(word)
            && !function.kwargs
            && !function.params.iter().any(|param| param.name == key)
        {
            return Err(format!("there is no parameter {key}"));
        }
    }
    Args::from_words(words).bind(function).map(drop).map_err(|error| error.to_string())
}

/// Splits as a shell does, with single and double quotes.
fn shell_words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed".into()) } else { Ok(words) }
}
