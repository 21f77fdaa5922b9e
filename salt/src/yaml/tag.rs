//! Directives, anchors and tags: the tokens that are no data.

use super::error::{Mark, Result};
use super::scanner::{Scanner, Spanned, Token, is_alpha, is_blank, is_blankz, is_break, is_breakz};

impl Scanner {
    pub(super) fn scan_directive(&mut self) -> Result<Spanned> {
        let start = self.mark;
        let context = "while scanning a directive";
        self.skip();
        let mut name = String::new();
        while is_alpha(self.at(0)) {
            self.read(&mut name);
        }
        if name.is_empty() {
            return self.error(context, start, "could not find expected directive name");
        }
        if !is_blankz(self.at(0)) {
            return self.error(context, start, "found unexpected non-alphabetical character");
        }
        let token = match name.as_str() {
            "YAML" => self.scan_version(start)?,
            "TAG" => self.scan_tag_directive(start)?,
            _ => return self.error(context, start, "found unknown directive name"),
        };
        let end = self.mark;
        self.skip_blanks();
        self.skip_comment();
        if !is_breakz(self.at(0)) {
            return self.error(context, start, "did not find expected comment or line break");
        }
        if is_break(self.at(0)) {
            self.skip_break();
        }
        Ok(Spanned { token, start, end })
    }

    pub(super) fn skip_blanks(&mut self) {
        while is_blank(self.at(0)) {
            self.skip();
        }
    }

    fn scan_version(&mut self, start: Mark) -> Result<Token> {
        self.skip_blanks();
        let major = self.scan_version_number(start)?;
        if self.at(0) != '.' {
            return self.error(
                "while scanning a %YAML directive",
                start,
                "did not find expected digit or '.' character",
            );
        }
        self.skip();
        Ok(Token::Version(major, self.scan_version_number(start)?))
    }

    fn scan_version_number(&mut self, start: Mark) -> Result<u32> {
        let context = "while scanning a %YAML directive";
        let (mut value, mut length) = (0, 0);
        while let Some(digit) = self.at(0).to_digit(10) {
            length += 1;
            if length > 9 {
                return self.error(context, start, "found extremely long version number");
            }
            value = value * 10 + digit;
            self.skip();
        }
        if length == 0 {
            return self.error(context, start, "did not find expected version number");
        }
        Ok(value)
    }

    fn scan_tag_directive(&mut self, start: Mark) -> Result<Token> {
        let context = "while scanning a %TAG directive";
        self.skip_blanks();
        let handle = self.scan_tag_handle(true, start)?;
        if !is_blank(self.at(0)) {
            return self.error(context, start, "did not find expected whitespace");
        }
        self.skip_blanks();
        let prefix = self.scan_tag_uri(true, true, "", start)?;
        if !is_blankz(self.at(0)) {
            return self.error(context, start, "did not find expected whitespace or line break");
        }
        Ok(Token::TagDirective(handle, prefix))
    }

    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<Spanned> {
        let start = self.mark;
        self.skip();
        let mut name = String::new();
        while is_alpha(self.at(0)) {
            self.read(&mut name);
        }
        let c = self.at(0);
        if name.is_empty() || !(is_blankz(c) || "?:,]}%@`".contains(c)) {
            let context = if alias { "while scanning an alias" } else { "while scanning an anchor" };
            return self.error(context, start, "did not find expected alphabetic or numeric character");
        }
        let token = if alias { Token::Alias(name) } else { Token::Anchor(name) };
        Ok(Spanned { token, start, end: self.mark })
    }

    pub(super) fn scan_tag(&mut self) -> Result<Spanned> {
        let start = self.mark;
        let context = "while scanning a tag";
        let (handle, suffix);
        if self.at(1) == '<' {
            self.skip();
            self.skip();
            handle = String::new();
            suffix = self.scan_tag_uri(true, false, "", start)?;
            if self.at(0) != '>' {
                return self.error(context, start, "did not find the expected '>'");
            }
            self.skip();
        } else {
            let head = self.scan_tag_handle(false, start)?;
            if head.len() > 1 && head.ends_with('!') {
                handle = head;
                suffix = self.scan_tag_uri(false, false, "", start)?;
            } else {
                let rest = self.scan_tag_uri(false, false, &head, start)?;
                // A lone `!` is a handle without a suffix.
                (handle, suffix) = if rest.is_empty() { (rest, "!".into()) } else { ("!".to_string(), rest) };
            }
        }
        // Since 0.2.5 a tag may end at the comma of a flow collection.
        if !(is_blankz(self.at(0)) || self.flow_level > 0 && self.at(0) == ',') {
            return self.error(context, start, "did not find expected whitespace or line break");
        }
        Ok(Spanned { token: Token::Tag(handle, suffix), start, end: self.mark })
    }

    fn scan_tag_handle(&mut self, directive: bool, start: Mark) -> Result<String> {
        if self.at(0) != '!' {
            let context = if directive { "while scanning a tag directive" } else { "while scanning a tag" };
            return self.error(context, start, "did not find expected '!'");
        }
        let mut handle = String::new();
        self.read(&mut handle);
        while is_alpha(self.at(0)) {
            self.read(&mut handle);
        }
        if self.at(0) == '!' {
            self.read(&mut handle);
        } else if directive && handle != "!" {
            return self.error("while parsing a tag directive", start, "did not find expected '!'");
        }
        Ok(handle)
    }

    fn scan_tag_uri(&mut self, flow_chars: bool, directive: bool, head: &str, start: Mark) -> Result<String> {
        let mut uri = head.get(1..).unwrap_or("").to_string();
        let mut length = head.len();
        loop {
            let c = self.at(0);
            let part = is_alpha(c)
                || (c != '\0' && ";/?:@&=+$.%!~*'()".contains(c))
                || (flow_chars && matches!(c, ',' | '[' | ']'));
            if !part {
                break;
            }
            if c == '%' {
                uri.push(self.scan_uri_escape(directive, start)?);
            } else {
                self.read(&mut uri);
            }
            length += 1;
        }
        if length == 0 {
            return self.error(uri_context(directive), start, "did not find expected tag URI");
        }
        Ok(uri)
    }

    /// A character as the percent-encoded octets of its UTF-8.
    fn scan_uri_escape(&mut self, directive: bool, start: Mark) -> Result<char> {
        let context = uri_context(directive);
        let mut octets: Vec<u8> = Vec::new();
        let mut width = 1;
        while octets.len() < width {
            let (Some(high), Some(low)) = (self.at(1).to_digit(16), self.at(2).to_digit(16)) else {
                return self.error(context, start, "did not find URI escaped octet");
            };
            if self.at(0) != '%' {
                return self.error(context, start, "did not find URI escaped octet");
            }
            let octet = (high * 16 + low) as u8;
            if octets.is_empty() {
                width = match octet {
                    0..=0x7f => 1,
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => return self.error(context, start, "found an incorrect leading UTF-8 octet"),
                };
            } else if octet & 0xc0 != 0x80 {
                return self.error(context, start, "found an incorrect trailing UTF-8 octet");
            }
            octets.push(octet);
            (0..3).for_each(|_| self.skip());
        }
        match std::str::from_utf8(&octets).ok().and_then(|s| s.chars().next()) {
            Some(c) => Ok(c),
            None => self.error(context, start, "found an incorrect leading UTF-8 octet"),
        }
    }
}

fn uri_context(directive: bool) -> &'static str {
    if directive { "while parsing a %TAG directive" } else { "while parsing a tag" }
}
