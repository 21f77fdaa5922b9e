//! `'…' % x`, `str.format` and the format mini-language.

use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, Signed};

use crate::args::Args;
use crate::error::{Error, Result};
use crate::ops::{int_to_float, memory};
use crate::repr::{repr, to_str};
use crate::state::State;
use crate::value::{Key, Value};

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
