//! `'…' % x`, `str.format` and the format mini-language.

use num_bigint::{BigInt, Sign};

use crate::error::{Error, Result};
use crate::ops::{int_to_float, memory};
use crate::repr::{repr, to_str};
use crate::state::State;
use crate::value::{Key, Value};

mod percent;
mod template;

pub(crate) use percent::percent;
pub(crate) use template::{format, format_with};

const MAX_WIDTH: usize = 16 << 20;

fn pad(body: &str, sign: &str, width: usize, fill: char, align: char) -> String {
    let len = body.chars().count() + sign.chars().count();
    let missing = width.saturating_sub(len);
    let f = |n: usize| fill.to_string().repeat(n);
    match align {
        '<' => format!("{sign}{body}{}", f(missing)),
        '^' => format!("{}{sign}{body}{}", f(missing / 2), f(missing - missing / 2)),
        '=' => format!("{sign}{}{body}", f(missing)),
        _ => format!("{}{sign}{body}", f(missing)),
    }
}

fn group(digits: &str, by: char, every: usize) -> String {
    let n = digits.len();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (n - i).is_multiple_of(every) {
            out.push(by);
        }
        out.push(c);
    }
    out
}

/// A finite or not finite float without its sign, in one of `eEfFgG`.
fn float_body(f: f64, code: char, precision: usize, alternate: bool) -> String {
    let f = f.abs();
    let upper = code.is_ascii_uppercase();
    let text = if f.is_nan() {
        "nan".to_owned()
    } else if f.is_infinite() {
        "inf".to_owned()
    } else {
        match code.to_ascii_lowercase() {
            'e' => exponent(f, precision),
            'g' => {
                let p = precision.max(1);
                let e = exponent(f, p - 1);
                let x: i32 = e.split_once('e').and_then(|(_, x)| x.parse().ok()).unwrap_or(0);
                let strip = |s: &str| {
                    if alternate || !s.contains('.') {
                        s.to_owned()
                    } else {
                        s.trim_end_matches('0').trim_end_matches('.').to_owned()
                    }
                };
                if x < -4 || x >= p as i32 {
                    let (m, x) = e.split_once('e').unwrap_or((&e, "+00"));
                    format!("{}e{x}", strip(m))
                } else {
                    strip(&format!("{f:.*}", (p as i32 - 1 - x).max(0) as usize))
                }
            }
            _ => {
                let dot = if alternate && precision == 0 { "." } else { "" };
                format!("{f:.precision$}{dot}")
            }
        }
    };
    if upper { text.to_uppercase() } else { text }
}

fn exponent(f: f64, precision: usize) -> String {
    let text = format!("{f:.precision$e}");
    let (m, e) = text.split_once('e').unwrap_or((&text, "0"));
    let e: i32 = e.parse().unwrap_or(0);
    format!("{m}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
}

fn radix(i: &BigInt, code: char) -> String {
    match code {
        'x' => i.magnitude().to_str_radix(16),
        'X' => i.magnitude().to_str_radix(16).to_uppercase(),
        'o' => i.magnitude().to_str_radix(8),
        'b' => i.magnitude().to_str_radix(2),
        _ => String::new(),
    }
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c as u32 {
            0..=0x7f => c.to_string(),
            n @ 0x80..=0xff => format!("\\x{n:02x}"),
            n @ 0x100..=0xffff => format!("\\u{n:04x}"),
            n => format!("\\U{n:08x}"),
        })
        .collect()
}

fn subscript(state: &State<'_>, container: &Value, key: &Value) -> Result<Value> {
    match crate::attr::subscript(state, container, key)? {
        Some(v) => Ok(v),
        None => Err(Error::python("KeyError", repr(key)?)),
    }
}

fn not_finite(f: f64) -> Error {
    if f.is_nan() {
        Error::value_error("cannot convert float NaN to integer")
    } else {
        Error::python("OverflowError", "cannot convert float infinity to integer")
    }
}

