//! Filters of text.

use super::{Bound, alike, argument_error};
use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::methods;
use crate::repr::{repr_str, to_str};
use crate::state::State;
use crate::value::Value;

/// Escapes `& < > ' "` for HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}

/// `escape(value)`: markup stays as it is.
pub(crate) fn escaped(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Markup(_) => value.clone(),
        // An imported template is markup too.
        Value::Object(o) if o.type_name() == "TemplateModule" => Value::Markup(to_str(value)?.into()),
        _ => Value::Markup(escape(&to_str(value)?).into()),
    })
}

pub(super) fn register(env: &mut Environment) {
    for name in ["e", "escape"] {
        env.add_filter(name, |_, value, args| {
            Bound::new("escape", 1, args, &[], 0)?;
            escaped(&value)
        });
    }
    env.add_filter("forceescape", |_, value, _| Ok(Value::Markup(escape(&to_str(&value)?).into())));
    env.add_filter("safe", |_, value, _| Ok(Value::Markup(to_str(&value)?.into())));
    env.add_filter("string", |_, value, _| {
        if value.as_str().is_some() { Ok(value) } else { Ok(Value::from(to_str(&value)?)) }
    });
    env.add_filter("upper", |_, value, args| {
        Bound::new("do_upper", 1, args, &[], 0)?;
        Ok(alike(&value, to_str(&value)?.to_uppercase()))
    });
    env.add_filter("lower", |_, value, args| {
        Bound::new("do_lower", 1, args, &[], 0)?;
        Ok(alike(&value, to_str(&value)?.to_lowercase()))
    });
    env.add_filter("capitalize", |_, value, args| {
        Bound::new("do_capitalize", 1, args, &[], 0)?;
        Ok(alike(&value, methods_text::capitalize(&to_str(&value)?)))
    });
    env.add_filter("title", |_, value, args| {
        Bound::new("do_title", 1, args, &[], 0)?;
        Ok(Value::from(title(&to_str(&value)?)))
    });
    env.add_filter("trim", |_, value, args| {
        let chars = Bound::new("do_trim", 1, args, &["chars"], 0)?.none(0);
        let text = to_str(&value)?;
        if !matches!(chars, Value::None) && chars.as_str().is_none() {
            return Err(Error::type_error("strip arg must be None or str"));
        }
        Ok(alike(&value, methods_text::strip(&text, chars.as_str(), true, true).to_owned()))
    });
    env.add_filter("center", |state, value, args| {
        let width = Bound::new("do_center", 1, args, &["width"], 0)?.or(0, 80i64);
        let text = Value::from(to_str(&value)?);
        Ok(alike(&value, to_str(&state.call_method(&text, "center", Args::new(vec![width]))?)?))
    });
    env.add_filter("replace", |state, value, args| {
        let b = Bound::new("do_replace", 2, args, &["old", "new", "count"], 2)?;
        let count = match b.get(2) {
            None | Some(Value::None) => -1,
            Some(v) => methods::index(v)?,
        };
        if state.autoescape() {
            let soft = |v: Value| if v.as_str().is_some() { Ok(v) } else { to_str(&v).map(Value::from) };
            let (old, new) = (soft(b.none(0))?, soft(b.none(1))?);
            let safe = |v: &Value| matches!(v, Value::Markup(_));
            let text =
                if safe(&old) || (safe(&new) && !safe(&value)) { escaped(&value)? } else { soft(value)? };
            return state.call_method(&text, "replace", Args::new(vec![old, new, Value::from(count)]));
        }
        let (text, old, new) = (to_str(&value)?, b.text(0, "")?, b.text(1, "")?);
        Ok(Value::from(methods_text::replace(&text, &old, &new, count)?))
    });
    env.add_filter("format", format);
    env.add_filter("striptags", |_, value, _| Ok(Value::from(striptags(&to_str(&value)?))));
    env.add_filter("wordcount", |_, value, _| {
        let text = to_str(&value)?;
        let words =
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).count();
        Ok(Value::from(words))
    });
    env.add_filter("indent", indent);
    env.add_filter("truncate", truncate);
    env.add_filter("xmlattr", xmlattr);
}

use crate::methods::text as methods_text;

