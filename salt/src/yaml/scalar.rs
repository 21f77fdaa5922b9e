//! Scalars: plain, quoted, literal and folded.

use super::error::{Mark, Result};
use super::scanner::{Scanner, Spanned, Token, is_blank, is_blankz, is_break, is_breakz};

impl Scanner {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<Spanned> {
        let start = self.mark;
        let context = "while scanning a block scalar";
        self.skip();
        let (mut keep, mut strip, mut increment) = (false, false, 0);
        // The two indicators may stand in either order.
        for _ in 0..2 {
            match self.at(0) {
                c @ ('+' | '-') if !keep && !strip => {
                    (keep, strip) = (c == '+', c == '-');
                    self.skip();
                }
                '0' if increment == 0 => {
                    return self.error(context, start, "found an indentation indicator equal to 0");
                }
                c @ '1'..='9' if increment == 0 => {
                    increment = i64::from(c as u32 - '0' as u32);
                    self.skip();
                }
                _ => break,
            }
        }
        self.skip_blanks();
        self.skip_comment();
        if !is_breakz(self.at(0)) {
            return self.error(context, start, "did not find expected comment or line break");
        }
        if is_break(self.at(0)) {
            self.skip_break();
        }
        let mut end = self.mark;
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let mut text = String::new();
        let mut leading_break = String::new();
        let mut breaks = String::new();
        let mut leading_blank = false;
        self.scan_block_scalar_breaks(&mut indent, &mut breaks, start, &mut end)?;
        while self.mark.column as i64 == indent && self.at(0) != '\0' {
            let blank = is_blank(self.at(0));
            if !literal && leading_break.starts_with('\n') && !leading_blank && !blank {
                if breaks.is_empty() {
                    text.push(' ');
                }
                leading_break.clear();
            } else {
                text.push_str(&std::mem::take(&mut leading_break));
            }
            text.push_str(&std::mem::take(&mut breaks));
            leading_blank = blank;
            while !is_breakz(self.at(0)) {
                self.read(&mut text);
            }
            self.read_break(&mut leading_break);
            self.scan_block_scalar_breaks(&mut indent, &mut breaks, start, &mut end)?;
        }
        if !strip {
            text.push_str(&leading_break);
        }
        if keep {
            text.push_str(&breaks);
        }
        Ok(Spanned { token: Token::Scalar(text, false), start, end })
    }

