//! The `json` outputter (`salt/output/json_out.py`): Python's `json.dumps` with text as it is, not escaped to ASCII.

use salt::Value;
use salt::repr::float_repr;

/// The document: `indent` blanks a level, or one line if it is negative.
pub(super) fn text(data: &Value, indent: i64) -> String {
    let mut out = String::new();
    write(data, usize::try_from(indent).ok(), 0, &mut out);
    out
}

fn write(value: &Value, indent: Option<usize>, level: usize, out: &mut String) {
    match value {
        Value::Float(x) if x.is_nan() => out.push_str("NaN"),
        Value::Float(x) if x.is_infinite() => out.push_str(if *x > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Float(x) => out.push_str(&float_repr(*x)),
        Value::BigInt(n) => out.push_str(&n.to_string()),
        Value::List(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                separate(i > 0, indent, level + 1, out);
                write(item, indent, level + 1, out);
            }
            close(indent, level, ']', out);
        }
        Value::Map(map) if !map.is_empty() => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                separate(i > 0, indent, level + 1, out);
                out.push_str(&quoted(&match key {
                    Value::None => "null".into(),
                    Value::Bool(b) => b.to_string(),
                    other => other.to_string(),
                }));
                out.push_str(": ");
                write(item, indent, level + 1, out);
            }
            close(indent, level, '}', out);
        }
        other => out.push_str(&other.to_json().to_string()),
    }
}

fn separate(comma: bool, indent: Option<usize>, level: usize, out: &mut String) {
    if comma {
        out.push(',');
    }
    match indent {
        Some(width) => {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', width * level));
        }
        None if comma => out.push(' '),
        None => {}
    }
}

fn close(indent: Option<usize>, level: usize, bracket: char, out: &mut String) {
    if indent.is_some() {
        separate(false, indent, level, out);
    }
    out.push(bracket);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
