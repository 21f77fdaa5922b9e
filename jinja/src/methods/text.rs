//! Methods of text and bytes.

use super::{Given, index};
use crate::args::Args;
use crate::error::{Error, Result};
use crate::repr::repr_str;
use crate::state::State;
use crate::value::Value;

const MAX_WIDTH: i64 = 16 << 20;

fn need_str(value: &Value, text: impl Fn(&str) -> String) -> Result<&str> {
    value.as_str().ok_or_else(|| Error::type_error(text(value.type_name())))
}

fn must_be_str(value: &Value) -> Result<&str> {
    need_str(value, |t| format!("must be str, not {t}"))
}

/// The part of a text that `start` and `end` arguments name, and the number of characters before it.
fn window<'a>(s: &'a str, start: &Value, end: &Value) -> Result<Option<(&'a str, usize)>> {
    let len = s.chars().count() as i64;
    let bound = |v: &Value, default: i64| -> Result<i64> {
        match v {
            Value::None => Ok(default),
            _ => {
                let i = index(v).map_err(|_| {
                    Error::type_error("slice indices must be integers or None or have an __index__ method")
                })?;
                Ok(if i < 0 { i.saturating_add(len).max(0) } else { i })
            }
        }
    };
    let (start, end) = (bound(start, 0)?, bound(end, len)?.min(len));
    if start > end {
        return Ok(None);
    }
    let byte =
        |n: i64| s.char_indices().nth(usize::try_from(n).unwrap_or_default()).map_or(s.len(), |(i, _)| i);
    Ok(Some((&s[byte(start)..byte(end)], usize::try_from(start).unwrap_or_default())))
}

fn width(value: &Value) -> Result<usize> {
    let n = index(value)?;
    if n > MAX_WIDTH {
        return Err(crate::ops::memory());
    }
    Ok(usize::try_from(n).unwrap_or(0))
}

fn fill(given: &Given) -> Result<char> {
    match given.get(1) {
        None => Ok(' '),
        Some(v) => {
            let s = need_str(v, |t| format!("The fill character must be a unicode character, not {t}"))?;
            let mut chars = s.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => Ok(c),
                _ => Err(Error::type_error("The fill character must be exactly one character long")),
            }
        }
    }
}

pub(crate) fn center(s: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(s.chars().count());
    let left = missing / 2 + (missing & width & 1);
    let f = |n: usize| fill.to_string().repeat(n);
    format!("{}{s}{}", f(left), f(missing - left))
}

pub(crate) fn strip<'a>(s: &'a str, chars: Option<&str>, left: bool, right: bool) -> &'a str {
    let out = |c: char| {
        chars.map_or_else(|| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c), |set| set.contains(c))
    };
    let s = if left { s.trim_start_matches(out) } else { s };
    if right { s.trim_end_matches(out) } else { s }
}

/// `str.title`.
fn title(s: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

pub(crate) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase())
}

