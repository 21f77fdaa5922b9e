//! Text to tokens, by the rules of libyaml 0.2.5, the scanner under PyYAML's C loader: what it accepts, and what it
//! says of the rest, is what Salt accepts and says.

use std::collections::VecDeque;

use super::error::{Error, Kind, Mark, Result};

/// A token. Block structure is made explicit: indentation becomes start and end tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    StreamStart,
    StreamEnd,
    /// `%YAML major.minor`
    Version(u32, u32),
    /// `%TAG handle prefix`
    TagDirective(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    /// Handle and suffix.
    Tag(String, String),
    /// The text, and whether it stood there plain.
    Scalar(String, bool),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

/// Where a `:` might turn what was scanned into a key.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token_number: usize,
    mark: Mark,
}

/// Within a scanner that has not failed, there is always one level of simple keys; `indents` has one entry a level.
pub(super) struct Scanner {
    chars: Vec<char>,
    pub(super) mark: Mark,
    tokens: VecDeque<Spanned>,
    taken: usize,
    started: bool,
    pub(super) indent: i64,
    indents: Vec<i64>,
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// NUL is what [`Scanner::at`] gives behind the end; it can't be in the text.
pub(super) fn is_breakz(c: char) -> bool {
    c == '\0' || is_break(c)
}

pub(super) fn is_blankz(c: char) -> bool {
    is_blank(c) || is_breakz(c)
}

pub(super) fn is_alpha(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

impl Scanner {
    /// A scanner of a text.
    pub(super) fn new(text: &str) -> Result<Scanner> {
        check_characters(text)?;
        // The mark of the encoding counts as no column.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(Scanner {
            chars: text.chars().collect(),
            mark: Mark::default(),
            tokens: VecDeque::new(),
            taken: 0,
            started: false,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
        })
    }

