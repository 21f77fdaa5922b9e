//! The filter `wordwrap`.

use super::Bound;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::methods::text::splitlines;
use crate::repr::to_str;
use crate::value::Value;

pub(super) fn register(env: &mut Environment) {
    env.add_filter("wordwrap", |state, value, args| {
        let b = Bound::new(
            "do_wordwrap",
            2,
            args,
            &["width", "break_long_words", "wrapstring", "break_on_hyphens"],
            0,
        )?;
        let width = b.int(0, 79)?;
        let (long, hyphens) = (b.flag(1, true)?, b.flag(3, true)?);
        let joint = match b.get(2) {
            None | Some(Value::None) => state.environment().settings.newline_sequence.clone(),
            Some(v) => to_str(v)?,
        };
        let Some(text) = value.as_str() else {
            return Err(match &value {
                Value::Undefined(u) => u.error(),
                _ => Error::python(
                    "AttributeError",
                    format!("'{}' object has no attribute 'splitlines'", value.type_name()),
                ),
            });
        };
        let mut lines = Vec::new();
        for line in splitlines(text, false) {
            lines.push(wrap(&line, width, long, hyphens)?.join(&joint));
        }
        Ok(Value::from(lines.join(&joint)))
    });
}

/// Blanks, words and, where words may break at hyphens, their parts.
fn chunks(text: &str, hyphens: bool) -> Vec<Vec<char>> {
    let chars: Vec<char> = text.chars().collect();
    let mut out: Vec<Vec<char>> = Vec::new();
    for (i, c) in chars.iter().enumerate() {
        let space = c.is_whitespace();
        let letter =
            |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| c.is_alphabetic() || *c == '_');
        let after_hyphen = hyphens
            && i >= 2
            && chars[i - 1] == '-'
            && letter(i.checked_sub(2))
            && letter(Some(i))
            && (letter(i.checked_sub(3)) || letter(Some(i + 1)));
        match out.last_mut() {
            Some(last) if last.last().is_some_and(|l| l.is_whitespace()) == space && !after_hyphen => {
                last.push(*c)
            }
            _ => out.push(vec![*c]),
        }
    }
    out
}

fn wrap(text: &str, width: i64, long: bool, hyphens: bool) -> Result<Vec<String>> {
    if width <= 0 {
        return Err(Error::value_error(format!("invalid width {width} (must be > 0)")));
    }
    let width = usize::try_from(width).unwrap_or(usize::MAX);
    let mut rest: Vec<Vec<char>> = chunks(text, hyphens);
    rest.reverse();
    let blank = |c: &[char]| c.iter().all(|c| c.is_whitespace());
    let mut lines = Vec::new();
    while !rest.is_empty() {
        let mut line: Vec<Vec<char>> = Vec::new();
        let mut len = 0;
        if !lines.is_empty() && rest.last().is_some_and(|c| blank(c)) {
            rest.pop();
        }
        while let Some(chunk) = rest.pop_if(|c| len + c.len() <= width) {
            len += chunk.len();
            line.push(chunk);
        }
        if let Some(next) = rest.last_mut().filter(|c| c.len() > width) {
            if long {
                let space = width.saturating_sub(len).max(usize::from(width < 1));
                let mut at = space;
                if hyphens && next.len() > space {
                    let hyphen = next[..space].iter().rposition(|c| *c == '-');
                    if let Some(h) = hyphen.filter(|h| *h > 0 && next[..*h].iter().any(|c| *c != '-')) {
                        at = h + 1;
                    }
                }
                let head: Vec<char> = next.drain(..at).collect();
                line.push(head);
            } else if line.is_empty() {
                line.extend(rest.pop());
            }
        }
        if line.last().is_some_and(|c| blank(c)) {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line.concat().into_iter().collect());
        }
    }
    Ok(lines)
}
