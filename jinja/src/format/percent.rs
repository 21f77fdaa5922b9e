//! `'…' % x`.

use num_bigint::BigInt;
use num_traits::{FromPrimitive, Signed};

use super::{MAX_WIDTH, ascii, digits, float_body, not_finite, pad, radix, subscript};
use crate::error::{Error, Result};
use crate::ops::{int_to_float, memory};
use crate::repr::{repr, to_str};
use crate::state::State;
use crate::value::Value;

/// `template % values`.
pub(crate) fn percent(state: &State<'_>, template: &str, values: &Value) -> Result<String> {
    let chars: Vec<char> = template.chars().collect();
    let tuple = match values {
        Value::Tuple(t) => Some(t.items().to_vec()),
        _ => None,
    };
    let (mut at, mut used, mut out) = (0, 0, String::new());
    let mapped = matches!(
        values,
        Value::Dict(_)
            | Value::List(_)
            | Value::Object(_)
            | Value::Undefined(_)
            | Value::Range(_)
            | Value::Bytes(_)
    );
    let mut by_name = false;
    let mut next = || -> Result<Value> {
        let item = match &tuple {
            Some(items) => items.get(used).cloned(),
            None => (used == 0).then(|| values.clone()),
        };
        used += 1;
        item.ok_or_else(|| Error::type_error("not enough arguments for format string"))
    };
    while at < chars.len() {
        let c = chars[at];
        at += 1;
        if c != '%' {
            out.push(c);
            continue;
        }
        let incomplete = || Error::value_error("incomplete format");
        let mut named = None;
        if chars.get(at) == Some(&'(') {
            let start = at + 1;
            let mut depth = 1;
            at += 1;
            while depth > 0 {
                match chars.get(at) {
                    Some('(') => depth += 1,
                    Some(')') => depth -= 1,
                    Some(_) => {}
                    None => return Err(Error::value_error("incomplete format key")),
                }
                at += 1;
            }
            let name: String = chars[start..at - 1].iter().collect();
            if !mapped {
                return Err(Error::type_error("format requires a mapping"));
            }
            by_name = true;
            named = Some(subscript(state, values, &Value::from(name))?);
        }
        let (mut left, mut plus, mut space, mut alt, mut zero) = (false, false, false, false, false);
        while let Some(f) = chars.get(at) {
            match f {
                '-' => left = true,
                '+' => plus = true,
                ' ' => space = true,
                '#' => alt = true,
                '0' => zero = true,
                _ => break,
            }
            at += 1;
        }
        let mut number = |at: &mut usize| -> Result<Option<usize>> {
            if chars.get(*at) == Some(&'*') {
                *at += 1;
                let v = next()?;
                let n = v.as_i64().ok_or_else(|| Error::type_error("* wants int"))?;
                if n < 0 {
                    left = true;
                }
                return usize::try_from(n.unsigned_abs())
                    .ok()
                    .filter(|n| *n <= MAX_WIDTH)
                    .map(Some)
                    .ok_or_else(memory);
            }
            digits(&chars, at)
        };
        let width = number(&mut at)?.unwrap_or(0);
        let mut precision = None;
        if chars.get(at) == Some(&'.') {
            at += 1;
            precision = Some(number(&mut at)?.unwrap_or(0));
        }
        while matches!(chars.get(at), Some('l' | 'h' | 'L')) {
            at += 1;
        }
        let code = *chars.get(at).ok_or_else(incomplete)?;
        at += 1;
        if code == '%' {
            out.push('%');
            continue;
        }
        if !"sracdiuoxXeEfFgG".contains(code) {
            let shown = if (' '..='~').contains(&code) { code } else { '?' };
            return Err(Error::value_error(format!(
                "unsupported format character '{shown}' (0x{:x}) at index {}",
                code as u32,
                at - 1
            )));
        }
        let value = match named {
            Some(v) => v,
            None => next()?,
        };
        let align = if left { '<' } else { '>' };
        let signed = |negative: bool| {
            if negative {
                "-"
            } else if plus {
                "+"
            } else if space {
                " "
            } else {
                ""
            }
        };
        let piece = match code {
            's' | 'r' | 'a' => {
                let text = match code {
                    's' => to_str(&value)?,
                    'r' => repr(&value)?,
                    _ => ascii(&repr(&value)?),
                };
                let text: String = precision.map_or(text.clone(), |p| text.chars().take(p).collect());
                pad(&text, "", width, ' ', align)
            }
            'c' => {
                let text = match value.as_str() {
                    Some(s) if s.chars().count() == 1 => s.to_owned(),
                    _ => match value.as_int() {
                        Some(i) => {
                            u32::try_from(i).ok().and_then(char::from_u32).map(String::from).ok_or_else(
                                || Error::python("OverflowError", "%c arg not in range(0x110000)"),
                            )?
                        }
                        None => return Err(Error::type_error("%c requires int or char")),
                    },
                };
                pad(&text, "", width, ' ', align)
            }
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
                let int = match &value {
                    Value::Undefined(u) if !matches!(code, 'o' | 'x' | 'X') => return Err(u.error()),
                    Value::Float(f) if !matches!(code, 'o' | 'x' | 'X') => {
                        BigInt::from_f64(f.trunc()).ok_or_else(|| not_finite(*f))?
                    }
                    _ => value.as_int().ok_or_else(|| {
                        let wants = if matches!(code, 'o' | 'x' | 'X') {
                            "an integer is required"
                        } else {
                            "a real number is required"
                        };
                        Error::type_error(format!("%{code} format: {wants}, not {}", value.type_name()))
                    })?,
                };
                let mut body = match code {
                    'o' | 'x' | 'X' => radix(&int, code),
                    _ => crate::repr::int(&int)?.trim_start_matches('-').to_owned(),
                };
                if let Some(p) = precision.filter(|p| *p <= MAX_WIDTH) {
                    body = format!("{}{body}", "0".repeat(p.saturating_sub(body.len())));
                }
                let mut sign = signed(int.is_negative()).to_owned();
                if alt && "oxX".contains(code) {
                    sign.push('0');
                    sign.push(code);
                }
                pad(
                    &body,
                    &sign,
                    width,
                    if zero && !left { '0' } else { ' ' },
                    if left {
                        '<'
                    } else if zero {
                        '='
                    } else {
                        '>'
                    },
                )
            }
            _ => {
                let f = match &value {
                    Value::Undefined(u) => return Err(u.error()),
                    Value::Float(f) => *f,
                    _ => match value.as_int() {
                        Some(i) => int_to_float(&i)?,
                        None => {
                            return Err(Error::type_error(format!(
                                "must be real number, not {}",
                                value.type_name()
                            )));
                        }
                    },
                };
                let body = float_body(f, code, precision.unwrap_or(6), alt);
                let zero = zero && f.is_finite();
                pad(
                    &body,
                    signed(f.is_sign_negative() && !f.is_nan()),
                    width,
                    if zero && !left { '0' } else { ' ' },
                    if left {
                        '<'
                    } else if zero {
                        '='
                    } else {
                        '>'
                    },
                )
            }
        };
        out.push_str(&piece);
        if out.len() > MAX_WIDTH * 4 {
            return Err(memory());
        }
    }
    let leftover = match &tuple {
        Some(items) => used < items.len(),
        None => used == 0 && !by_name && !mapped,
    };
    if leftover {
        return Err(Error::type_error("not all arguments converted during string formatting"));
    }
    Ok(out)
}
