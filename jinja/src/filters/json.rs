//! `json.dumps` and the filter `tojson`.

use super::Bound;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::ops;
use crate::repr;
use crate::value::{Key, Value};

const DEPTH: usize = 120;

pub(super) fn register(env: &mut Environment) {
    env.add_filter("tojson", |_, value, args| {
        let b = Bound::new("do_tojson", 2, args, &["indent"], 0)?;
        let indent = match b.get(0) {
            None | Some(Value::None) => None,
            Some(Value::Str(s)) => Some(s.to_string()),
            Some(v) => Some(" ".repeat(usize::try_from(crate::methods::index(v)?.min(1000)).unwrap_or(0))),
        };
        let text = dumps(&value, indent.as_deref(), true, true)?;
        let safe = text
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            .replace('\'', "\\u0027");
        Ok(Value::Markup(safe.into()))
    });
}

/// `json.dumps(value, indent=…, sort_keys=…, ensure_ascii=…)`.
pub fn dumps(value: &Value, indent: Option<&str>, sort_keys: bool, ascii: bool) -> Result<String> {
    let mut out = String::new();
    Writer { indent, sort_keys, ascii }.write(value, &mut out, 0)?;
    Ok(out)
}

struct Writer<'a> {
    indent: Option<&'a str>,
    sort_keys: bool,
    ascii: bool,
}

fn float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        repr::float(f)
    }
}

impl Writer<'_> {
    fn string(&self, s: &str, out: &mut String) {
        out.push('"');
        for c in s.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                c if (c as u32) < 0x20 || (self.ascii && !(' '..='~').contains(&c)) => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }

    fn newline(&self, out: &mut String, depth: usize) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn items(&self, items: &[Value], out: &mut String, depth: usize) -> Result<()> {
        out.push('[');
        for (i, item) in items.iter().enumerate() {
            self.separate(i, out);
            self.newline(out, depth + 1);
            self.write(item, out, depth + 1)?;
        }
        if !items.is_empty() {
            self.newline(out, depth);
        }
        out.push(']');
        Ok(())
    }

    fn separate(&self, i: usize, out: &mut String) {
        if i > 0 {
            out.push_str(if self.indent.is_some() { "," } else { ", " });
        }
    }

    fn key(key: &Key) -> Result<String> {
        Ok(match key.value() {
            Value::Str(s) | Value::Markup(s) => s.to_string(),
            Value::None => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => repr::int(i)?,
            Value::Float(f) => float(*f),
            other => {
                let class = other.type_name();
                return Err(Error::type_error(format!(
                    "keys must be str, int, float, bool or None, not {class}"
                )));
            }
        })
    }

    fn write(&self, value: &Value, out: &mut String, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return Err(Error::value_error("Circular reference detected"));
        }
        match value {
            Value::None => out.push_str("null"),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => out.push_str(&repr::int(i)?),
            Value::Float(f) => out.push_str(&float(*f)),
            Value::Str(s) | Value::Markup(s) => self.string(s, out),
            Value::List(l) => self.items(&l.snapshot(), out, depth)?,
            Value::Tuple(t) => self.items(t.items(), out, depth)?,
            Value::Dict(d) => {
                let mut pairs: Vec<(Value, Value)> = d
                    .snapshot()
                    .into_iter()
                    .map(|(k, v)| (k.0.clone(), Value::tuple(vec![k.0, v])))
                    .collect();
                if self.sort_keys {
                    ops::sort(&mut pairs, false)?;
                }
                out.push('{');
                for (i, (k, pair)) in pairs.iter().enumerate() {
                    self.separate(i, out);
                    self.newline(out, depth + 1);
                    self.string(&Self::key(&Key(k.clone()))?, out);
                    out.push_str(": ");
                    if let Value::Tuple(t) = pair {
                        self.write(&t.items()[1], out, depth + 1)?;
                    }
                }
                if !pairs.is_empty() {
                    self.newline(out, depth);
                }
                out.push('}');
            }
            other => {
                return Err(Error::type_error(format!(
                    "Object of type {} is not JSON serializable",
                    other.type_name()
                )));
            }
        }
        Ok(())
    }
}