pub(crate) fn splitlines(s: &str, keep: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut chars = s.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            let mut end = c.to_string();
            if c == '\r' && chars.peek() == Some(&'\n') {
                end.extend(chars.next());
            }
            if keep {
                line.push_str(&end);
            }
            lines.push(std::mem::take(&mut line));
        } else {
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn split(s: &str, sep: Option<&str>, max: i64, right: bool) -> Result<Vec<String>> {
    let mut parts: Vec<String> = Vec::new();
    let limit = if max < 0 { usize::MAX } else { usize::try_from(max).unwrap_or(usize::MAX) };
    match sep {
        Some("") => return Err(Error::value_error("empty separator")),
        Some(sep) => {
            let mut rest = s;
            while parts.len() < limit {
                let cut =
                    if right { rest.rsplit_once(sep).map(|(a, b)| (b, a)) } else { rest.split_once(sep) };
                let Some((part, more)) = cut else { break };
                parts.push(part.to_owned());
                rest = more;
            }
            parts.push(rest.to_owned());
        }
        None => {
            let mut rest = strip(s, None, !right, right);
            while !rest.is_empty() {
                let space = |c: char| c.is_whitespace();
                let cut = if right { rest.rfind(space) } else { rest.find(space) };
                let Some(cut) = cut.filter(|_| parts.len() < limit) else {
                    parts.push(rest.to_owned());
                    break;
                };
                if right {
                    let next = rest[cut..].chars().next().map_or(0, char::len_utf8);
                    parts.push(rest[cut + next..].to_owned());
                    rest = strip(&rest[..cut], None, false, true);
                } else {
                    parts.push(rest[..cut].to_owned());
                    rest = strip(&rest[cut..], None, true, false);
                }
            }
            parts.retain(|p| !p.is_empty());
        }
    }
    if right {
        parts.reverse();
    }
    Ok(parts)
}

fn strings(parts: Vec<String>) -> Value {
    Value::list(parts.into_iter().map(Value::from).collect())
}

fn cased(s: &str, want: fn(char) -> bool, refuse: fn(char) -> bool) -> bool {
    s.chars().any(want) && !s.chars().any(refuse)
}

fn is_title(s: &str) -> bool {
    let (mut inside, mut any) = (false, false);
    for c in s.chars() {
        if (c.is_uppercase() && inside) || (c.is_lowercase() && !inside) {
            return false;
        }
        inside = c.is_uppercase() || c.is_lowercase();
        any |= inside;
    }
    any
}

pub(crate) fn is_lower(s: &str) -> bool {
    cased(s, char::is_lowercase, char::is_uppercase)
}

pub(crate) fn is_upper(s: &str) -> bool {
    cased(s, char::is_uppercase, char::is_lowercase)
}

/// Binds parameters that may come by name.
fn bound(name: &str, args: Args, params: &[&str]) -> Result<Vec<Option<Value>>> {
    let n = args.positional.len() + args.named.len();
    if n > params.len() {
        let s = if params.len() == 1 { "" } else { "s" };
        return Err(Error::type_error(format!(
            "{name}() takes at most {} argument{s} ({n} given)",
            params.len()
        )));
    }
    if let Some((key, _)) = args.named.iter().find(|(k, _)| !params.contains(&&**k)) {
        return Err(Error::type_error(format!("'{key}' is an invalid keyword argument for {name}()")));
    }
    args.bind(name, 0, params, 0)
}

pub(super) fn call(state: &State<'_>, s: &str, name: &'static str, args: Args) -> Result<Value> {
    let full = format!("str.{name}");
    let none = |args: Args| Given::new(&full, args, 0, 0);
    let test = |args: Args, f: fn(char) -> bool| -> Result<Value> {
        none(args)?;
        Ok(Value::Bool(!s.is_empty() && s.chars().all(f)))
    };
    Ok(match name {
        "upper" => {
            none(args)?;
            Value::from(s.to_uppercase())
        }
        "lower" | "casefold" => {
            none(args)?;
            let lower = s.to_lowercase();
            Value::from(if name == "casefold" {
                lower.replace('ß', "ss").replace('ς', "σ")
            } else {
                lower
            })
        }
        "capitalize" => {
            none(args)?;
            Value::from(capitalize(s))
        }
        "title" => {
            none(args)?;
            Value::from(title(s))
        }
        "swapcase" => {
            none(args)?;
            let swap = |c: char| {
                if c.is_uppercase() {
                    c.to_lowercase().collect::<String>()
                } else {
                    c.to_uppercase().collect()
                }
            };
            Value::from(s.chars().map(swap).collect::<String>())
        }
        "strip" | "lstrip" | "rstrip" => {
            let chars = Given::new(name, args, 0, 1)?.at(0);
            let set = match &chars {
                Value::None => None,
                v => Some(need_str(v, |_| format!("{name} arg must be None or str"))?),
            };
            Value::from(strip(s, set, name != "rstrip", name != "lstrip"))
        }
        "split" | "rsplit" => {
            let parts = bound(name, args, &["sep", "maxsplit"])?;
            let sep = match &parts[0] {
                None | Some(Value::None) => None,
                Some(v) => Some(need_str(v, |t| format!("must be str or None, not {t}"))?),
            };
            let max = parts[1].as_ref().map_or(Ok(-1), index)?;
            strings(split(s, sep, max, name == "rsplit")?)
        }
        "splitlines" => {
            let parts = bound(name, args, &["keepends"])?;
            strings(splitlines(s, parts[0].as_ref().map_or(Ok(false), Value::truth)?))
        }
        "join" => {
            let items = Given::new(&full, args, 1, 1)?.at(0);
            let items = items.items(state).map_err(|e| {
                if e.class() == "TypeError" { Error::type_error("can only join an iterable") } else { e }
            })?;
            let mut out = String::new();
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(s);
                }
                out.push_str(need_str(item, |t| {
                    format!("sequence item {i}: expected str instance, {t} found")
                })?);
                if out.len() as i64 > MAX_WIDTH * 4 {
                    return Err(crate::ops::memory());
                }
            }
            Value::from(out)
        }
        "replace" => {
            let given = Given::new(name, args, 2, 3)?;
            let (old, new) = (given.at(0), given.at(1));
            let old = need_str(&old, |t| format!("replace() argument 1 must be str, not {t}"))?;
            let new = need_str(&new, |t| format!("replace() argument 2 must be str, not {t}"))?;
            Value::from(replace(s, old, new, given.get(2).map_or(Ok(-1), index)?)?)
        }
        "startswith" | "endswith" => {
            let given = Given::new(name, args, 1, 3)?;
            let affix = given.at(0);
            let Some((part, _)) = window(s, &given.at(1), &given.at(2))? else {
                return Ok(Value::Bool(false));
            };
            let hit = |a: &str| if name == "startswith" { part.starts_with(a) } else { part.ends_with(a) };
            let refuse = |t: &str| format!("{name} first arg must be str or a tuple of str, not {t}");
            match &affix {
                Value::Tuple(t) => {
                    for a in t.items() {
                        if hit(need_str(a, |t| format!("tuple for {name} must only contain str, not {t}"))?) {
                            return Ok(Value::Bool(true));
                        }
                    }
                    Value::Bool(false)
                }
                one => Value::Bool(hit(need_str(one, refuse)?)),
            }
        }
        "find" | "index" | "rfind" | "rindex" | "count" => {
            let given = Given::new(name, args, 1, 3)?;
            let wanted = given.at(0);
            let wanted = must_be_str(&wanted)?;
            let found = window(s, &given.at(1), &given.at(2))?;
            if name == "count" {
                let n = found.map_or(0, |(p, _)| {
                    if wanted.is_empty() { p.chars().count() + 1 } else { p.matches(wanted).count() }
                });
                return Ok(Value::from(n));
            }
            let at = found.and_then(|(part, skipped)| {
                let i = if name.starts_with('r') { part.rfind(wanted) } else { part.find(wanted) };
                i.map(|i| skipped + part[..i].chars().count())
            });
            match at {
                Some(i) => Value::from(i),
                None if name.ends_with("index") => return Err(Error::value_error("substring not found")),
                None => Value::from(-1i64),
            }
        }
        "partition" | "rpartition" => {
            let sep = Given::new(&full, args, 1, 1)?.at(0);
            let sep = must_be_str(&sep)?;
            if sep.is_empty() {
                return Err(Error::value_error("empty separator"));
            }
            let cut = if name == "partition" { s.split_once(sep) } else { s.rsplit_once(sep) };
            let parts = match cut {
                Some((a, b)) => [a, sep, b],
                None if name == "partition" => [s, "", ""],
                None => ["", "", s],
            };
            Value::tuple(parts.into_iter().map(Value::from).collect())
        }
        "removeprefix" | "removesuffix" => {
            let affix = Given::new(&full, args, 1, 1)?.at(0);
            let affix = need_str(&affix, |t| format!("{name}() argument must be str, not {t}"))?;
            let cut = if name == "removeprefix" { s.strip_prefix(affix) } else { s.strip_suffix(affix) };
            Value::from(cut.unwrap_or(s))
        }
        "center" | "ljust" | "rjust" => {
            let given = Given::new(name, args, 1, 2)?;
            let (n, c) = (width(&given.at(0))?, fill(&given)?);
            let missing = c.to_string().repeat(n.saturating_sub(s.chars().count()));
            Value::from(match name {
                "center" => center(s, n, c),
                "ljust" => format!("{s}{missing}"),
                _ => format!("{missing}{s}"),
            })
        }
        "zfill" => {
            let n = width(&Given::new(&full, args, 1, 1)?.at(0))?;
            let zeros = "0".repeat(n.saturating_sub(s.chars().count()));
            let (sign, rest) = s.split_at(usize::from(s.starts_with(['+', '-'])));
            Value::from(format!("{sign}{zeros}{rest}"))
        }
        "expandtabs" => {
            let parts = bound(name, args, &["tabsize"])?;
            let size = width(&parts[0].clone().unwrap_or_else(|| Value::from(8i64)))?.min(4096);
            let (mut out, mut column) = (String::new(), 0);
            for c in s.chars() {
                match c {
                    '\t' if size > 0 => {
                        let n = size - column % size;
                        out.push_str(&" ".repeat(n));
                        column += n;
                    }
                    '\t' => {}
                    '\n' | '\r' => {
                        out.push(c);
                        column = 0;
                    }
                    _ => {
                        out.push(c);
                        column += 1;
                    }
                }
            }
            Value::from(out)
        }
        "encode" => {
            let parts = bound(name, args, &["encoding", "errors"])?;
            let encoding = parts[0].as_ref().and_then(Value::as_str).unwrap_or("utf-8").to_owned();
            let strict = parts[1].as_ref().and_then(Value::as_str).unwrap_or("strict").to_owned();
            encode(s, &encoding, &strict)?
        }
        "format" => Value::from(crate::format::format(state, s, &args)?),
        "format_map" => {
            if !args.named.is_empty() {
                return Err(Error::type_error("format_map() takes no keyword arguments"));
            }
            let n = args.positional.len();
            if n != 1 {
                return Err(Error::type_error(format!(
                    "format_map() takes exactly one argument ({n} given)"
                )));
            }
            Value::from(crate::format::format_with(state, s, &[], &args.positional[0])?)
        }
        "translate" => Value::from(crate::format::translate(s, &Given::new(&full, args, 1, 1)?.at(0))?),
        "isalnum" => return test(args, char::is_alphanumeric),
        "isalpha" => return test(args, char::is_alphabetic),
        "isdigit" => {
            return test(args, |c| {
                c.is_ascii_digit()
                    || (c.is_numeric()
                        && c.to_digit(10).is_none()
                        && !c.is_alphabetic()
                        && "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains(c))
            });
        }
        "isdecimal" => return test(args, |c| c.is_ascii_digit()),
        "isnumeric" => return test(args, char::is_numeric),
        "isspace" => return test(args, |c| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)),
        "isascii" => {
            none(args)?;
            Value::Bool(s.is_ascii())
        }
        "isprintable" => {
            none(args)?;
            let shown = repr_str(s);
            Value::Bool(
                !s.chars().any(|c| c.is_control())
                    && shown.matches("\\u").count() + shown.matches("\\x").count() <= s.matches('\\').count(),
            )
        }
        "isidentifier" => {
            none(args)?;
            let mut chars = s.chars();
            Value::Bool(
                chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                    && chars.all(|c| c.is_alphanumeric() || c == '_'),
            )
        }
        "islower" => {
            none(args)?;
            Value::Bool(is_lower(s))
        }
        "isupper" => {
            none(args)?;
            Value::Bool(is_upper(s))
        }
        _ => {
            none(args)?;
            Value::Bool(is_title(s))
        }
    })
}

