//! Cuts a template into tokens.

use std::sync::Arc;

use num_bigint::BigInt;

use crate::error::{Error, ErrorKind, Result};
use crate::repr::repr_str;
use crate::settings::Settings;

mod escape;

use escape::unescape;

/// What a token holds besides its type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    Text(String),
    Int(BigInt),
    Float(f64),
}

/// A token; `kind` is Jinja2's name of the type.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub line: usize,
    pub kind: &'static str,
    pub held: Held,
}

impl Token {
    pub(crate) fn text(&self) -> &str {
        match &self.held {
            Held::Text(s) => s,
            _ => "",
        }
    }

    /// Tests against a type or `type:text`.
    pub(crate) fn is(&self, expr: &str) -> bool {
        match expr.split_once(':') {
            Some((kind, text)) => self.kind == kind && self.text() == text,
            None => self.kind == expr,
        }
    }

    pub(crate) fn describe(&self) -> String {
        if self.kind == "name" { self.text().to_owned() } else { describe_kind(self.kind) }
    }
}

const OPERATORS: &[(&str, &str)] = &[
    ("//", "floordiv"),
    ("**", "pow"),
    ("==", "eq"),
    ("!=", "ne"),
    (">=", "gteq"),
    ("<=", "lteq"),
    ("+", "add"),
    ("-", "sub"),
    ("/", "div"),
    ("*", "mul"),
    ("%", "mod"),
    ("~", "tilde"),
    ("[", "lbracket"),
    ("]", "rbracket"),
    ("(", "lparen"),
    (")", "rparen"),
    ("{", "lbrace"),
    ("}", "rbrace"),
    (">", "gt"),
    ("<", "lt"),
    ("=", "assign"),
    (".", "dot"),
    (":", "colon"),
    ("|", "pipe"),
    (",", "comma"),
    (";", "semicolon"),
];

fn describe_kind(kind: &str) -> String {
    if let Some((symbol, _)) = OPERATORS.iter().find(|(_, k)| *k == kind) {
        return (*symbol).to_owned();
    }
    match kind {
        "block_begin" => "begin of statement block",
        "block_end" => "end of statement block",
        "variable_begin" => "begin of print statement",
        "variable_end" => "end of print statement",
        "data" => "template data / text",
        "eof" => "end of template",
        other => other,
    }
    .to_owned()
}

/// Describes a token expression such as `name:endfor`.
pub(crate) fn describe_expr(expr: &str) -> String {
    match expr.split_once(':') {
        Some(("name", text)) => text.to_owned(),
        Some((kind, _)) => describe_kind(kind),
        None => describe_kind(expr),
    }
}

/// The tokens up to the end, or up to an error that is met only when parsing gets there.
pub(crate) struct Tokens {
    pub tokens: Vec<Token>,
    pub error: Option<Error>,
}

pub(crate) fn tokenize(source: &str, name: &Option<Arc<str>>, settings: &Settings) -> Tokens {
    let mut lexer = Lexer::new(source, name, settings);
    let error = lexer.run().err();
    Tokens { tokens: lexer.tokens, error }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tag {
    Block,
    Comment,
    LineComment,
    LineStatement,
    Variable,
    Raw,
}

struct Lexer<'a> {
    src: Vec<char>,
    at: usize,
    line: usize,
    line_starting: bool,
    tokens: Vec<Token>,
    name: &'a Option<Arc<str>>,
    settings: &'a Settings,
    rules: Vec<(Tag, Vec<char>)>,
}

fn chars(s: &str) -> Vec<char> {
    s.chars().collect()
}

