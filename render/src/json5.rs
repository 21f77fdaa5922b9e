//! The renderer `json5`: JSON with comments, bare keys, single quotes, trailing commas and more ways to write a number
//! (<https://spec.json5.org>).

use num_bigint::BigInt;
use salt::{Map, Value};

use crate::{RenderError, json};

/// How deep a document may nest.
const DEPTH: usize = 500;

/// The value of a text, which may begin with a line `#!`.
pub(crate) fn render(text: &str) -> Result<Value, RenderError> {
    match json::body(text) {
        "" => Ok(Map::new().into()),
        body => load(body).map_err(|error| RenderError::other("ValueError", error)),
    }
}

fn load(text: &str) -> Result<Value, String> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    reader.blanks()?;
    let value = reader.value()?;
    reader.blanks()?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.unexpected()),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    fn take(&mut self, wanted: char) -> bool {
        let hit = self.peek() == Some(wanted);
        self.at += usize::from(hit);
        hit
    }

    fn unexpected(&self) -> String {
        let before = &self.chars[..self.at.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        match self.peek() {
            None => format!("<string>:{line} Unexpected end of input"),
            Some(c) => {
                let column = before.len() - before.iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1) + 1;
                format!("<string>:{line} Unexpected \"{c}\" at column {column}")
            }
        }
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) -> Result<(), String> {
        loop {
            match self.peek() {
                Some(c) if c.is_whitespace() || c == '\u{feff}' => self.at += 1,
                Some('/') if self.chars.get(self.at + 1) == Some(&'/') => {
                    while self.peek().is_some_and(|c| !is_line_end(c)) {
                        self.at += 1;
                    }
                }
                Some('/') if self.chars.get(self.at + 1) == Some(&'*') => {
                    self.at += 2;
                    while !(self.peek() == Some('*') && self.chars.get(self.at + 1) == Some(&'/')) {
                        if self.next().is_none() {
                            return Err(self.unexpected());
                        }
                    }
                    self.at += 2;
                }
                _ => return Ok(()),
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("maximum recursion depth exceeded while decoding a JSON document".into());
        }
        let value = match self.peek() {
            Some('{') => self.object()?,
            Some('[') => self.array()?,
            Some('"' | '\'') => Value::Str(self.string()?),
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => self.number()?,
            Some(c) if c.is_alphabetic() => self.named()?,
            _ => return Err(self.unexpected()),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, String> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.take(']') {
                return Ok(Value::List(items));
            }
            items.push(self.value()?);
            self.blanks()?;
            if !self.take(',') && self.peek() != Some(']') {
                return Err(self.unexpected());
            }
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.blanks()?;
            if self.take('}') {
                return Ok(map.into());
            }
            let key = match self.peek() {
                Some('"' | '\'') => self.string()?,
                _ => self.name()?,
            };
            self.blanks()?;
            if !self.take(':') {
                return Err(self.unexpected());
            }
            self.blanks()?;
            let value = self.value()?;
            map.insert(key, value);
            self.blanks()?;
            if !self.take(',') && self.peek() != Some('}') {
                return Err(self.unexpected());
            }
        }
    }

    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            let starts = c.is_alphabetic() || c == '$' || c == '_';
            let follows = c.is_numeric() || c == '\u{200c}' || c == '\u{200d}';
            if c == '\\' {
                self.at += 1;
                if !self.take('u') {
                    return Err(self.unexpected());
                }
                name.push(self.hex(4)?);
                continue;
            }
            if !(starts || (follows && !name.is_empty())) {
                break;
            }
            name.push(c);
            self.at += 1;
        }
        if name.is_empty() { Err(self.unexpected()) } else { Ok(name) }
    }

    fn named(&mut self) -> Result<Value, String> {
        let start = self.at;
        Ok(match self.name()?.as_str() {
            "null" => Value::None,
            "true" => true.into(),
            "false" => false.into(),
            "Infinity" => f64::INFINITY.into(),
            "NaN" => f64::NAN.into(),
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        })
    }

    fn number(&mut self) -> Result<Value, String> {
        let minus = self.peek() == Some('-');
        self.at += usize::from(matches!(self.peek(), Some('+' | '-')));
        if self.peek().is_some_and(char::is_alphabetic) {
            let value = self.named()?;
            return match value {
                Value::Float(x) => Ok(Value::Float(if minus { -x } else { x })),
                _ => Err(self.unexpected()),
            };
        }
        let start = self.at;
        let hex = self.peek() == Some('0') && matches!(self.chars.get(start + 1), Some('x' | 'X'));
        if hex {
            self.at += 2;
        }
        let part = |c: char, before: char| match c {
            '+' | '-' => matches!(before, 'e' | 'E'),
            c => c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E'),
        };
        let mut before = ' ';
        while let Some(c) = self.peek() {
            let fits = if hex { c.is_ascii_hexdigit() } else { part(c, before) };
            if !fits {
                break;
            }
            before = c;
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let whole = match hex {
            true => BigInt::parse_bytes(&text.as_bytes()[2..], 16),
            false => {
                BigInt::parse_bytes(text.as_bytes(), 10).filter(|_| text == "0" || !text.starts_with('0'))
            }
        };
        if let Some(whole) = whole {
            return Ok(Value::from_big(if minus { -whole } else { whole }));
        }
        let digits = text.contains(|c: char| c.is_ascii_digit());
        let octal = text.len() > 1 && text.starts_with('0') && text.as_bytes()[1].is_ascii_digit();
        match text.parse::<f64>() {
            Ok(x) if digits && !octal && !hex => Ok(Value::Float(if minus { -x } else { x })),
            _ => {
                self.at = start;
                Err(self.unexpected())
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => return Err(self.unexpected()),
                c if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let Some(c) = self.next() else { return Err(self.unexpected()) };
        text.push(match c {
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => '\0',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            '\r' => {
                self.take('\n');
                return Ok(());
            }
            c if is_line_end(c) => return Ok(()),
            c => c,
        });
        Ok(())
    }

    fn hex(&mut self, digits: usize) -> Result<char, String> {
        let code = |reader: &Reader| {
            let text: String = reader.chars.get(reader.at..reader.at + digits)?.iter().collect();
            text.chars().all(|c| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(&text, 16).ok())?
        };
        let Some(high) = code(self) else { return Err(self.unexpected()) };
        self.at += digits;
        if (0xd800..0xdc00).contains(&high)
            && self.peek() == Some('\\')
            && self.chars.get(self.at + 1) == Some(&'u')
        {
            self.at += 2;
            if let Some(low @ 0xdc00..0xe000) = code(self) {
                self.at += digits;
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at -= 2;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read() {
        let text = "// c\n{a: 1, 'b': [0x1F, +.5, 5., -Infinity, 1e3,], /* d */ $_\\u0061: \"x\\\ny\\x41\\'\", \"e\": null,}";
        let expected = "{'a': 1, 'b': [31, 0.5, 5.0, -inf, 1000.0], '$_a': \"xyA'\", 'e': None}";
        assert_eq!(load(text).map(|v| v.repr()), Ok(expected.into()));
        assert_eq!(render("#!json5\n\n"), Ok(Map::new().into()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("{a: }", "<string>:1 Unexpected \"}\" at column 5"),
            ("[1,\n 2 3]", "<string>:2 Unexpected \"3\" at column 4"),
            ("[1", "<string>:1 Unexpected end of input"),
            ("'a\n'", "<string>:1 Unexpected \"\n\" at column 3"),
            ("{1: 2}", "<string>:1 Unexpected \"1\" at column 2"),
            ("010", "<string>:1 Unexpected \"0\" at column 1"),
            ("/* a", "<string>:1 Unexpected end of input"),
        ] {
            assert_eq!(load(text), Err(expected.to_string()), "{text:?}");
        }
        assert!(load(&"[".repeat(100_000)).is_err());
        for text in ["0x", "+", ".", "-e", "'\\u12'", "'\\x'", "\\", "{\\x: 1}", "nul"] {
            assert!(load(text).is_err(), "{text:?}");
        }
    }
}