fn title(s: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for c in s.chars() {
        if c.is_whitespace() || "-({[<".contains(c) {
            start = true;
            out.push(c);
        } else if std::mem::take(&mut start) {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

fn format(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    if !args.positional.is_empty() && !args.named.is_empty() {
        return Err(argument_error("can't handle positional and keyword arguments at the same time"));
    }
    let text = to_str(&value)?;
    let values = if args.named.is_empty() { Value::tuple(args.positional) } else { Value::dict(args.named) };
    Ok(alike(&value, crate::format::percent(state, &text, &values)?))
}

fn striptags(text: &str) -> String {
    let mut text = text.to_owned();
    for (open, close) in [("<!--", "-->"), ("<", ">")] {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(open) {
            let Some(end) = rest[start + open.len()..].find(close) else { break };
            out.push_str(&rest[..start]);
            rest = &rest[start + open.len() + end + close.len()..];
        }
        out.push_str(rest);
        text = out;
    }
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    unescape(&joined)
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = rest
            [..rest.len().min(12).min(rest.char_indices().nth(12).map_or(rest.len(), |(i, _)| i))]
            .find(';')
            .and_then(|end| {
                let name = &rest[1..end];
                let c = match name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    "nbsp" => Some('\u{a0}'),
                    "copy" => Some('©'),
                    "raquo" => Some('»'),
                    "laquo" => Some('«'),
                    "hellip" => Some('…'),
                    "mdash" => Some('—'),
                    "ndash" => Some('–'),
                    _ => name
                        .strip_prefix('#')
                        .and_then(|n| match n.strip_prefix(['x', 'X']) {
                            Some(hex) => u32::from_str_radix(hex, 16).ok(),
                            None => n.parse().ok(),
                        })
                        .and_then(char::from_u32),
                };
                c.map(|c| (c, end + 1))
            });
        match known {
            Some((c, skip)) => {
                out.push(c);
                rest = &rest[skip..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn indent(_: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_indent", 1, args, &["width", "first", "blank"], 0)?;
    let indention = match b.get(0) {
        Some(Value::Str(s) | Value::Markup(s)) => s.to_string(),
        _ => {
            let n = b.int(0, 4)?;
            if n > 1 << 20 {
                return Err(crate::ops::memory());
            }
            " ".repeat(usize::try_from(n).unwrap_or(0))
        }
    };
    let (first, blank) = (b.flag(1, false)?, b.flag(2, false)?);
    let text = match &value {
        Value::Undefined(u) => return Err(u.error()),
        _ => value.as_str().ok_or_else(|| match &value {
            Value::List(_) => Error::python("AttributeError", "'list' object has no attribute 'splitlines'"),
            Value::Tuple(_) => Error::type_error("can only concatenate tuple (not \"str\") to tuple"),
            other => Error::type_error(format!(
                "unsupported operand type(s) for +=: '{}' and 'str'",
                other.type_name()
            )),
        })?,
    };
    let lines = methods_text::splitlines(&format!("{text}\n"), false);
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if (i == 0 && first) || (i > 0 && (blank || !line.is_empty())) {
            out.push_str(&indention);
        }
        out.push_str(line);
    }
    Ok(alike(&value, out))
}

fn truncate(_: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_truncate", 2, args, &["length", "killwords", "end", "leeway"], 0)?;
    let (length, killwords, end) = (b.int(0, 255)?, b.flag(1, false)?, b.text(2, "...")?);
    let leeway = match b.get(3) {
        None | Some(Value::None) => 5,
        Some(v) => methods::index(v)?,
    };
    let end_len = end.chars().count() as i64;
    if length < end_len {
        return Err(Error::python("AssertionError", format!("expected length >= {end_len}, got {length}")));
    }
    if leeway < 0 {
        return Err(Error::python("AssertionError", format!("expected leeway >= 0, got {leeway}")));
    }
    if value.length()? as i64 <= length.saturating_add(leeway) {
        return Ok(value);
    }
    let text = to_str(&value)?;
    let cut: String = text.chars().take(usize::try_from(length - end_len).unwrap_or(0)).collect();
    let kept = if killwords { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(a, _)| a) };
    Ok(alike(&value, format!("{kept}{end}")))
}

fn xmlattr(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_xmlattr", 2, args, &["autospace"], 0)?;
    let pairs = match &value {
        Value::Undefined(u) => return Err(u.error()),
        Value::Dict(d) => d.snapshot(),
        other => {
            return Err(Error::python(
                "AttributeError",
                format!("'{}' object has no attribute 'items'", other.type_name()),
            ));
        }
    };
    let mut parts = Vec::new();
    for (key, value) in &pairs {
        if matches!(value, Value::None | Value::Undefined(_)) {
            continue;
        }
        let Some(name) = key.value().as_str() else {
            return Err(Error::type_error("expected string or bytes-like object"));
        };
        if name.chars().any(|c| c.is_ascii_whitespace() || c == '\x0b' || "/>=".contains(c)) {
            return Err(Error::value_error(format!(
                "Invalid character in attribute name: {}",
                repr_str(name)
            )));
        }
        parts.push(format!("{}=\"{}\"", escape(name), to_str(&escaped(value)?)?));
    }
    let text = parts.join(" ");
    Ok(state.made(if b.flag(0, true)? && !text.is_empty() { format!(" {text}") } else { text }))
}