/// `str.replace`.
pub(crate) fn replace(s: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let n = usize::try_from(count).unwrap_or(usize::MAX);
    let hits = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() }.min(n);
    if hits.saturating_mul(new.len()) as u64 > MAX_WIDTH as u64 * 4 {
        return Err(crate::ops::memory());
    }
    Ok(s.replacen(old, new, n))
}

fn encode(s: &str, encoding: &str, errors: &str) -> Result<Value> {
    let normal = encoding.to_lowercase().replace(['_', ' '], "-");
    let limit = match normal.as_str() {
        "utf-8" | "utf8" | "u8" => return Ok(Value::Bytes(s.as_bytes().into())),
        "ascii" | "us-ascii" => 0x80,
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => 0x100,
        _ => return Err(Error::python("LookupError", format!("unknown encoding: {encoding}"))),
    };
    let mut out = Vec::new();
    for (i, c) in s.chars().enumerate() {
        let n = c as u32;
        if n < limit {
            out.push(n as u8);
            continue;
        }
        match errors {
            "ignore" => {}
            "replace" => out.push(b'?'),
            "backslashreplace" => out.extend(
                match n {
                    0..=0xff => format!("\\x{n:02x}"),
                    0x100..=0xffff => format!("\\u{n:04x}"),
                    _ => format!("\\U{n:08x}"),
                }
                .into_bytes(),
            ),
            "xmlcharrefreplace" => out.extend(format!("&#{n};").into_bytes()),
            _ => {
                let (codec, shown) =
                    (if limit == 0x80 { "ascii" } else { "latin-1" }, repr_str(&c.to_string()));
                let shown = if n < 0x100 {
                    format!("'\\x{n:02x}'")
                } else if n < 0x10000 {
                    format!("'\\u{n:04x}'")
                } else {
                    shown
                };
                let text = format!(
                    "'{codec}' codec can't encode character {shown} in position {i}: ordinal not in range({limit})"
                );
                return Err(Error::python("UnicodeEncodeError", text));
            }
        }
    }
    Ok(Value::Bytes(out.into()))
}

