//! `repr()` and `str()`.

use num_bigint::BigInt;

use crate::error::{Error, Result};
use crate::value::{Key, Value, View};

const DEPTH: usize = 120;
/// Longest text a single conversion may make.
const LIMIT: usize = 64 << 20;

/// `repr(x)`.
pub fn repr(value: &Value) -> Result<String> {
    let mut out = String::new();
    write(value, &mut out, &mut Vec::new())?;
    Ok(out)
}

/// `str(x)`.
pub fn to_str(value: &Value) -> Result<String> {
    match value {
        Value::Str(s) | Value::Markup(s) => Ok(s.to_string()),
        Value::Undefined(u) => u.text(),
        Value::Object(o) => Ok(o.str()),
        _ => repr(value),
    }
}

fn nested(
    id: usize,
    stack: &mut Vec<usize>,
    out: &mut String,
    cycle: &str,
    f: impl FnOnce(&mut String, &mut Vec<usize>) -> Result<()>,
) -> Result<()> {
    if stack.contains(&id) {
        out.push_str(cycle);
        return Ok(());
    }
    if stack.len() >= DEPTH {
        return Err(Error::python(
            "RecursionError",
            "maximum recursion depth exceeded while getting the repr of an object",
        ));
    }
    if out.len() > LIMIT {
        return Err(Error::python("MemoryError", ""));
    }
    stack.push(id);
    let done = f(out, stack);
    stack.pop();
    done
}

fn sequence<'a>(
    items: impl Iterator<Item = &'a Value>,
    out: &mut String,
    stack: &mut Vec<usize>,
) -> Result<()> {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write(item, out, stack)?;
    }
    Ok(())
}

fn write(value: &Value, out: &mut String, stack: &mut Vec<usize>) -> Result<()> {
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
        Value::Int(i) => out.push_str(&int(i)?),
        Value::Float(f) => out.push_str(&float(*f)),
        Value::Str(s) => out.push_str(&repr_str(s)),
        Value::Markup(s) => {
            out.push_str("Markup(");
            out.push_str(&repr_str(s));
            out.push(')');
        }
        Value::Bytes(b) => out.push_str(&repr_bytes(b)),
        Value::List(list) => nested(list.id(), stack, out, "[...]", |out, stack| {
            out.push('[');
            sequence(list.snapshot().iter(), out, stack)?;
            out.push(']');
            Ok(())
        })?,
        Value::Tuple(tuple) => nested(tuple.id(), stack, out, "(...)", |out, stack| {
            out.push('(');
            sequence(tuple.items().iter(), out, stack)?;
            out.push_str(if tuple.items().len() == 1 { ",)" } else { ")" });
            Ok(())
        })?,
        Value::Dict(dict) => nested(dict.id(), stack, out, "{...}", |out, stack| {
            out.push('{');
            for (i, (k, v)) in dict.snapshot().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(&k.0, out, stack)?;
                out.push_str(": ");
                write(v, out, stack)?;
            }
            out.push('}');
            Ok(())
        })?,
        Value::Set(set) => nested(set.id(), stack, out, "set(...)", |out, stack| {
            let items = set.snapshot();
            if items.is_empty() {
                out.push_str("set()");
                return Ok(());
            }
            out.push('{');
            sequence(items.iter().map(Key::value), out, stack)?;
            out.push('}');
            Ok(())
        })?,
        Value::View(view, dict) => nested(dict.id(), stack, out, "...", |out, stack| {
            let map = dict.snapshot();
            out.push_str(value.type_name());
            out.push_str("([");
            match view {
                View::Keys => sequence(map.keys().map(Key::value), out, stack)?,
                View::Values => sequence(map.values(), out, stack)?,
                View::Items => {
                    let items: Vec<Value> =
                        map.iter().map(|(k, v)| Value::tuple(vec![k.0.clone(), v.clone()])).collect();
                    sequence(items.iter(), out, stack)?;
                }
            }
            out.push_str("])");
            Ok(())
        })?,
        Value::Range(r) => {
            let step = if r.step == 1 { String::new() } else { format!(", {}", r.step) };
            out.push_str(&format!("range({}, {}{step})", r.start, r.stop));
        }
        Value::Iterator(i) => out.push_str(&format!("<{} object at 0x7f0000000000>", i.type_name())),
        Value::Method(m) if m.is_wrapped() => {
            out.push_str(&format!("<function str.{} at 0x7f0000000000>", m.name));
        }
        Value::Method(m) => out.push_str(&format!(
            "<built-in method {} of {} object at 0x7f0000000000>",
            m.name,
            m.this.type_name()
        )),
        Value::Object(o) => out.push_str(&o.repr()),
    }
    Ok(())
}

/// An integer's digits, within Python's limit of 4300.
pub(crate) fn int(i: &BigInt) -> Result<String> {
    let too_long = || {
        Error::value_error(
            "Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to increase the limit",
        )
    };
    if i.bits() > 14_290 {
        return Err(too_long());
    }
    let text = i.to_string();
    if text.trim_start_matches('-').len() > 4300 { Err(too_long()) } else { Ok(text) }
}

/// A float's shortest text.
pub(crate) fn float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{f:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    if !(-4..16).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let e = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{e}{:02}", exponent.abs());
    }
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("{sign}0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

fn printable(c: char) -> bool {
    !(c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c as u32,
            0xAD | 0x378 | 0x379 | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
            | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFEFF | 0xFFF0..=0xFFFB | 0x110BD | 0x1D173..=0x1D17A | 0xE0000..=0x10FFFF)
        || (c as u32) & 0xFFFE == 0xFFFE)
}

/// `repr` of text.
pub(crate) fn repr_str(s: &str) -> String {
    let quote = if s.contains('\'') && !s.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(s.len() + 2);
    out.push(quote);
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if printable(c) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push(quote);
    out
}

pub(crate) fn repr_bytes(b: &[u8]) -> String {
    let quote = if b.contains(&b'\'') && !b.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for &c in b {
        match c {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            c if char::from(c) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(c)),
            c => out.push_str(&format!("\\x{c:02x}")),
        }
    }
    out.push(quote);
    out
}