impl<'a> Lexer<'a> {
    fn new(source: &str, name: &'a Option<Arc<str>>, settings: &'a Settings) -> Self {
        let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
        if !settings.keep_trailing_newline && text.ends_with('\n') {
            text.pop();
        }
        let mut rules = vec![
            (Tag::Comment, chars(&settings.comment_start)),
            (Tag::Block, chars(&settings.block_start)),
            (Tag::Variable, chars(&settings.variable_start)),
        ];
        rules.extend(settings.line_statement_prefix.as_deref().map(|p| (Tag::LineStatement, chars(p))));
        rules.extend(settings.line_comment_prefix.as_deref().map(|p| (Tag::LineComment, chars(p))));
        rules.retain(|r| !r.1.is_empty());
        rules.sort_by_key(|r| std::cmp::Reverse((r.1.len(), r.0)));
        Self {
            src: chars(&text),
            at: 0,
            line: 1,
            line_starting: true,
            tokens: Vec::new(),
            name,
            settings,
            rules,
        }
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Error::located(ErrorKind::Syntax, message, self.name.clone(), self.line))
    }

    fn starts(&self, at: usize, what: &[char]) -> bool {
        self.src.get(at..).is_some_and(|rest| rest.starts_with(what))
    }

    fn spaces(&self, mut at: usize) -> usize {
        while self.src.get(at).is_some_and(|c| c.is_whitespace()) {
            at += 1;
        }
        at
    }

    fn push(&mut self, kind: &'static str, held: Held) {
        self.tokens.push(Token { line: self.line, kind, held });
    }

    fn push_data(&mut self, text: String) {
        if !text.is_empty() {
            let text = if self.settings.newline_sequence == "\n" {
                text
            } else {
                text.replace('\n', &self.settings.newline_sequence)
            };
            self.push("data", Held::Text(text));
        }
    }

    /// Moves on, counting lines.
    fn advance(&mut self, to: usize) {
        self.line += self.src[self.at..to].iter().filter(|c| **c == '\n').count();
        self.line_starting =
            to > self.at && self.src[to - 1] == '\n' || (to == self.at && self.line_starting && to == 0);
        self.at = to;
    }

    /// The end of a closing tag at a place: `-` takes following space, a plain one a newline if blocks are trimmed.
    fn closing(&self, at: usize, end: &[char], plus: bool, trim: bool) -> Option<usize> {
        if self.starts(at, &['-']) && self.starts(at + 1, end) {
            return Some(self.spaces(at + 1 + end.len()));
        }
        if plus && self.starts(at, &['+']) && self.starts(at + 1, end) {
            return Some(at + 1 + end.len());
        }
        if self.starts(at, end) {
            let after = at + end.len();
            return Some(
                after + usize::from(trim && self.settings.trim_blocks && self.starts(after, &['\n'])),
            );
        }
        None
    }

    /// The tag that begins at a place: which, where its text ends.
    fn tag_at(&self, at: usize) -> Option<(Tag, usize)> {
        let block = chars(&self.settings.block_start);
        if self.starts(at, &block) {
            let mut p = at + block.len();
            p += usize::from(matches!(self.src.get(p), Some('-' | '+')));
            p = self.spaces(p);
            if self.starts(p, &['r', 'a', 'w']) {
                p = self.spaces(p + 3);
                let end = chars(&self.settings.block_end);
                let done = if self.starts(p, &['-']) && self.starts(p + 1, &end) {
                    Some(self.spaces(p + 1 + end.len()))
                } else {
                    self.starts(p, &end).then(|| p + end.len())
                };
                if let Some(done) = done {
                    return Some((Tag::Raw, done));
                }
            }
        }
        for (tag, start) in &self.rules {
            let mut p = at;
            match tag {
                Tag::LineStatement => {
                    if at > 0 && self.src[at - 1] != '\n' {
                        continue;
                    }
                    while matches!(self.src.get(p), Some(' ' | '\t' | '\u{b}')) {
                        p += 1;
                    }
                }
                Tag::LineComment => {
                    if at > 0 && self.src[at - 1] != '\n' && self.src[at - 1].is_whitespace() {
                        continue;
                    }
                    while self.src.get(p).is_some_and(|c| c.is_whitespace() && !matches!(c, '\n' | '\r')) {
                        p += 1;
                    }
                }
                _ => {}
            }
            if self.starts(p, start) {
                p += start.len();
                return Some((*tag, p + usize::from(matches!(self.src.get(p), Some('-' | '+')))));
            }
        }
        None
    }

    fn run(&mut self) -> Result<()> {
        while self.at < self.src.len() {
            let found =
                (self.at..self.src.len()).find_map(|at| self.tag_at(at).map(|(tag, end)| (at, tag, end)));
            let Some((start, tag, end)) = found else {
                let rest: String = self.src[self.at..].iter().collect();
                self.push_data(rest);
                return Ok(());
            };
            self.data_before(start, tag, end);
            match tag {
                Tag::Comment => self.comment()?,
                Tag::LineComment => {
                    let to = self.src[self.at..]
                        .iter()
                        .position(|c| *c == '\n')
                        .map_or(self.src.len(), |i| self.at + i);
                    self.advance(to);
                }
                Tag::Raw => self.raw()?,
                Tag::Variable => {
                    self.code("variable_begin", "variable_end", &chars(&self.settings.variable_end))?
                }
                Tag::Block => self.code("block_begin", "block_end", &chars(&self.settings.block_end))?,
                Tag::LineStatement => self.code("block_begin", "block_end", &[])?,
            }
        }
        Ok(())
    }

    /// Emits the text before a tag, stripped as the tag's sign and `lstrip_blocks` ask, and moves behind the tag's beginning.
    fn data_before(&mut self, start: usize, tag: Tag, end: usize) {
        let sign = match tag {
            // The sign of a raw tag stands right behind the delimiter.
            Tag::Raw => self.src.get(start + self.settings.block_start.chars().count()).copied(),
            _ => self.src.get(end - 1).copied().filter(|_| end > start + self.opening_len(start, tag)),
        };
        let text: String = self.src[self.at..start].iter().collect();
        let kept = match sign {
            Some('-') => text.trim_end().to_owned(),
            Some('+') => text,
            _ if self.settings.lstrip_blocks && tag != Tag::Variable => {
                let cut = text.rfind('\n').map_or(0, |i| i + 1);
                let blank = !text[cut..].is_empty() && text[cut..].chars().all(char::is_whitespace);
                if (cut > 0 || self.line_starting) && blank { text[..cut].to_owned() } else { text }
            }
            _ => text,
        };
        self.push_data(kept);
        self.advance(start);
        if !matches!(tag, Tag::Variable | Tag::Block | Tag::LineStatement) {
            self.advance(end);
        } else {
            let kind = if tag == Tag::Variable { "variable_begin" } else { "block_begin" };
            self.push(kind, Held::Text(String::new()));
            self.advance(end);
        }
    }

    fn opening_len(&self, start: usize, tag: Tag) -> usize {
        let len = self.rules.iter().find(|r| r.0 == tag).map_or(0, |r| r.1.len());
        let mut p = start;
        if matches!(tag, Tag::LineStatement | Tag::LineComment) {
            while self.src.get(p).is_some_and(|c| c.is_whitespace()) {
                p += 1;
            }
        }
        p - start + len
    }

    fn comment(&mut self) -> Result<()> {
        let end = chars(&self.settings.comment_end);
        match (self.at..self.src.len()).find_map(|p| self.closing(p, &end, true, true)) {
            Some(to) => {
                self.advance(to);
                Ok(())
            }
            // An unclosed comment with nothing in it passes, as in Jinja2.
            None if self.at >= self.src.len() => Ok(()),
            None => self.fail("Missing end of comment tag"),
        }
    }

    fn raw(&mut self) -> Result<()> {
        let (start, end) = (chars(&self.settings.block_start), chars(&self.settings.block_end));
        let word = chars("endraw");
        for p in self.at..self.src.len() {
            if !self.starts(p, &start) {
                continue;
            }
            let mut q = p + start.len();
            let sign = self.src.get(q).copied().filter(|c| matches!(c, '-' | '+'));
            q = self.spaces(q + usize::from(sign.is_some()));
            if !self.starts(q, &word) {
                continue;
            }
            q = self.spaces(q + word.len());
            if let Some(to) = self.closing(q, &end, true, true) {
                let text: String = self.src[self.at..p].iter().collect();
                let kept = match sign {
                    Some('-') => text.trim_end().to_owned(),
                    Some(_) => text,
                    None if self.settings.lstrip_blocks => {
                        let cut = text.rfind('\n').map_or(0, |i| i + 1);
                        let blank = !text[cut..].is_empty() && text[cut..].chars().all(char::is_whitespace);
                        if (cut > 0 || self.line_starting) && blank { text[..cut].to_owned() } else { text }
                    }
                    None => text,
                };
                self.push_data(kept);
                self.advance(to);
                return Ok(());
            }
        }
        if self.at >= self.src.len() {
            return Ok(());
        }
        self.fail("Missing end of raw directive")
    }

    /// Reads the inside of a tag; an empty `end` stands for the end of a line statement.
    fn code(&mut self, _begin: &'static str, kind: &'static str, end: &[char]) -> Result<()> {
        let mut open: Vec<char> = Vec::new();
        loop {
            if open.is_empty() {
                let done = if end.is_empty() {
                    let p = self.spaces(self.at);
                    // The space may not go beyond the first newline that ends the statement, but may cover more lines.
                    if p == self.src.len() {
                        Some(p)
                    } else {
                        let last = self.src[self.at..p].iter().rposition(|c| *c == '\n');
                        last.map(|i| self.at + i + 1)
                    }
                } else {
                    self.closing(self.at, end, kind == "block_end", kind == "block_end")
                };
                if let Some(to) = done {
                    self.push(kind, Held::Text(String::new()));
                    self.advance(to);
                    return Ok(());
                }
            }
            if self.at >= self.src.len() {
                return Ok(());
            }
            self.token(&mut open)?;
        }
    }

    fn token(&mut self, open: &mut Vec<char>) -> Result<()> {
        let c = self.src[self.at];
        if c.is_whitespace() {
            let to = self.spaces(self.at);
            self.advance(to);
            return Ok(());
        }
        if c.is_ascii_digit() {
            return self.number();
        }
        if c.is_alphanumeric() || c == '_' || is_mark(c) {
            let mut to = self.at;
            while self.src.get(to).is_some_and(|c| c.is_alphanumeric() || *c == '_' || is_mark(*c)) {
                to += 1;
            }
            let text: String = self.src[self.at..to].iter().collect();
            if c.is_numeric() || is_mark(c) {
                return self.fail("Invalid character in identifier");
            }
            self.push("name", Held::Text(text));
            self.advance(to);
            return Ok(());
        }
        if c == '\'' || c == '"' {
            let mut to = self.at + 1;
            loop {
                match self.src.get(to) {
                    None => return self.unexpected(c),
                    Some('\\') => to += 2,
                    Some(d) if *d == c => break,
                    Some(_) => to += 1,
                }
            }
            let inner: String = self.src[self.at + 1..to].iter().collect();
            let inner = if self.settings.newline_sequence == "\n" {
                inner
            } else {
                inner.replace('\n', &self.settings.newline_sequence)
            };
            match unescape(&inner) {
                Ok(text) => self.push("string", Held::Text(text)),
                Err(message) => return self.fail(message),
            }
            self.advance(to + 1);
            return Ok(());
        }
        for (symbol, kind) in OPERATORS {
            if !self.starts(self.at, &chars(symbol)) {
                continue;
            }
            match c {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' => match open.pop() {
                    None => return self.fail(format!("unexpected '{c}'")),
                    Some(expected) if expected != c => {
                        return self.fail(format!("unexpected '{c}', expected '{expected}'"));
                    }
                    Some(_) => {}
                },
                _ => {}
            }
            self.push(kind, Held::Text((*symbol).to_owned()));
            self.advance(self.at + symbol.len());
            return Ok(());
        }
        self.unexpected(c)
    }

    fn unexpected<T>(&self, c: char) -> Result<T> {
        self.fail(format!("unexpected char {} at {}", repr_str(c.encode_utf8(&mut [0; 4])), self.at))
    }

    /// The end of digits with single underscores between them; base 1 stands for zeros.
    fn digit_run(&self, at: usize, base: u32) -> usize {
        let mut p = at;
        loop {
            let q = p + usize::from(p > at && self.starts(p, &['_']));
            let digit = |c: &char| if base == 1 { *c == '0' } else { c.is_digit(base) };
            if !self.src.get(q).is_some_and(digit) {
                return p;
            }
            p = q + 1;
        }
    }

    fn number(&mut self) -> Result<()> {
        let text = |s: &Self, from: usize, to: usize| {
            s.src[from..to].iter().filter(|c| **c != '_').collect::<String>()
        };
        let whole = self.digit_run(self.at, 10);
        let mut end = whole;
        if self.at == 0 || self.src[self.at - 1] != '.' {
            if self.starts(end, &['.']) {
                let fraction = self.digit_run(end + 1, 10);
                if fraction > end + 1 {
                    end = fraction;
                }
            }
            if matches!(self.src.get(end), Some('e' | 'E')) {
                let sign = usize::from(matches!(self.src.get(end + 1), Some('+' | '-')));
                let e = self.digit_run(end + 1 + sign, 10);
                if e > end + 1 + sign {
                    end = e;
                }
            }
        }
        if end > whole {
            let value = text(self, self.at, end).parse().unwrap_or(f64::INFINITY);
            self.push("float", Held::Float(value));
            self.advance(end);
            return Ok(());
        }
        let mut to = whole;
        let mut base = 10;
        if self.src[self.at] == '0' {
            base = match self.src.get(self.at + 1) {
                Some('b' | 'B') => 2,
                Some('o' | 'O') => 8,
                Some('x' | 'X') => 16,
                _ => 10,
            };
            to = self.digit_run(self.at, 1).max(self.at + 1);
            if base != 10 {
                let first = self.at + 2 + usize::from(self.starts(self.at + 2, &['_']));
                let run = self.digit_run(first, base);
                if run > first {
                    to = run;
                } else {
                    base = 10;
                }
            }
        }
        let from = if base == 10 { self.at } else { self.at + 2 };
        let digits = text(self, from, to);
        if base == 10 && digits.len() > 4300 {
            return Err(Error::value_error(format!(
                "Exceeds the limit (4300 digits) for integer string conversion: value has {} digits; use sys.set_int_max_str_digits() to increase the limit",
                digits.len()
            ))
            .at(self.name, self.line));
        }
        let value = BigInt::parse_bytes(digits.as_bytes(), base).unwrap_or_default();
        self.push("integer", Held::Int(value));
        self.advance(to);
        Ok(())
    }
}

fn is_mark(c: char) -> bool {
    matches!(c as u32, 0xB7 | 0x300..=0x36F | 0x483..=0x487 | 0x591..=0x5BD | 0x610..=0x61A | 0x64B..=0x65F | 0x200C | 0x200D | 0x203F | 0x2040 | 0x20D0..=0x20DC | 0xFE00..=0xFE0F)
}
