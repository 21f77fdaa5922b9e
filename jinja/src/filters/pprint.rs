//! `pprint.pformat`.

use crate::error::{Error, Result};
use crate::ops;
use crate::repr::{repr, repr_str};
use crate::value::{Key, Value};

const WIDTH: i64 = 80;
const DEPTH: usize = 100;

/// `pprint.pformat(value)`: 80 columns, keys sorted.
pub fn pformat(value: &Value) -> Result<String> {
    let value = sorted(value, 0)?;
    let mut out = String::new();
    format(&value, &mut out, 0, 0, 1)?;
    Ok(out)
}

/// The same value with the keys of its dicts in order.
fn sorted(value: &Value, depth: usize) -> Result<Value> {
    if depth > DEPTH {
        return Err(Error::recursion());
    }
    let each =
        |items: &[Value]| -> Result<Vec<Value>> { items.iter().map(|v| sorted(v, depth + 1)).collect() };
    Ok(match value {
        Value::List(l) => Value::list(each(&l.snapshot())?),
        Value::Tuple(t) => Value::tuple(each(t.items())?),
        Value::Dict(d) => {
            let mut pairs = Vec::new();
            for (k, v) in d.snapshot() {
                pairs.push((k.0.clone(), Value::tuple(vec![k.0, sorted(&v, depth + 1)?])));
            }
            let mut ordered = pairs.clone();
            if ops::sort(&mut ordered, false).is_ok() {
                pairs = ordered;
            }
            let entries = pairs.into_iter().filter_map(|(k, pair)| match pair {
                Value::Tuple(t) => t.items().get(1).map(|v| (Key(k), v.clone())),
                _ => None,
            });
            Value::Dict(crate::value::Dict::new(entries.collect()))
        }
        other => other.clone(),
    })
}

fn width(text: &str) -> i64 {
    text.chars().count() as i64
}

fn spaces(n: i64) -> String {
    " ".repeat(usize::try_from(n).unwrap_or(0))
}

fn format(value: &Value, out: &mut String, indent: i64, allowance: i64, level: i64) -> Result<()> {
    let text = repr(value)?;
    if width(&text) <= WIDTH - indent - allowance {
        out.push_str(&text);
        return Ok(());
    }
    match value {
        Value::Dict(d) => {
            out.push('{');
            let map = d.snapshot();
            for (i, (k, v)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(&format!(",\n{}", spaces(indent + 1)));
                }
                let key = repr(k.value())?;
                out.push_str(&format!("{key}: "));
                let last = i + 1 == map.len();
                format(v, out, indent + 3 + width(&key), if last { allowance + 1 } else { 1 }, level + 1)?;
            }
            out.push('}');
        }
        Value::List(l) => sequence(&l.snapshot(), "[", "]", out, indent, allowance, level)?,
        Value::Tuple(t) => {
            let close = if t.items().len() == 1 { ",)" } else { ")" };
            sequence(t.items(), "(", close, out, indent, allowance, level)?;
        }
        Value::Str(s) => string(s, out, indent, allowance, level),
        _ => out.push_str(&text),
    }
    Ok(())
}

fn sequence(
    items: &[Value],
    open: &str,
    close: &str,
    out: &mut String,
    indent: i64,
    allowance: i64,
    level: i64,
) -> Result<()> {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(&format!(",\n{}", spaces(indent + 1)));
        }
        let last = i + 1 == items.len();
        format(item, out, indent + 1, if last { allowance + width(close) } else { 1 }, level + 1)?;
    }
    out.push_str(close);
    Ok(())
}

/// Words with the blanks behind them.
fn words(line: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut blank = true;
    for c in line.chars() {
        match parts.last_mut() {
            Some(last) if c.is_whitespace() || !blank => last.push(c),
            _ => parts.push(c.to_string()),
        }
        blank = c.is_whitespace();
    }
    parts
}

fn string(s: &str, out: &mut String, mut indent: i64, mut allowance: i64, level: i64) {
    let lines = crate::methods::text::splitlines(s, true);
    if level == 1 {
        indent += 1;
        allowance += 1;
    }
    let most = WIDTH - indent;
    let mut chunks = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let last_line = i + 1 == lines.len();
        let whole = repr_str(line);
        if width(&whole) <= most - if last_line { allowance } else { 0 } {
            chunks.push(whole);
            continue;
        }
        let parts = words(line);
        let mut current = String::new();
        for (j, part) in parts.iter().enumerate() {
            let room = most - if last_line && j + 1 == parts.len() { allowance } else { 0 };
            let candidate = format!("{current}{part}");
            if width(&repr_str(&candidate)) > room {
                if !current.is_empty() {
                    chunks.push(repr_str(&current));
                }
                current = part.clone();
            } else {
                current = candidate;
            }
        }
        if !current.is_empty() {
            chunks.push(repr_str(&current));
        }
    }
    if let [one] = chunks.as_slice() {
        out.push_str(one);
        return;
    }
    let text = chunks.join(&format!("\n{}", spaces(indent)));
    out.push_str(&if level == 1 { format!("({text})") } else { text });
}