    fn scan_block_scalar_breaks(
        &mut self,
        indent: &mut i64,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<()> {
        let mut deepest = 0;
        *end = self.mark;
        loop {
            let inside = |s: &Scanner, indent: i64| indent == 0 || (s.mark.column as i64) < indent;
            while inside(self, *indent) && self.at(0) == ' ' {
                self.skip();
            }
            deepest = deepest.max(self.mark.column as i64);
            if inside(self, *indent) && self.at(0) == '\t' {
                return self.error(
                    "while scanning a block scalar",
                    start,
                    "found a tab character where an indentation space is expected",
                );
            }
            if !is_break(self.at(0)) {
                break;
            }
            self.read_break(breaks);
            *end = self.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }

    pub(super) fn scan_flow_scalar(&mut self, quote: char) -> Result<Spanned> {
        let start = self.mark;
        let context = "while scanning a quoted scalar";
        let mut text = String::new();
        self.skip();
        loop {
            if self.at_document_indicator() {
                return self.error(context, start, "found unexpected document indicator");
            }
            if self.at(0) == '\0' {
                return self.error(context, start, "found unexpected end of stream");
            }
            let mut leading_blanks = false;
            while !is_blankz(self.at(0)) {
                let c = self.at(0);
                if c == '\'' && quote == '\'' && self.at(1) == '\'' {
                    text.push('\'');
                    self.skip();
                    self.skip();
                } else if c == quote {
                    break;
                } else if c == '\\' && quote == '"' && is_break(self.at(1)) {
                    self.skip();
                    self.skip_break();
                    leading_blanks = true;
                    break;
                } else if c == '\\' && quote == '"' {
                    let c = self.scan_escape(start)?;
                    text.push(c);
                } else {
                    self.read(&mut text);
                }
            }
            if self.at(0) == quote {
                break;
            }
            let space = self.scan_space(leading_blanks, None)?;
            space.append_to(&mut text);
        }
        self.skip();
        Ok(Spanned { token: Token::Scalar(text, false), start, end: self.mark })
    }

    fn scan_escape(&mut self, start: Mark) -> Result<char> {
        let context = "while parsing a quoted scalar";
        let mut digits = 0;
        let c = match self.at(1) {
            '0' => '\0',
            'a' => '\x07',
            'b' => '\x08',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\x0b',
            'f' => '\x0c',
            'r' => '\r',
            'e' => '\x1b',
            c @ (' ' | '"' | '/' | '\\') => c,
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' => {
                digits = 2;
                '\0'
            }
            'u' => {
                digits = 4;
                '\0'
            }
            'U' => {
                digits = 8;
                '\0'
            }
            _ => return self.error(context, start, "found unknown escape character"),
        };
        self.skip();
        self.skip();
        if digits == 0 {
            return Ok(c);
        }
        let mut value: u32 = 0;
        for k in 0..digits {
            match self.at(k).to_digit(16) {
                Some(digit) => value = (value << 4) | digit,
                None => return self.error(context, start, "did not find expected hexdecimal number"),
            }
        }
        let Some(c) = char::from_u32(value) else {
            return self.error(context, start, "found invalid Unicode character escape code");
        };
        (0..digits).for_each(|_| self.skip());
        Ok(c)
    }

    pub(super) fn scan_plain_scalar(&mut self) -> Result<Spanned> {
        let start = self.mark;
        let mut end = start;
        let indent = self.indent + 1;
        let mut text = String::new();
        let mut space = Space::default();
        loop {
            if self.at_document_indicator() || self.at(0) == '#' {
                break;
            }
            while !is_blankz(self.at(0)) {
                let (c, next) = (self.at(0), self.at(1));
                let flow = self.flow_level > 0;
                if flow && c == ':' && matches!(next, ',' | '?' | '[' | ']' | '{' | '}') {
                    return self.error("while scanning a plain scalar", start, "found unexpected ':'");
                }
                if (c == ':' && is_blankz(next)) || (flow && matches!(c, ',' | '[' | ']' | '{' | '}')) {
                    break;
                }
                std::mem::take(&mut space).append_to(&mut text);
                self.read(&mut text);
                end = self.mark;
            }
            if !(is_blank(self.at(0)) || is_break(self.at(0))) {
                break;
            }
            space = self.scan_space(space.leading_blanks, Some((start, indent)))?;
            if self.flow_level == 0 && (self.mark.column as i64) < indent {
                break;
            }
        }
        if space.leading_blanks {
            self.simple_key_allowed = true;
        }
        Ok(Spanned { token: Token::Scalar(text, true), start, end })
    }

    /// Blanks and line breaks between two words of a scalar. `plain` is the start and the indentation of a plain one,
    /// where a tab may not pass for indentation.
    fn scan_space(&mut self, leading_blanks: bool, plain: Option<(Mark, i64)>) -> Result<Space> {
        let mut space = Space { leading_blanks, ..Space::default() };
        loop {
            let c = self.at(0);
            if is_blank(c) {
                if !space.leading_blanks {
                    self.read(&mut space.blanks);
                    continue;
                }
                if let Some((start, indent)) = plain
                    && (self.mark.column as i64) < indent
                    && c == '\t'
                {
                    return self.error(
                        "while scanning a plain scalar",
                        start,
                        "found a tab character that violates indentation",
                    );
                }
                self.skip();
            } else if is_break(c) {
                if space.leading_blanks {
                    self.read_break(&mut space.breaks);
                } else {
                    space.blanks.clear();
                    self.read_break(&mut space.first_break);
                    space.leading_blanks = true;
                }
            } else {
                return Ok(space);
            }
        }
    }
}

/// What stands between two words, before it is folded.
#[derive(Default)]
struct Space {
    leading_blanks: bool,
    blanks: String,
    first_break: String,
    breaks: String,
}

impl Space {
    /// One line break is a blank, several are one less.
    fn append_to(self, text: &mut String) {
        if !self.leading_blanks {
            text.push_str(&self.blanks);
        } else if self.first_break.starts_with('\n') {
            text.push_str(if self.breaks.is_empty() { " " } else { &self.breaks });
        } else {
            text.push_str(&self.first_break);
            text.push_str(&self.breaks);
        }
    }
}
