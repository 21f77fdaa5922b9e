//! The renderer `json`, and JSON as Python's `json.loads` reads it: `NaN` and `Infinity` too, integers of any size, and its
//! own sentences about what is wrong.

use num_bigint::BigInt;
use salt::{Map, Value};

use crate::RenderError;

/// How deep a document may nest; Python ends at its recursion limit.
const DEPTH: usize = 900;

/// The value of a text, which may begin with a line `#!`.
pub(crate) fn render(text: &str) -> Result<Value, RenderError> {
    match body(text) {
        "" => Ok(Map::new().into()),
        body => load(body).map_err(|error| RenderError::other("json.decoder.JSONDecodeError", error)),
    }
}

/// A text without the line of its renderers; empty if there is nothing else.
pub(crate) fn body(text: &str) -> &str {
    let body = match text.starts_with("#!") {
        // Python's `find` gives -1 where there is no line feed: nothing is cut away then.
        true => text.split_once('\n').map_or(text, |(_, rest)| rest),
        false => text,
    };
    if body.trim().is_empty() { "" } else { body }
}

/// `json.loads`.
///
/// # Errors
/// Python's sentence.
pub(crate) fn load(text: &str) -> Result<Value, String> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    if reader.peek() == Some('\u{feff}') {
        return Err(reader.wrong("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
    }
    reader.blanks();
    let value = reader.value()?;
    reader.blanks();
    match reader.at == reader.chars.len() {
        true => Ok(value),
        false => Err(reader.wrong("Extra data", reader.at)),
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

    fn wrong(&self, what: &str, at: usize) -> String {
        let before = &self.chars[..at.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = at - before.iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1) + 1;
        format!("{what}: line {line} column {column} (char {at})")
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let fits = word.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c));
        if fits {
            self.at += word.len();
        }
        fits
    }

    fn value(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("maximum recursion depth exceeded while decoding a JSON document".into());
        }
        let value = match self.peek() {
            Some('"') => Value::Str(self.string()?),
            Some('{') => self.object()?,
            Some('[') => self.array()?,
            _ => self.scalar()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn scalar(&mut self) -> Result<Value, String> {
        let words = [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        for (word, value) in words {
            if self.word(word) {
                return Ok(value);
            }
        }
        self.number().ok_or_else(|| self.wrong("Expecting value", self.at))
    }

    fn digits(&self, from: usize) -> usize {
        self.chars[from.min(self.chars.len())..].iter().take_while(|c| c.is_ascii_digit()).count()
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let mut end = start + usize::from(self.peek() == Some('-'));
        let whole = match self.chars.get(end)? {
            '0' => 1,
            _ => self.digits(end),
        };
        if whole == 0 {
            return None;
        }
        end += whole;
        let mut float = false;
        if self.chars.get(end) == Some(&'.') && self.digits(end + 1) > 0 {
            end += 1 + self.digits(end + 1);
            float = true;
        }
        if matches!(self.chars.get(end), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.chars.get(end + 1), Some('+' | '-')));
            let digits = self.digits(end + 1 + sign);
            if digits > 0 {
                end += 1 + sign + digits;
                float = true;
            }
        }
        let text: String = self.chars[start..end].iter().collect();
        self.at = end;
        Some(match float {
            true => Value::Float(text.parse().ok()?),
            false => Value::from_big(text.parse::<BigInt>().ok()?),
        })
    }

    fn array(&mut self) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut items = Vec::new();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                Some(']') => break,
                Some(',') => self.at += 1,
                _ => return Err(self.wrong("Expecting ',' delimiter", self.at)),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(Value::List(items))
    }

    fn object(&mut self) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut map = Map::new();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(map.into());
        }
        loop {
            if self.peek() != Some('"') {
                return Err(self.wrong("Expecting property name enclosed in double quotes", self.at));
            }
            let key = self.string()?;
            self.blanks();
            if self.peek() != Some(':') {
                return Err(self.wrong("Expecting ':' delimiter", self.at));
            }
            self.at += 1;
            self.blanks();
            let value = self.value()?;
            map.insert(key, value);
            self.blanks();
            match self.peek() {
                Some('}') => break,
                Some(',') => self.at += 1,
                _ => return Err(self.wrong("Expecting ',' delimiter", self.at)),
            }
            self.blanks();
        }
        self.at += 1;
        Ok(map.into())
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.wrong("Unterminated string starting at", start));
            };
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape(start)?),
                c if (c as u32) < 0x20 => return Err(self.wrong("Invalid control character at", self.at - 1)),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<char, String> {
        let Some(c) = self.peek() else { return Err(self.wrong("Unterminated string starting at", start)) };
        self.at += 1;
        Ok(match c {
            '"' | '\\' | '/' => c,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.hex().ok_or_else(|| self.wrong("Invalid \\uXXXX escape", self.at))?;
                // Halves of pairs that stand alone can't be in a text here.
                self.pair(high).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(self.wrong("Invalid \\escape: ", self.at - 2)),
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits: String = self.chars.get(self.at..self.at + 4)?.iter().collect();
        let code = digits
            .chars()
            .all(|c| c.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(&digits, 16).ok())??;
        self.at += 4;
        Some(code)
    }

    fn pair(&mut self, high: u32) -> Option<char> {
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        let back = self.at;
        if self.word("\\u")
            && let Some(low @ 0xdc00..0xe000) = self.hex()
        {
            return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
        }
        self.at = back;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn documents_are_read_as_python_reads_them() {
        assert_eq!(
            load(" {\"a\": [1, -2.5e1, null, true], \"a\": {}} "),
            Ok(map! { "a" => Map::new() }.into())
        );
        assert_eq!(
            load("[1e400, -Infinity, 123456789012345678901]").map(|v| v.repr()),
            Ok("[inf, -inf, 123456789012345678901]".into())
        );
        assert_eq!(load(r#""\u00e9\ud83d\ude00\ud800x\n""#), Ok("é😀\u{fffd}x\n".into()));
        assert_eq!(load("[]"), Ok(list![]));
        assert_eq!(render("#!json\n \n"), Ok(Map::new().into()));
    }

    #[test]
    fn what_is_wrong_is_said_as_python_says_it() {
        for (text, expected) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("{\"a\": 1,}", "Expecting property name enclosed in double quotes: line 1 column 9 (char 8)"),
            ("[1,\n]", "Expecting value: line 2 column 1 (char 4)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("1 2", "Extra data: line 1 column 3 (char 2)"),
            ("\"a", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"\n\"", "Invalid control character at: line 1 column 2 (char 1)"),
            ("\"\\x\"", "Invalid \\escape: : line 1 column 2 (char 1)"),
            ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 4 (char 3)"),
            ("-", "Expecting value: line 1 column 1 (char 0)"),
        ] {
            assert_eq!(load(text), Err(expected.to_string()), "{text:?}");
        }
        assert!(load(&"[".repeat(100_000)).is_err());
    }
}
