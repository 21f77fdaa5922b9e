//! Python's regular expressions on the engine of `fancy-regex`: the dialects differ in corners that users meet (`$`
//! before a final newline, `\Z`, braces and brackets that stand for themselves), so patterns are translated.

use std::iter::Peekable;
use std::str::CharIndices;

use fancy_regex::{Regex, RegexBuilder};

/// How many steps back an expression may take before it counts as no match; Python would go on for ever.
const BACKTRACK_LIMIT: usize = 1_000_000;

/// A compiled regular expression of Python's.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a Python expression.
    ///
    /// # Errors
    /// A sentence in the words of Python's `re.error`, where it has one.
    pub fn new(pattern: &str) -> Result<Pattern, String> {
        Pattern::with_flags(pattern, false, false)
    }

    /// The same with `re.I` and `re.M`.
    ///
    /// # Errors
    /// As of [`Pattern::new`].
    pub fn with_flags(pattern: &str, ignore_case: bool, multiline: bool) -> Result<Pattern, String> {
        let mut translator = Translator::new(pattern);
        translator.multiline = multiline;
        let mut translated = translator.run()?;
        if ignore_case {
            translated.insert_str(0, "(?i)");
        }
        if multiline {
            translated.insert_str(0, "(?m)");
        }
        RegexBuilder::new(&translated)
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map(Pattern)
            .map_err(|e| e.to_string())
    }

    /// `re.match`: a match that begins where the text begins.
    pub fn matches_start(&self, text: &str) -> bool {
        // The engine has no anchored search; the leftmost match begins at 0 exactly if one does at all.
        matches!(self.0.find(text), Ok(Some(found)) if found.start() == 0)
    }

    /// The compiled expression, for searching and replacing.
    pub fn regex(&self) -> &Regex {
        &self.0
    }
}

struct Translator<'a> {
    pattern: &'a str,
    chars: Peekable<CharIndices<'a>>,
    out: String,
    ascii: bool,
    multiline: bool,
    verbose: bool,
    /// The capturing groups so far: their names, empty for those without.
    groups: Vec<String>,
    /// Where the brackets stand that are not closed yet.
    open: Vec<usize>,
}

