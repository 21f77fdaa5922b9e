//! YAML 1.1 as Salt reads and writes it: PyYAML's C loader and dumper with Salt's changes
//! (`salt/utils/yamlloader.py`, `salt/utils/yamldumper.py`).
//!
//! What differs from other readers: `yes` and `off` are booleans, `1:30` is 90, `0777` is 777, dates stay text, a key that
//! Python holds equal to another one is an error, `<<` merges the way Salt does.

mod compose;
mod construct;
mod dump;
mod emit;
mod error;
mod quoted;
mod resolve;
mod scalar;
mod scalar_value;
mod scanner;
mod tag;

pub use dump::{Style, dump};
pub use error::{Error, Kind, Mark};
pub use quoted::{double_quoted, single_quoted};

use std::collections::HashMap;

use crate::Value;

/// The value of a text of one document; `None` for an empty one.
///
/// # Errors
/// PyYAML's sentence, with line and column.
pub fn load(text: &str) -> Result<Value, Error> {
    load_named(text, "<unicode string>")
}

/// The same, with the name of a file for the sentences of errors.
///
/// # Errors
/// PyYAML's sentence, with the name, line and column.
pub fn load_named(text: &str, name: &str) -> Result<Value, Error> {
    load_with_lines(text, name).map(|(value, _)| value)
}