    /// The next token, which stays the next.
    pub(super) fn peek(&mut self) -> Result<&Spanned> {
        self.fetch_more()?;
        self.tokens.front().ok_or_else(|| Error::new(Kind::Scanner, "unexpected end of tokens", self.mark))
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Spanned> {
        self.fetch_more()?;
        self.taken += 1;
        let end = Error::new(Kind::Scanner, "unexpected end of tokens", self.mark);
        self.tokens.pop_front().ok_or(end)
    }

    /// The character `ahead` of the current one; NUL behind the end.
    pub(super) fn at(&self, ahead: usize) -> char {
        self.chars.get(self.mark.index + ahead).copied().unwrap_or('\0')
    }

    pub(super) fn skip(&mut self) {
        self.mark.index += 1;
        self.mark.column += 1;
    }

    pub(super) fn skip_break(&mut self) {
        self.mark.index += if self.at(0) == '\r' && self.at(1) == '\n' { 2 } else { 1 };
        self.mark.column = 0;
        self.mark.line += 1;
    }

    pub(super) fn read(&mut self, into: &mut String) {
        into.push(self.at(0));
        self.skip();
    }

    /// Takes a line break: every kind but the two of Unicode becomes a line feed.
    pub(super) fn read_break(&mut self, into: &mut String) {
        let c = self.at(0);
        if is_break(c) {
            into.push(if matches!(c, '\u{2028}' | '\u{2029}') { c } else { '\n' });
            self.skip_break();
        }
    }

    pub(super) fn error<T>(&self, context: &str, context_mark: Mark, problem: &str) -> Result<T> {
        Err(Error::new(Kind::Scanner, problem, self.mark).within(context, context_mark))
    }

    /// True at a `---` or `...` that stands alone at the start of a line.
    pub(super) fn at_document_indicator(&self) -> bool {
        let c = self.at(0);
        self.mark.column == 0
            && (c == '-' || c == '.')
            && self.at(1) == c
            && self.at(2) == c
            && is_blankz(self.at(3))
    }

    fn fetch_more(&mut self) -> Result<()> {
        loop {
            if !self.tokens.is_empty() {
                self.stale_simple_keys()?;
                let taken = self.taken;
                if !self.simple_keys.iter().any(|k| k.possible && k.token_number == taken) {
                    return Ok(());
                }
            }
            self.fetch_next()?;
        }
    }

    fn fetch_next(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            self.push(Token::StreamStart, self.mark);
            return Ok(());
        }
        self.scan_to_next_token();
        self.stale_simple_keys()?;
        self.unroll_indent(self.mark.column as i64);
        let (c, next) = (self.at(0), self.at(1));
        if c == '\0' {
            return self.fetch_stream_end();
        }
        if self.mark.column == 0 && c == '%' {
            self.unroll_indent(-1);
            self.remove_simple_key()?;
            self.simple_key_allowed = false;
            let token = self.scan_directive()?;
            self.tokens.push_back(token);
            return Ok(());
        }
        if self.at_document_indicator() {
            self.unroll_indent(-1);
            self.remove_simple_key()?;
            self.simple_key_allowed = false;
            self.take(if c == '-' { Token::DocumentStart } else { Token::DocumentEnd }, 3);
            return Ok(());
        }
        let flow = self.flow_level > 0;
        match c {
            '[' => self.fetch_flow_start(Token::FlowSequenceStart),
            '{' => self.fetch_flow_start(Token::FlowMappingStart),
            ']' => self.fetch_flow_end(Token::FlowSequenceEnd),
            '}' => self.fetch_flow_end(Token::FlowMappingEnd),
            ',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.take(Token::FlowEntry, 1);
                Ok(())
            }
            '-' if is_blankz(next) => self.fetch_block_entry(),
            '?' if flow || is_blankz(next) => self.fetch_key(),
            ':' if flow || is_blankz(next) => self.fetch_value(),
            '*' | '&' => self.fetch_with_key(|s| s.scan_anchor(c == '*')),
            '!' => self.fetch_with_key(Scanner::scan_tag),
            '|' | '>' if !flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(c == '|')?;
                self.tokens.push_back(token);
                Ok(())
            }
            '\'' | '"' => self.fetch_with_key(|s| s.scan_flow_scalar(c)),
            _ if starts_plain(c, next, flow) => self.fetch_with_key(Scanner::scan_plain_scalar),
            _ => self.error(
                "while scanning for the next token",
                self.mark,
                "found character that cannot start any token",
            ),
        }
    }

    fn fetch_with_key(&mut self, scan: impl FnOnce(&mut Scanner) -> Result<Spanned>) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = scan(self)?;
        self.tokens.push_back(token);
        Ok(())
    }

    /// A key must be on one line and within 1024 characters.
    fn stale_simple_keys(&mut self) -> Result<()> {
        let now = self.mark;
        for key in &mut self.simple_keys {
            if key.possible && (key.mark.line < now.line || key.mark.index + 1024 < now.index) {
                if key.required {
                    let error = Error::new(Kind::Scanner, "could not find expected ':'", now);
                    return Err(error.within("while scanning a simple key", key.mark));
                }
                key.possible = false;
            }
        }
        Ok(())
    }

    fn save_simple_key(&mut self) -> Result<()> {
        if self.simple_key_allowed {
            let key = SimpleKey {
                possible: true,
                required: self.flow_level == 0 && self.indent == self.mark.column as i64,
                token_number: self.taken + self.tokens.len(),
                mark: self.mark,
            };
            self.remove_simple_key()?;
            if let Some(last) = self.simple_keys.last_mut() {
                *last = key;
            }
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<()> {
        if let Some(key) = self.simple_keys.last_mut() {
            if key.possible && key.required {
                let mark = key.mark;
                return self.error("while scanning a simple key", mark, "could not find expected ':'");
            }
            key.possible = false;
        }
        Ok(())
    }

    fn roll_indent(&mut self, column: usize, at: Option<usize>, token: Token, mark: Mark) {
        if self.flow_level > 0 || self.indent >= column as i64 {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column as i64;
        let token = Spanned { token, start: mark, end: mark };
        match at {
            None => self.tokens.push_back(token),
            Some(number) => self.insert(number, token),
        }
    }

    fn insert(&mut self, number: usize, token: Spanned) {
        let at = number.saturating_sub(self.taken).min(self.tokens.len());
        self.tokens.insert(at, token);
    }

    fn unroll_indent(&mut self, column: i64) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(Token::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn push(&mut self, token: Token, mark: Mark) {
        self.tokens.push_back(Spanned { token, start: mark, end: mark });
    }

    /// A token of the next `width` characters.
    fn take(&mut self, token: Token, width: usize) {
        let start = self.mark;
        (0..width).for_each(|_| self.skip());
        self.tokens.push_back(Spanned { token, start, end: self.mark });
    }

    fn fetch_stream_end(&mut self) -> Result<()> {
        // A last line without its break counts as one with it.
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(Token::StreamEnd, self.mark);
        Ok(())
    }

    fn fetch_flow_start(&mut self, token: Token) -> Result<()> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.take(token, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, token: Token) -> Result<()> {
        self.remove_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.take(token, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.not_allowed("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, Token::BlockSequenceStart, self.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.take(Token::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<()> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.not_allowed("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, Token::BlockMappingStart, self.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.take(Token::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<()> {
        let key = self.simple_keys.last().copied().unwrap_or_default();
        if key.possible {
            self.insert(key.token_number, Spanned { token: Token::Key, start: key.mark, end: key.mark });
            self.roll_indent(key.mark.column, Some(key.token_number), Token::BlockMappingStart, key.mark);
            if let Some(last) = self.simple_keys.last_mut() {
                last.possible = false;
            }
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self.not_allowed("mapping values are not allowed in this context");
                }
                self.roll_indent(self.mark.column, None, Token::BlockMappingStart, self.mark);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.take(Token::Value, 1);
        Ok(())
    }

    fn not_allowed<T>(&self, problem: &str) -> Result<T> {
        Err(Error::new(Kind::Scanner, problem, self.mark))
    }

    fn scan_to_next_token(&mut self) {
        loop {
            if self.mark.column == 0 && self.at(0) == '\u{feff}' {
                self.skip();
            }
            // A tab may not stand where it could pass for indentation.
            while self.at(0) == ' '
                || (self.at(0) == '\t' && (self.flow_level > 0 || !self.simple_key_allowed))
            {
                self.skip();
            }
            self.skip_comment();
            if !is_break(self.at(0)) {
                return;
            }
            self.skip_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    pub(super) fn skip_comment(&mut self) {
        if self.at(0) == '#' {
            while !is_breakz(self.at(0)) {
                self.skip();
            }
        }
    }
}

fn starts_plain(c: char, next: char, flow: bool) -> bool {
    let indicator = matches!(
        c,
        '-' | '?'
            | ':'
            | ','
            | '['
            | ']'
            | '{'
            | '}'
            | '#'
            | '&'
            | '*'
            | '!'
            | '|'
            | '>'
            | '\''
            | '"'
            | '%'
            | '@'
            | '`'
    );
    !(indicator || is_blankz(c))
        || (c == '-' && !is_blank(next))
        || (!flow && (c == '?' || c == ':') && !is_blankz(next))
}

fn check_characters(text: &str) -> Result<()> {
    for (index, c) in text.char_indices() {
        let allowed = matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if !allowed {
            let before = &text[..index];
            let mark = Mark {
                index,
                line: before.matches('\n').count(),
                column: before.rsplit('\n').next().unwrap_or("").chars().count(),
            };
            let problem =
                format!("unacceptable character #x{:04x}: control characters are not allowed", c as u32);
            return Err(Error::new(Kind::Reader, problem, mark));
        }
    }
    Ok(())
}
