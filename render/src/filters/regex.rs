//! Regular expressions in templates.

use jinja::python::Bound;
use jinja::{Args, Environment, Error, Result, Value};
use salt::target::Pattern;

use super::texts::expected_string;

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    env.add_filter("regex_escape", |_, value, args| {
        Bound::new("regex_escape", 1, args, &[], 0)?;
        let text = value.as_str().ok_or_else(|| {
            Error::type_error(format!(
                "decoding to str: need a bytes-like object, {} found",
                value.type_name()
            ))
        })?;
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        Ok(Value::from(out))
    });
    for (name, anchored) in [("regex_search", false), ("regex_match", true)] {
        env.add_filter(name, move |_, value, args| groups(name, anchored, &value, args));
    }
    env.add_filter("regex_replace", |_, value, args| {
        let b = Bound::new("regex_replace", 1, args, &["rgx", "val", "ignorecase", "multiline"], 2)?;
        let pattern = compiled(&b, 0, 2)?;
        let by = b.none(1);
        let by = by.as_str().ok_or_else(|| expected_string(&by))?;
        let text = value.as_str().ok_or_else(|| expected_string(&value))?;
        Ok(Value::from(replaced(&pattern, text, by)?))
    });
    env.add_test("match", |_, value, args| {
        let b = Bound::new("test_match", 1, args, &["rgx", "ignorecase", "multiline"], 1)?;
        let pattern = compiled(&b, 0, 1)?;
        let text = value.as_str().ok_or_else(|| expected_string(&value))?;
        Ok(pattern.matches_start(text))
    });
}

/// The expression at one place of the arguments, its two flags from another on.
fn compiled(b: &Bound, at: usize, flags: usize) -> Result<Pattern> {
    let pattern = b.none(at);
    let text = pattern
        .as_str()
        .ok_or_else(|| Error::type_error("first argument must be string or compiled pattern"))?;
    Pattern::with_flags(text, b.flag(flags, false)?, b.flag(flags + 1, false)?)
        .map_err(|error| Error::python("re.error", error))
}

fn groups(name: &str, anchored: bool, value: &Value, args: Args) -> Result<Value> {
    let b = Bound::new(name, 1, args, &["rgx", "ignorecase", "multiline"], 1)?;
    let pattern = compiled(&b, 0, 1)?;
    let text = value.as_str().ok_or_else(|| expected_string(value))?;
    let found = pattern.regex().captures(text).ok().flatten();
    let Some(found) = found.filter(|found| !anchored || found.get(0).is_some_and(|all| all.start() == 0))
    else {
        return Ok(Value::None);
    };
    let group = |i: usize| found.get(i).map_or(Value::None, |part| Value::from(part.as_str()));
    Ok(match found.len() {
        0 | 1 => Value::tuple(vec![group(0)]),
        n => Value::tuple((1..n).map(group).collect()),
    })
}

/// A piece of a replacement.
enum Piece {
    Text(String),
    Group(usize),
}

/// `re.sub`. Unlike in other engines, an empty match right behind another match counts.
fn replaced(pattern: &Pattern, text: &str, by: &str) -> Result<String> {
    let regex = pattern.regex();
    let names: Vec<Option<&str>> = regex.capture_names().collect();
    let pieces = template(by, &names)?;
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while at <= text.len() {
        let Ok(Some(found)) = regex.captures_from_pos(text, at) else { break };
        let Some(all) = found.get(0) else { break };
        out.push_str(&text[copied..all.start()]);
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(n) => out.push_str(found.get(*n).map_or("", |part| part.as_str())),
            }
        }
        copied = all.end();
        at = match all.end() > all.start() {
            true => all.end(),
            // Past an empty match goes on behind the next character.
            false => all.end() + text[all.end()..].chars().next().map_or(1, char::len_utf8),
        };
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok(out)
}

/// Reads a replacement (`re._parser.parse_template`).
fn template(by: &str, names: &[Option<&str>]) -> Result<Vec<Piece>> {
    let wrong = |text: String, at: usize| Error::python("re.error", format!("{text} at position {at}"));
    let chars: Vec<char> = by.chars().collect();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    let group = |n: usize, at: usize| match n < names.len() {
        true => Ok(Piece::Group(n)),
        false => Err(wrong(format!("invalid group reference {n}"), at)),
    };
    while at < chars.len() {
        if chars[at] != '\\' {
            text.push(chars[at]);
            at += 1;
            continue;
        }
        let start = at;
        let Some(c) = chars.get(at + 1).copied() else {
            return Err(wrong("bad escape (end of pattern)".into(), start));
        };
        at += 2;
        let reference = match c {
            'g' => {
                if chars.get(at) != Some(&'<') {
                    return Err(wrong("missing <".into(), at));
                }
                let end = chars[at..].iter().position(|c| *c == '>');
                let Some(end) = end.map(|end| at + end) else {
                    return Err(wrong("missing >, unterminated name".into(), at + 1));
                };
                let name: String = chars[at + 1..end].iter().collect();
                let place = at + 1;
                at = end + 1;
                match name.parse::<usize>() {
                    Ok(n) => group(n, place)?,
                    Err(_) if name.is_empty() => return Err(wrong("missing group name".into(), place)),
                    Err(_) => match names.iter().position(|known| *known == Some(&name)) {
                        Some(n) => Piece::Group(n),
                        None => {
                            let text = format!("unknown group name {}", jinja::python::repr_str(&name));
                            return Err(Error::python("IndexError", text));
                        }
                    },
                }
            }
            '0' => {
                let digits = chars[at..].iter().take(2).take_while(|c| ('0'..='7').contains(*c)).count();
                let code = chars[at..at + digits].iter().fold(0, |code, c| code * 8 + (*c as u32 - 48));
                at += digits;
                text.extend(char::from_u32(code));
                continue;
            }
            '1'..='9' => {
                let second = chars.get(at).copied().filter(char::is_ascii_digit);
                let octal = |c: char| ('0'..='7').contains(&c);
                if let (Some(b), Some(third)) = (second, chars.get(at + 1).copied())
                    && octal(c)
                    && octal(b)
                    && octal(third)
                {
                    let code = (c as u32 - 48) * 64 + (b as u32 - 48) * 8 + (third as u32 - 48);
                    at += 2;
                    if code > 0o377 {
                        let shown: String = chars[start..at].iter().collect();
                        return Err(wrong(
                            format!("octal escape value {shown} outside of range 0-0o377"),
                            start,
                        ));
                    }
                    text.extend(char::from_u32(code));
                    continue;
                }
                let mut n = c as usize - 48;
                if let Some(b) = second {
                    n = n * 10 + (b as usize - 48);
                    at += 1;
                }
                group(n, start + 1)?
            }
            c => {
                let known = [
                    ('a', '\x07'),
                    ('b', '\x08'),
                    ('f', '\x0c'),
                    ('n', '\n'),
                    ('r', '\r'),
                    ('t', '\t'),
                    ('v', '\x0b'),
                    ('\\', '\\'),
                ];
                match known.iter().find(|(name, _)| *name == c) {
                    Some((_, plain)) => text.push(*plain),
                    None if c.is_ascii_alphabetic() => return Err(wrong(format!("bad escape \\{c}"), start)),
                    None => text.extend(['\\', c]),
                }
                continue;
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(reference);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}