/// The same, with the lines (counted from one) on which the keys of the outermost mapping stand.
///
/// # Errors
/// PyYAML's sentence, with the name, line and column.
pub fn load_with_lines(text: &str, name: &str) -> Result<(Value, HashMap<String, usize>), Error> {
    let loaded = compose::compose(text).and_then(|(nodes, root)| {
        let Some(root) = root else { return Ok((Value::None, HashMap::new())) };
        let lines = compose::key_lines(&nodes, root);
        Ok((construct::construct(nodes, root)?, lines))
    });
    loaded.map_err(|error| error.named(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;
    use crate::Map;

    /// A value of the recordings, which keep Python's types apart.
    pub(crate) fn typed(json: &Json) -> Value {
        let Some(tagged) = json.as_object() else { return Value::from_json(json.clone()) };
        let (kind, inner) = tagged.iter().next().unwrap();
        let text = inner.as_str().unwrap_or("");
        let list = || inner.as_array().unwrap().iter();
        match kind.as_str() {
            "s" => text.into(),
            "i" => Value::from_big(text.parse().unwrap()),
            "f" => Value::Float(text.parse().unwrap()),
            "b" => Value::Bytes(
                (0..text.len())
                    .step_by(2)
                    .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
                    .collect(),
            ),
            "l" => Value::List(list().map(typed).collect()),
            "m" => Value::Map(list().map(|pair| (typed(&pair[0]), typed(&pair[1]))).collect::<Map>()),
            other => panic!("an unknown type {other}"),
        }
    }

    fn cases(text: &str) -> Vec<Json> {
        serde_json::from_str(text).unwrap()
    }

    /// What Python can hold and a tree of values can't: a list that holds itself.
    const ENDLESS: [&str; 2] = ["a: &a [*a]\n", "x: &a\n  <<: {y: *a}\n"];

    #[test]
    fn texts_are_read_as_salt_reads_them() {
        let mut wrong = Vec::new();
        for case in cases(include_str!("../../tests/data/yaml.json")) {
            let text = case["yaml"].as_str().unwrap();
            let got = match load(text) {
                Ok(value) => value.repr(),
                Err(error) => format!("line {}: {error}", error.line()),
            };
            let expected = match case.get("error") {
                None => typed(&case["value"]).repr(),
                Some(error) => match case["line"].as_u64() {
                    Some(line) => format!("line {line}: {}", error.as_str().unwrap()),
                    None => format!(
                        "line {}: {}",
                        load(text).map_or_else(|e| e.line(), |_| 0),
                        error.as_str().unwrap()
                    ),
                },
            };
            if ENDLESS.contains(&text) {
                assert!(got.contains("found unconstructable recursive node"), "{text:?} gives {got}");
            } else if got != expected {
                wrong.push(format!("{text:?}\n     got {got:?}\nexpected {expected:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn values_are_written_as_salt_writes_them() {
        let mut wrong = Vec::new();
        for case in cases(include_str!("../../tests/data/dump.json")) {
            let options = &case["options"];
            let number = |key: &str, default| options[key].as_u64().map_or(default, |n| n as usize);
            let style = Style {
                flow: options["default_flow_style"].as_bool(),
                sort_keys: options["sort_keys"].as_bool().unwrap_or(true),
                indent: number("indent", 2),
                width: number("width", 80),
            };
            let value = typed(&case["value"]);
            let (got, expected) = (dump(&value, style), case["text"].as_str().unwrap());
            if got != expected {
                wrong.push(format!("{options} {}\n     got {got:?}\nexpected {expected:?}", value.repr()));
            }
        }
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn the_name_of_a_file_stands_in_its_errors() {
        let error = load_named("a: 1\na: 2\n", "/etc/salt/proxy").unwrap_err();
        assert_eq!(
            error.to_string(),
            "while constructing a mapping\n  in \"/etc/salt/proxy\", line 1, column 1\nfound conflicting ID 'a'\n  \
             in \"/etc/salt/proxy\", line 2, column 1"
        );
        assert_eq!((error.kind(), error.line(), error.column()), (Kind::Constructor, 2, 1));
    }

    #[test]
    fn keys_know_their_lines() {
        let (value, lines) = load_with_lines("# c\na: 1\nb:\n  c: 2\n'd': 3\n", "x").unwrap();
        assert_eq!(value.get("d"), Some(&3.into()));
        let expected = [("a", 2), ("b", 3), ("d", 5)].map(|(k, n)| (k.to_string(), n));
        assert_eq!(lines, HashMap::from(expected));
    }

    #[test]
    fn attacks_end_in_an_error() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_string();
        let mut merges = "a0: &a0 {x: 1}\n".to_string();
        for i in 1..30 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
            merges.push_str(&format!("a{i}: &a{i} {{<<: [{list}]}}\n"));
        }
        assert!(load(&bomb).unwrap_err().to_string().contains("aliases expand to too much"));
        assert!(load(&merges).is_err());
        let chain: String = (1..5000).map(|i| format!("- &a{i} {{<<: *a{}}}\n", i - 1)).collect();
        assert!(load(&format!("- &a0 {{}}\n{chain}")).is_ok());
        assert!(load(&format!("k: [&a0 {{}}, [\n{}]]\nb: *a4999\n", chain.replace("- ", ", "))).is_err());
        for open in ["[", "{", "- ", "? ", "{a: ", "[{"] {
            assert!(load(&open.repeat(100_000)).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = load(&text);
        }

        #[test]
        fn no_sequence_of_indicators_panics(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "- ", "? ", ": ", "a", "1", "\n", "\n  ", "  ", "\t", "[", "]", "{", "}", ", ", "&a ", "*a ",
                    "!", "!!int ", "!<", "%", "|", ">", "'", "\"", "\\x", "#", "---", "...", "<<: ", "=", "é", "\r",
                    "|2-\n", "%TAG ! x\n",
                ]),
                0..40,
            )
        ) {
            let _ = load(&parts.concat());
        }

        #[test]
        fn what_is_written_is_read_back(text in any::<String>()) {
            let allowed = text.chars().all(|c| !c.is_control());
            prop_assume!(allowed);
            let value: Value = crate::map! { "k" => text.as_str(), text.as_str() => crate::list![text.as_str()] }.into();
            for flow in [None, Some(true), Some(false)] {
                let written = dump(&value, Style { flow, ..Style::default() });
                prop_assert_eq!(load(&written), Ok(value.clone()), "{}", written);
            }
        }
    }
}
