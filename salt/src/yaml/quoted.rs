//! Single texts in quotes, on lines of any length.

use super::emit::{escape, is_printable};
use super::scanner::is_break;

/// A text in double quotes. `unicode` leaves characters beyond ASCII as they are.
pub fn double_quoted(text: &str, unicode: bool) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        let plain = matches!(c, ' '..='~') || (unicode && is_printable(c) && !is_break(c));
        match plain && c != '"' && c != '\\' {
            true => out.push(c),
            false => out.push_str(&escape(c)),
        }
    }
    out + "\""
}

/// A text in single quotes, as PyYAML's own emitter writes it (not libyaml's).
pub fn single_quoted(text: &str) -> String {
    let is_break = |c: char| matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut out = String::from("'");
    let mut in_breaks = false;
    for c in text.chars() {
        // A single line feed would be read as a blank.
        if c == '\n' && !in_breaks {
            out.push('\n');
        }
        in_breaks = is_break(c);
        if c == '\'' {
            out.push(c);
        }
        out.push(c);
    }
    out + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_those_of_pyyaml() {
        assert_eq!(double_quoted("a\"b\\ é\n\u{1}", true), "\"a\\\"b\\\\ é\\n\\x01\"");
        assert_eq!(double_quoted("é\u{85}😀", false), "\"\\xE9\\N\\U0001F600\"");
        assert_eq!(single_quoted("it's"), "'it''s'");
        assert_eq!(single_quoted("a\nb\n\nc"), "'a\n\nb\n\n\nc'");
    }
}