fn digits(chars: &[char], at: &mut usize) -> Result<Option<usize>> {
    let start = *at;
    let mut n: usize = 0;
    while let Some(d) = chars.get(*at).and_then(|c| c.to_digit(10)) {
        n = n.saturating_mul(10).saturating_add(d as usize);
        *at += 1;
    }
    if n > MAX_WIDTH {
        return Err(memory());
    }
    Ok((*at > start).then_some(n))
}

struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    code: Option<char>,
}

fn parse_spec(spec: &str, class: &str) -> Result<Spec> {
    let chars: Vec<char> = spec.chars().collect();
    let mut at = 0;
    let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '^' | '='));
    let mut s = Spec {
        fill: None,
        align: None,
        sign: None,
        alternate: false,
        zero: false,
        width: 0,
        grouping: None,
        precision: None,
        code: None,
    };
    if is_align(chars.get(1)) {
        s.fill = Some(chars[0]);
        s.align = Some(chars[1]);
        at = 2;
    } else if is_align(chars.first()) {
        s.align = Some(chars[0]);
        at = 1;
    }
    if let Some(c @ ('+' | '-' | ' ')) = chars.get(at) {
        s.sign = Some(*c);
        at += 1;
    }
    if chars.get(at) == Some(&'z') {
        at += 1;
    }
    if chars.get(at) == Some(&'#') {
        s.alternate = true;
        at += 1;
    }
    if chars.get(at) == Some(&'0') {
        s.zero = true;
        at += 1;
    }
    s.width = digits(&chars, &mut at)?.unwrap_or(0);
    if let Some(c @ (',' | '_')) = chars.get(at) {
        s.grouping = Some(*c);
        at += 1;
    }
    if chars.get(at) == Some(&'.') {
        at += 1;
        s.precision = Some(
            digits(&chars, &mut at)?
                .ok_or_else(|| Error::value_error("Format specifier missing precision"))?,
        );
    }
    if let Some(c) = chars.get(at) {
        s.code = Some(*c);
        at += 1;
    }
    if at < chars.len() {
        return Err(Error::value_error(format!(
            "Invalid format specifier '{spec}' for object of type '{class}'"
        )));
    }
    Ok(s)
}

/// `format(value, spec)`.
pub(crate) fn format_value(value: &Value, spec: &str) -> Result<String> {
    if spec.is_empty() {
        return to_str(value);
    }
    let class = value.type_name().to_owned();
    let unknown =
        |c: char| Error::value_error(format!("Unknown format code '{c}' for object of type '{class}'"));
    match value {
        Value::Str(text) | Value::Markup(text) => {
            let s = parse_spec(spec, "str")?;
            match s.code {
                None | Some('s') => {}
                Some(c) => return Err(unknown(c)),
            }
            if s.sign.is_some() {
                return Err(Error::value_error("Sign not allowed in string format specifier"));
            }
            if s.alternate {
                return Err(Error::value_error("Alternate form (#) not allowed in string format specifier"));
            }
            if let Some(c) = s.grouping {
                return Err(Error::value_error(format!("Cannot specify '{c}' with 's'.")));
            }
            if s.align == Some('=') {
                return Err(Error::value_error("'=' alignment not allowed in string format specifier"));
            }
            let text: String =
                s.precision.map_or_else(|| text.to_string(), |p| text.chars().take(p).collect());
            let fill = s.fill.unwrap_or(if s.zero { '0' } else { ' ' });
            Ok(pad(&text, "", s.width, fill, s.align.unwrap_or('<')))
        }
        Value::Int(_) | Value::Bool(_) => {
            let s = parse_spec(spec, &class)?;
            let int = value.as_int().unwrap_or_default();
            match s.code {
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return float(int_to_float(&int)?, &s),
                None | Some('d' | 'n' | 'b' | 'o' | 'x' | 'X' | 'c') => {}
                Some(c) => return Err(unknown(c)),
            }
            if s.precision.is_some() {
                return Err(Error::value_error("Precision not allowed in integer format specifier"));
            }
            let code = s.code.unwrap_or('d');
            if code == 'c' {
                let c = u32::try_from(&int).ok().and_then(char::from_u32);
                let c = c.ok_or_else(|| Error::python("OverflowError", "%c arg not in range(0x110000)"))?;
                return Ok(pad(&c.to_string(), "", s.width, s.fill.unwrap_or(' '), s.align.unwrap_or('<')));
            }
            let body = match code {
                'd' | 'n' => crate::repr::int(&int)?.trim_start_matches('-').to_owned(),
                _ => radix(&int, code),
            };
            let every = if matches!(code, 'd' | 'n') { 3 } else { 4 };
            let prefix = match (s.alternate, code) {
                (true, 'b' | 'o' | 'x' | 'X') => format!("0{code}"),
                _ => String::new(),
            };
            Ok(number(&body, &prefix, int.sign() == Sign::Minus, &s, every, body.len()))
        }
        Value::Float(f) => {
            let s = parse_spec(spec, "float")?;
            if let Some(c) = s.code.filter(|c| !"eEfFgGn%".contains(*c)) {
                return Err(unknown(c));
            }
            float(*f, &s)
        }

        _ => Err(Error::type_error(format!("unsupported format string passed to {class}.__format__"))),
    }
}

