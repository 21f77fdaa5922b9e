//! The `nested` outputter (`salt/output/nested.py`).

use salt::{Map, Value};

use super::Style;
use super::color::strip_escapes;

/// The lines of a value, joined.
pub(super) fn text(data: &Value, style: &Style, indent: usize) -> String {
    let mut lines = Vec::new();
    display(data, indent, "", style, &mut lines);
    lines.join("\n")
}

fn display(value: &Value, indent: usize, prefix: &str, style: &Style, lines: &mut Vec<String>) {
    let colors = &style.colors;
    let mut line = |indent: usize, color: &str, text: &str, prefix: &str, suffix: &str| {
        lines.push(format!("{:indent$}{color}{prefix}{text}{}{suffix}", "", colors.end));
    };
    let mark = |color| if style.retcode == 0 { color } else { colors.red };
    match value {
        Value::None | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Float(_) => {
            line(indent, colors.light_yellow, &value.repr(), prefix, "");
        }
        Value::Str(_) | Value::Bytes(_) | Value::Ext(..) => {
            let text = match value {
                Value::Str(s) => s.clone(),
                Value::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
                other => other.repr(),
            };
            for (i, row) in split_lines(&text).enumerate() {
                let blanks = " ".repeat(prefix.len());
                let prefix = if i == 0 { prefix } else { &blanks };
                line(indent, colors.green, &strip_escapes(row), prefix, "");
            }
        }
        Value::List(items) => {
            for item in items {
                match item {
                    Value::List(_) | Value::Map(_) => {
                        lines.push(format!("{:indent$}{}|_{}", "", mark(colors.green), colors.end));
                        let prefix = if matches!(item, Value::Map(_)) { "" } else { "- " };
                        display(item, indent + 2, prefix, style, lines);
                    }
                    _ => display(item, indent, "- ", style, lines),
                }
            }
        }
        Value::Map(map) => {
            if indent > 0 {
                line(indent, mark(colors.cyan), "----------", "", "");
            }
            for (key, item) in sorted(map) {
                lines.push(format!("{:indent$}{}{prefix}{key}{}:", "", mark(colors.cyan), colors.end));
                display(item, indent + 4, "", style, lines);
            }
        }
    }
}

fn sorted(map: &Map) -> Vec<(String, &Value)> {
    let mut pairs: Vec<_> = map.iter().map(|(k, v)| (k.to_string(), v)).collect();
    if map.keys().all(|k| matches!(k, Value::Int(_))) {
        pairs = map
            .iter()
            .map(|(k, v)| (k.as_i64().unwrap_or_default(), v))
            .fold(std::collections::BTreeMap::new(), |mut sorted, (k, v)| {
                sorted.insert(k, v);
                sorted
            })
            .into_iter()
            .map(|(k, v)| (k.to_string(), v))
            .collect();
    } else {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
    }
    pairs
}

/// Python's `splitlines`, for the line ends that occur in returns.
fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let ended = text.strip_suffix("\r\n").or_else(|| text.strip_suffix(['\n', '\r'])).unwrap_or(text);
    let empty = text.is_empty();
    ended
        .split('\n')
        .flat_map(|row| row.strip_suffix('\r').unwrap_or(row).split('\r'))
        .filter(move |_| !empty)
}
