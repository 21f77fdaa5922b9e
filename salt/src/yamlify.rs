//! What Salt's command lines make of a word (`salt/utils/args.py`, `yamlify_arg`).

use crate::{Value, yaml};

/// The value of a word: YAML, except where a person who typed it will have meant text.
///
/// Text stays `a: b` (a map needs its braces, a list its brackets), `1_000`, `---`, whatever has a tab or line break in
/// it, whatever `#` would shorten, and whatever is no YAML.
pub fn yamlify(word: &str) -> Value {
    parsed(word).unwrap_or_else(|| word.into())
}

fn parsed(word: &str) -> Option<Value> {
    let stripped = word.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
    if matches!(stripped, "" | "---" | "...") || word.contains(['\t', '\r', '\n']) {
        return None;
    }
    if word.contains('_') && stripped.chars().all(|c| c.is_ascii_digit() || c == '_') {
        return None;
    }
    if word == "None" {
        return Some(Value::None);
    }
    let value = yaml::load(word).ok()?;
    if word.contains('#') {
        // A comment would be lost, so only what is clearly data counts.
        return (!matches!(value, Value::Str(_) | Value::None)).then_some(value);
    }
    match &value {
        Value::Map(_) => word.starts_with('{').then_some(value),
        Value::List(_) => word.starts_with('[').then_some(value),
        Value::Str(text) if text.is_empty() && matches!(word, "|" | "!") => None,
        Value::Bytes(_) | Value::Ext(..) => None,
        _ => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_salt_reads_them() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../tests/data/yamlify.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let word = case[0].as_str().unwrap();
            assert_eq!(yamlify(word).repr(), yaml::tests::typed(&case[1]).repr(), "the word {word:?}");
        }
    }
}
