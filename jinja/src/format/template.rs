//! `str.format`.

use super::{MAX_WIDTH, ascii, format_value, subscript};
use crate::args::Args;
use crate::error::{Error, Result};
use crate::ops::memory;
use crate::repr::{repr, to_str};
use crate::state::State;
use crate::value::Value;

/// `template.format(*args, **kwargs)` within the sandbox.
pub(crate) fn format(state: &State<'_>, template: &str, args: &Args) -> Result<String> {
    let named = Value::dict(args.named.iter().map(|(k, v)| (k, v.clone())));
    format_with(state, template, &args.positional, &named)
}

/// `template.format_map(map)` within the sandbox.
pub(crate) fn format_with(
    state: &State<'_>,
    template: &str,
    positional: &[Value],
    named: &Value,
) -> Result<String> {
    let mut auto = Some(0);
    nested_format(state, template, positional, named, &mut auto, 2)
}

fn nested_format(
    state: &State<'_>,
    template: &str,
    positional: &[Value],
    named: &Value,
    auto: &mut Option<usize>,
    depth: usize,
) -> Result<String> {
    if depth == 0 {
        return Err(Error::value_error("Max string recursion exceeded"));
    }
    let chars: Vec<char> = template.chars().collect();
    let (mut at, mut out) = (0, String::new());
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        match c {
            '{' | '}' if chars.get(at) == Some(&c) => {
                out.push(c);
                at += 1;
            }
            '}' => return Err(Error::value_error("Single '}' encountered in format string")),
            '{' => {
                if at >= chars.len() {
                    return Err(Error::value_error("Single '{' encountered in format string"));
                }
                let start = at;
                let mut level = 1;
                while level > 0 {
                    match chars.get(at) {
                        Some('{') => level += 1,
                        Some('}') => level -= 1,
                        Some(_) => {}
                        None => return Err(Error::value_error("expected '}' before end of string")),
                    }
                    at += 1;
                }
                let field = &chars[start..at - 1];
                let mut bracket = false;
                let cut = field
                    .iter()
                    .position(|c| {
                        match c {
                            '[' => bracket = true,
                            ']' => bracket = false,
                            _ => {}
                        }
                        !bracket && matches!(c, '!' | ':')
                    })
                    .unwrap_or(field.len());
                let name: String = field[..cut].iter().collect();
                let mut rest = &field[cut..];
                let mut conversion = None;
                if rest.first() == Some(&'!') {
                    conversion = Some(*rest.get(1).ok_or_else(|| {
                        Error::value_error("end of string while looking for conversion specifier")
                    })?);
                    rest = &rest[2..];
                    if !matches!(rest.first(), None | Some(':')) {
                        return Err(Error::value_error("expected ':' after conversion specifier"));
                    }
                }
                let spec: String = rest.iter().skip(1).collect();
                let mut value = field_value(state, &name, positional, named, auto)?;
                value = match conversion {
                    None => value,
                    Some('r') => repr(&value)?.into(),
                    Some('s') => to_str(&value)?.into(),
                    Some('a') => ascii(&repr(&value)?).into(),
                    Some(c) => return Err(Error::value_error(format!("Unknown conversion specifier {c}"))),
                };
                let spec = if spec.contains(['{', '}']) {
                    nested_format(state, &spec, positional, named, auto, depth - 1)?
                } else {
                    spec
                };
                out.push_str(&format_value(&value, &spec)?);
                if out.len() > MAX_WIDTH * 4 {
                    return Err(memory());
                }
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

fn field_value(
    state: &State<'_>,
    name: &str,
    positional: &[Value],
    named: &Value,
    auto: &mut Option<usize>,
) -> Result<Value> {
    let cut = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(cut);
    // Only an empty field name is numbered; one that begins with a subscript looks up the key ''.
    if first.is_empty() && !rest.is_empty() {
        return Err(Error::python("KeyError", "''"));
    }
    let index = if first.is_empty() {
        let n = auto.ok_or_else(|| {
            Error::value_error("cannot switch from manual field specification to automatic field numbering")
        })?;
        *auto = Some(n + 1);
        Some(n)
    } else if first.bytes().all(|b| b.is_ascii_digit()) {
        if auto.is_some_and(|n| n > 0) {
            return Err(Error::value_error(
                "cannot switch from manual field specification to automatic field numbering",
            ));
        }
        *auto = None;
        Some(first.parse().map_err(|_| Error::value_error("Too many decimal digits in format string"))?)
    } else {
        None
    };
    let mut value = match index {
        Some(i) => positional
            .get(i)
            .cloned()
            .ok_or_else(|| Error::python("IndexError", "tuple index out of range"))?,
        None => subscript(state, named, &Value::from(first))?,
    };
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let cut = tail.find(['.', '[']).unwrap_or(tail.len());
            if cut == 0 {
                return Err(Error::value_error("Empty attribute in format string"));
            }
            value = crate::attr::getattr(state, &value, &tail[..cut])?;
            rest = &tail[cut..];
        } else if let Some(tail) = rest.strip_prefix('[') {
            let cut = tail.find(']').ok_or_else(|| Error::value_error("Missing ']' in format string"))?;
            let key = &tail[..cut];
            if key.is_empty() {
                return Err(Error::value_error("Empty attribute in format string"));
            }
            let key = match key.parse::<i64>() {
                Ok(n) if key.bytes().all(|b| b.is_ascii_digit()) => Value::from(n),
                _ => Value::from(key),
            };
            value = crate::attr::getitem(state, &value, &key)?;
            rest = &tail[cut + 1..];
        } else {
            return Err(Error::value_error("Only '.' or '[' may follow ']' in format field specifier"));
        }
    }
    Ok(value)
}