pub(super) fn call_bytes(state: &State<'_>, b: &[u8], name: &'static str, args: Args) -> Result<Value> {
    if name == "decode" {
        let parts = bound(name, args, &["encoding", "errors"])?;
        let encoding = parts[0].as_ref().and_then(Value::as_str).unwrap_or("utf-8").to_lowercase();
        let errors = parts[1].as_ref().and_then(Value::as_str).unwrap_or("strict").to_owned();
        if encoding.contains("latin") || encoding.contains("8859") {
            return Ok(Value::from(b.iter().map(|b| char::from(*b)).collect::<String>()));
        }
        return match std::str::from_utf8(b) {
            Ok(s) => Ok(Value::from(s)),
            Err(_) if errors == "replace" => Ok(Value::from(String::from_utf8_lossy(b).into_owned())),
            Err(_) if errors == "ignore" => {
                Ok(Value::from(String::from_utf8_lossy(b).replace(char::REPLACEMENT_CHARACTER, "")))
            }
            Err(e) => {
                let at = e.valid_up_to();
                let text = format!(
                    "'utf-8' codec can't decode byte 0x{:02x} in position {at}: invalid start byte",
                    b.get(at).copied().unwrap_or(0)
                );
                Err(Error::python("UnicodeDecodeError", text))
            }
        };
    }
    if name == "hex" {
        Given::new("bytes.hex", args, 0, 0)?;
        return Ok(Value::from(b.iter().map(|b| format!("{b:02x}")).collect::<String>()));
    }
    // The other methods work on the Latin-1 view of the bytes, which keeps each byte a character.
    let view = |b: &[u8]| b.iter().map(|b| char::from(*b)).collect::<String>();
    let back = |s: &str| Value::Bytes(s.chars().map(|c| c as u32 as u8).collect());
    let convert = |v: Value| match v {
        Value::Bytes(b) => Value::from(view(&b)),
        Value::List(l) => Value::list(
            l.snapshot()
                .into_iter()
                .map(|v| if let Value::Bytes(b) = v { Value::from(view(&b)) } else { v })
                .collect(),
        ),
        other => other,
    };
    let args = Args { positional: args.positional.into_iter().map(convert).collect(), named: args.named };
    let answer = match name {
        "upper" => Value::from(view(b).to_ascii_uppercase()),
        "lower" => Value::from(view(b).to_ascii_lowercase()),
        _ => call(state, &view(b), name, args)?,
    };
    Ok(match answer {
        Value::Str(s) => back(&s),
        Value::List(l) => {
            Value::list(l.snapshot().iter().map(|v| v.as_str().map_or_else(|| v.clone(), back)).collect())
        }
        other => other,
    })
}