/// What stands before a quantifier.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Item,
    Quantifier,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Translator<'a> {
        Translator {
            pattern,
            chars: pattern.char_indices().peekable(),
            out: String::with_capacity(pattern.len() + 8),
            ascii: false,
            multiline: false,
            verbose: false,
            groups: Vec::new(),
            open: Vec::new(),
        }
    }

    fn run(mut self) -> Result<String, String> {
        let mut before = Before::Nothing;
        while let Some((at, c)) = self.chars.next() {
            before = match c {
                '\\' => {
                    self.escape(at)?;
                    Before::Item
                }
                '[' => {
                    self.class(at)?;
                    Before::Item
                }
                '$' => {
                    self.out.push_str(if self.multiline { r"(?=\n|\z)" } else { r"(?=\n?\z)" });
                    Before::Item
                }
                '^' => {
                    self.out.push('^');
                    Before::Item
                }
                '(' => self.group(at)?,
                ')' => {
                    if self.open.pop().is_none() {
                        return Err(format!("unbalanced parenthesis at position {at}"));
                    }
                    self.out.push(')');
                    Before::Item
                }
                '|' => {
                    self.out.push('|');
                    Before::Nothing
                }
                '*' | '+' | '?' => {
                    self.quantifier(at, &c.to_string(), before)?;
                    Before::Quantifier
                }
                '{' => match self.braces() {
                    Some(text) => {
                        self.quantifier(at, &text, before)?;
                        Before::Quantifier
                    }
                    None => {
                        self.out.push_str(r"\{");
                        Before::Item
                    }
                },
                '}' | ']' => {
                    self.out.push('\\');
                    self.out.push(c);
                    Before::Item
                }
                '#' if self.verbose => {
                    while self.chars.next().is_some_and(|(_, c)| c != '\n') {}
                    before
                }
                c if self.verbose && c.is_ascii_whitespace() => before,
                c => {
                    self.literal(c);
                    Before::Item
                }
            };
        }
        match self.open.last() {
            Some(at) => Err(format!("missing ), unterminated subpattern at position {at}")),
            None => Ok(self.out),
        }
    }

    fn literal(&mut self, c: char) {
        if matches!(c, '#' | '&' | '~' | '-' | ' ') {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// A quantifier with what may follow it: `?` for lazy, `+` for possessive.
    fn quantifier(&mut self, at: usize, text: &str, before: Before) -> Result<(), String> {
        match before {
            Before::Nothing => return Err(format!("nothing to repeat at position {at}")),
            Before::Quantifier => return Err(format!("multiple repeat at position {at}")),
            Before::Item => {}
        }
        self.out.push_str(text);
        if let Some((_, c)) = self.chars.next_if(|(_, c)| matches!(c, '?' | '+')) {
            self.out.push(c);
        }
        Ok(())
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; anything else stands for itself.
    fn braces(&mut self) -> Option<String> {
        let mut ahead = self.chars.clone();
        let mut body = String::new();
        loop {
            match ahead.next()?.1 {
                '}' => break,
                c if c.is_ascii_digit() || c == ',' => body.push(c),
                _ => return None,
            }
        }
        let text = match body.split_once(',') {
            None if !body.is_empty() => format!("{{{body}}}"),
            Some((low, high)) if !high.contains(',') && body != "," => {
                format!("{{{},{high}}}", if low.is_empty() { "0" } else { low })
            }
            Some(("", "")) => "*".to_string(),
            _ => return None,
        };
        self.chars = ahead;
        Some(text)
    }

    /// What follows an opening bracket.
    fn group(&mut self, at: usize) -> Result<Before, String> {
        if self.chars.next_if(|(_, c)| *c == '?').is_none() {
            self.out.push('(');
            self.groups.push(String::new());
            self.open.push(at);
            return Ok(Before::Nothing);
        }
        let rest = &self.pattern[at + 2..];
        if let Some(comment) = rest.strip_prefix('#') {
            let length = comment.find(')').ok_or("missing ), unterminated comment")?;
            self.skip_to(at + 2 + 1 + length + 1);
            return Ok(Before::Item);
        }
        for plain in [":", "=", "!", ">", "<=", "<!", "P=", "P<"] {
            if rest.starts_with(plain) {
                self.out.push_str("(?");
                self.out.push_str(plain);
                self.open.push(at);
                self.skip_to(at + 2 + plain.len());
                if plain.starts_with('P') {
                    self.name(at, plain)?;
                }
                return Ok(Before::Nothing);
            }
        }
        if rest.starts_with('(') {
            // A conditional: the condition goes over as it is.
            let length = rest.find(')').ok_or("missing ), unterminated name")?;
            self.out.push_str("(?");
            self.out.push_str(&rest[..=length]);
            self.open.push(at);
            self.skip_to(at + 2 + length + 1);
            return Ok(Before::Nothing);
        }
        self.flags(at, rest)
    }

    /// The name of a group or of a reference goes over as it is.
    fn name(&mut self, at: usize, head: &str) -> Result<(), String> {
        let mut name = String::new();
        while let Some((_, c)) = self.chars.next_if(|(_, c)| !matches!(c, '>' | ')')) {
            name.push(c);
        }
        self.out.push_str(&name);
        if head == "P<" {
            if let Some(other) = self.groups.iter().position(|n| *n == name) {
                return Err(format!(
                    "redefinition of group name '{name}' as group {}; was group {} at position {}",
                    self.groups.len() + 1,
                    other + 1,
                    at + 4,
                ));
            }
            self.groups.push(name);
            match self.chars.next_if(|(_, c)| *c == '>') {
                Some((_, c)) => self.out.push(c),
                None => return Err(format!("missing >, unterminated name at position {}", at + 4)),
            }
        }
        Ok(())
    }

    /// `(?i)` at the start of the expression, `(?i:…)` anywhere.
    fn flags(&mut self, at: usize, rest: &str) -> Result<Before, String> {
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic() && c != '-')
            .ok_or_else(|| "missing -, : or )".to_string())?;
        let flags = &rest[..end];
        if flags.is_empty() || flags.contains(|c: char| !"aiLmsux-".contains(c)) {
            let next = rest.chars().next().unwrap_or(')');
            return Err(format!("unknown extension ?{next} at position {}", at + 1));
        }
        let closes = rest[end..].starts_with(')');
        if !closes && !rest[end..].starts_with(':') {
            return Err(format!("unknown flag at position {}", at + 2 + end));
        }
        if closes && at != 0 {
            return Err(format!("global flags not at the start of the expression at position {at}"));
        }
        if !closes {
            self.open.push(at);
        }
        if closes {
            self.ascii |= flags.contains('a');
            self.multiline |= flags.contains('m');
            self.verbose |= flags.contains('x');
        }
        // Unicode is the rule on both sides; verbose text is taken out here.
        let kept: String = flags.chars().filter(|c| "ims-".contains(*c)).collect();
        let kept = kept.trim_end_matches('-');
        match (closes, kept.is_empty()) {
            (true, true) => {}
            (true, false) => self.out.push_str(&format!("(?{kept})")),
            (false, _) => self.out.push_str(&format!("(?{kept}:")),
        }
        self.skip_to(at + 2 + end + 1);
        Ok(Before::Nothing)
    }

    fn skip_to(&mut self, at: usize) {
        while self.chars.next_if(|(i, _)| *i < at).is_some() {}
    }

    fn escape(&mut self, at: usize) -> Result<(), String> {
        let (_, c) =
            self.chars.next().ok_or_else(|| format!("bad escape (end of pattern) at position {at}"))?;
        match c {
            'Z' => self.out.push_str(r"\z"),
            'A' | 'b' | 'B' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                let set = self.set_of(c);
                self.out.push_str(&format!("[{set}]"));
            }
            '1'..='9' if !self.is_octal(c) => {
                let mut number = c.to_string();
                if let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_ascii_digit()) {
                    number.push(c);
                }
                // A group, so that a digit behind it is no part of it.
                self.out.push_str(&format!(r"(?:\{number})"));
            }
            _ => {
                let code = self.character(at, c)?;
                self.push_code(code);
            }
        }
        Ok(())
    }

    /// Three octal digits are a character, fewer are a group unless the first is 0.
    fn is_octal(&self, first: char) -> bool {
        let mut ahead = self.chars.clone();
        let mut digit = || ahead.next().is_some_and(|(_, c)| ('0'..='7').contains(&c));
        first <= '3' && digit() && digit()
    }

    /// The character of an escape.
    fn character(&mut self, at: usize, c: char) -> Result<u32, String> {
        Ok(match c {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => 0x0a,
            'r' => 0x0d,
            't' => 0x09,
            'v' => 0x0b,
            'x' => self.hex(2, at)?,
            'u' => self.hex(4, at)?,
            'U' => self.hex(8, at)?,
            '0'..='7' => {
                let mut code = c as u32 - '0' as u32;
                for _ in 0..2 {
                    if let Some((_, c)) = self.chars.next_if(|(_, c)| ('0'..='7').contains(c)) {
                        code = code * 8 + (c as u32 - '0' as u32);
                    }
                }
                code
            }
            c if c.is_ascii_alphanumeric() => return Err(format!("bad escape \\{c} at position {at}")),
            c => c as u32,
        })
    }

    fn hex(&mut self, digits: usize, at: usize) -> Result<u32, String> {
        let mut text = String::new();
        while text.len() < digits
            && let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_ascii_hexdigit())
        {
            text.push(c);
        }
        match u32::from_str_radix(&text, 16) {
            Ok(code) if text.len() == digits => Ok(code),
            _ => Err(format!("incomplete escape at position {at}")),
        }
    }

    fn push_code(&mut self, code: u32) {
        self.out.push_str(&format!(r"\x{{{code:x}}}"));
    }

    /// The inside of a class for a kind of characters; Python counts four control characters as blanks too.
    fn set_of(&self, c: char) -> &'static str {
        match (c, self.ascii) {
            ('d', false) => r"\d",
            ('d', true) => "0-9",
            ('D', false) => r"\D",
            ('D', true) => "[^0-9]",
            ('w', false) => r"\w",
            ('w', true) => "a-zA-Z0-9_",
            ('W', false) => r"\W",
            ('W', true) => "[^a-zA-Z0-9_]",
            ('s', false) => r"\s\x1c-\x1f",
            ('s', true) => r" \t-\r",
            (_, false) => r"[^\s\x1c-\x1f]",
            (_, true) => r"[^ \t-\r]",
        }
    }

    fn class(&mut self, at: usize) -> Result<(), String> {
        let unterminated = || format!("unterminated character set at position {at}");
        self.out.push('[');
        if self.chars.next_if(|(_, c)| *c == '^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let (position, c) = self.chars.next().ok_or_else(unterminated)?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = self.class_item(position, c)?;
            // A hyphen right before the end stands for itself.
            let mut ahead = self.chars.clone();
            let range =
                ahead.next().is_some_and(|(_, c)| c == '-') && ahead.next().is_some_and(|(_, c)| c != ']');
            if !range {
                match low {
                    ClassItem::Code(code) => self.push_code(code),
                    ClassItem::Set(set) => self.out.push_str(set),
                }
                continue;
            }
            self.chars.next();
            let (end, c) = self.chars.next().ok_or_else(unterminated)?;
            let high = self.class_item(end, c)?;
            let text = self
                .chars
                .peek()
                .map_or(&self.pattern[position..], |(next, _)| &self.pattern[position..*next]);
            match (low, high) {
                (ClassItem::Code(low), ClassItem::Code(high)) if low <= high => {
                    self.push_code(low);
                    self.out.push('-');
                    self.push_code(high);
                }
                _ => return Err(format!("bad character range {text} at position {position}")),
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn class_item(&mut self, at: usize, c: char) -> Result<ClassItem, String> {
        if c != '\\' {
            return Ok(ClassItem::Code(c as u32));
        }
        let (_, c) =
            self.chars.next().ok_or_else(|| format!("bad escape (end of pattern) at position {at}"))?;
        match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => Ok(ClassItem::Set(self.set_of(c))),
            c => self.character(at, c).map(ClassItem::Code),
        }
    }
}

enum ClassItem {
    Code(u32),
    Set(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Expressions, texts, and what CPython 3.11 finds: the span of `re.search`, or its error.
    #[test]
    fn answers_are_cpythons() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("re_cases.json")).expect("recorded cases");
        for case in cases.as_array().expect("a list") {
            let (pattern, text) = (case[0].as_str().expect("a pattern"), case[1].as_str().expect("a text"));
            let compiled = Pattern::new(pattern);
            if !case[3].is_null() {
                let error = compiled.map(|_| ()).expect_err(pattern);
                assert_eq!(case[3], error, "{pattern}");
                continue;
            }
            let compiled = compiled.unwrap_or_else(|e| panic!("{pattern}: {e}"));
            let found = compiled.regex().find(text).expect("within the limit");
            let span = found.map(|m| {
                let index = |at: usize| text[..at].chars().count();
                (index(m.start()), index(m.end()))
            });
            let expected = case[2].as_array().map(|span| {
                let number =
                    |i: usize| span[i].as_u64().and_then(|n| usize::try_from(n).ok()).expect("an index");
                (number(0), number(1))
            });
            assert_eq!(span, expected, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn match_is_anchored_at_the_start_only() {
        let pattern = Pattern::new("web|b").expect("a good pattern");
        assert!(pattern.matches_start("webserver"));
        assert!(!pattern.matches_start("aweb"));
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in "\\PC{0,30}", meta in "[()\\[\\]{}\\\\^$.|?*+a-c0-9,:=!<>P#-]{0,20}") {
            let _ = Pattern::new(&pattern);
            if let Ok(pattern) = Pattern::new(&meta) {
                pattern.matches_start("abcabc");
            }
        }
    }
}
