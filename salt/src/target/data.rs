//! Targets in data: a path and a pattern in one text (`salt.utils.data.subdict_match`).

use super::{Pattern, fnmatch};
use crate::{Map, Value};

/// How the last part of the expression is held against a value. Both are lower-cased first.
#[derive(Clone, Copy)]
pub(super) enum How {
    Glob,
    Pcre,
    Exact,
}

/// Longest path first: `a:b:c` is the value `c` at `a:b`, else the value `b:c` at `a`.
pub(super) fn subdict_match(data: &Value, expression: &str, delimiter: &str, how: How) -> bool {
    if delimiter.is_empty() {
        return false;
    }
    let splits: Vec<&str> = expression.split(delimiter).collect();
    (1..splits.len()).rev().any(|at| {
        let key = splits[..at].join(delimiter);
        let (pattern, found) = if key == "*" {
            (expression.to_string(), Some(data))
        } else {
            (splits[at..].join(delimiter), data.traverse(&key, delimiter))
        };
        match found {
            None => false,
            Some(Value::Map(map)) => !map.is_empty() && map_match(map, &pattern, how),
            Some(Value::List(items)) => items.iter().any(|item| match item {
                Value::Map(map) => map_match(map, &pattern, how) || value_match(item, &pattern, how),
                _ => value_match(item, &pattern, how),
            }),
            Some(value) => value_match(value, &pattern, how),
        }
    })
}

fn map_match(map: &Map, pattern: &str, how: How) -> bool {
    let (wildcard, pattern) = match pattern.strip_prefix("*:") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    pattern == "*"
        || map.contains_key(pattern)
        || map.keys().any(|key| value_match(key, pattern, how))
        || subdict_match(&map.clone().into(), pattern, ":", how)
        || wildcard
            && map.values().any(|value| match value {
                Value::Map(inner) => map_match(inner, pattern, how),
                Value::List(items) => items.iter().any(|item| value_match(item, pattern, how)),
                other => value_match(other, pattern, how),
            })
}

fn value_match(value: &Value, pattern: &str, how: How) -> bool {
    let text = value.to_string().to_lowercase();
    let pattern = pattern.to_lowercase();
    match how {
        How::Glob => fnmatch(&text, &pattern),
        How::Exact => text == pattern,
        How::Pcre => match Pattern::new(&pattern) {
            Ok(pattern) => pattern.matches_start(&text),
            Err(error) => {
                tracing::error!("Invalid regex '{pattern}' in match: {error}");
                false
            }
        },
    }
}