fn float(f: f64, s: &Spec) -> Result<String> {
    let body = match (s.code, s.precision) {
        (Some('%'), p) => format!("{}%", float_body(f * 100.0, 'f', p.unwrap_or(6), s.alternate)),
        (None, None) => crate::repr::float(f.abs()),
        (None, Some(p)) => {
            let text = float_body(f, 'g', p.max(1), s.alternate);
            if text.bytes().all(|b| b.is_ascii_digit()) && p > text.len() {
                format!("{text}.0")
            } else {
                text
            }
        }
        (Some('n'), p) => float_body(f, 'g', p.unwrap_or(6), s.alternate),
        (Some(c), p) => float_body(f, c, p.unwrap_or(6), s.alternate),
    };
    let whole = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    Ok(number(&body, "", f.is_sign_negative() && !f.is_nan(), s, 3, whole))
}

/// Joins sign, prefix and digits; `whole` is the length of the part that is grouped.
fn number(body: &str, prefix: &str, negative: bool, s: &Spec, every: usize, whole: usize) -> String {
    let mut sign = match (negative, s.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
    .to_owned();
    sign.push_str(prefix);
    let zero_pad = s.zero && s.align.is_none() && s.fill.is_none();
    let (head, tail) = body.split_at(whole);
    let body = match s.grouping {
        Some(c) => {
            let mut head = head.to_owned();
            if zero_pad || (s.align == Some('=') && s.fill == Some('0')) {
                while group(&head, c, every).len() + tail.len() + sign.len() < s.width {
                    let longer = format!("0{head}");
                    if group(&longer, c, every).len() + tail.len() + sign.len() > s.width + 1 {
                        break;
                    }
                    head = longer;
                }
            }
            format!("{}{tail}", group(&head, c, every))
        }
        None => body.to_owned(),
    };
    let fill = s.fill.unwrap_or(if s.zero { '0' } else { ' ' });
    pad(&body, &sign, s.width, fill, s.align.unwrap_or(if s.zero { '=' } else { '>' }))
}

/// Python's `str.translate`: keys are code points.
pub(crate) fn translate(text: &str, table: &Value) -> Result<String> {
    let Value::Dict(table) = table else {
        return Err(Error::type_error(format!("'{}' object is not subscriptable", table.type_name())));
    };
    let mut out = String::new();
    for c in text.chars() {
        let key = Key::new(Value::from(i64::from(c as u32)))?;
        match table.with(|m| m.get(&key).cloned()) {
            None => out.push(c),
            Some(Value::None) => {}
            Some(Value::Str(s)) => out.push_str(&s),
            Some(v) => match v.as_i64().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32) {
                Some(c) => out.push(c),
                None => return Err(Error::type_error("character mapping must return integer, None or str")),
            },
        }
    }
    Ok(out)
}
