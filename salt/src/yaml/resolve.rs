//! Which tag a plain scalar gets from its text: PyYAML's YAML 1.1 (`yaml/resolver.py`).

pub(super) const NULL: &str = "tag:yaml.org,2002:null";
pub(super) const BOOL: &str = "tag:yaml.org,2002:bool";
pub(super) const INT: &str = "tag:yaml.org,2002:int";
pub(super) const FLOAT: &str = "tag:yaml.org,2002:float";
pub(super) const STR: &str = "tag:yaml.org,2002:str";
pub(super) const SEQ: &str = "tag:yaml.org,2002:seq";
pub(super) const MAP: &str = "tag:yaml.org,2002:map";
pub(super) const MERGE: &str = "tag:yaml.org,2002:merge";
pub(super) const VALUE: &str = "tag:yaml.org,2002:value";
pub(super) const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";

/// The tag of a plain scalar.
pub(super) fn implicit(text: &str) -> &'static str {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => NULL,
        "<<" => MERGE,
        "=" => VALUE,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false" | "False"
        | "FALSE" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => BOOL,
        _ if is_float(text) => FLOAT,
        _ if is_int(text) => INT,
        _ if is_timestamp(text) => TIMESTAMP,
        _ => STR,
    }
}

/// Walks over a text; each step says whether it could be taken.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn one(&mut self, of: impl Fn(u8) -> bool) -> bool {
        match self.0.split_first() {
            Some((&c, rest)) if of(c) => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn is(&mut self, c: u8) -> bool {
        self.one(|x| x == c)
    }

    fn many(&mut self, of: impl Fn(u8) -> bool) -> usize {
        let before = self.0.len();
        while self.one(&of) {}
        before - self.0.len()
    }

    fn digits(&mut self, least: usize, most: usize) -> bool {
        (0..most).take_while(|_| self.one(|c| c.is_ascii_digit())).count() >= least
    }

    fn done(&self) -> bool {
        self.0.is_empty()
    }

    /// `(?::[0-5]?[0-9])+`
    fn sexagesimal(&mut self) -> bool {
        let mut parts = 0;
        while self.is(b':') {
            let first = self.0.first().copied().unwrap_or(0);
            if !self.one(|c| c.is_ascii_digit()) {
                return false;
            }
            if (b'0'..=b'5').contains(&first) {
                self.one(|c| c.is_ascii_digit());
            }
            parts += 1;
        }
        parts > 0
    }

    /// `(?:[eE][-+][0-9]+)?$`
    fn exponent(&mut self) -> bool {
        if self.done() {
            return true;
        }
        self.one(|c| c == b'e' || c == b'E')
            && self.one(|c| c == b'-' || c == b'+')
            && self.many(|c| c.is_ascii_digit()) > 0
            && self.done()
    }
}

fn digit_or_underscore(c: u8) -> bool {
    c.is_ascii_digit() || c == b'_'
}

fn is_int(text: &str) -> bool {
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    let all = |rest: &[u8], of: fn(u8) -> bool| !rest.is_empty() && rest.iter().all(|c| of(*c));
    match unsigned {
        [b'0'] => true,
        [b'0', b'b', rest @ ..] => all(rest, |c| matches!(c, b'0' | b'1' | b'_')),
        [b'0', b'x', rest @ ..] => all(rest, |c| c.is_ascii_hexdigit() || c == b'_'),
        [b'0', rest @ ..] => all(rest, |c| matches!(c, b'0'..=b'7' | b'_')),
        [b'1'..=b'9', rest @ ..] => {
            let mut cursor = Cursor(rest);
            cursor.many(digit_or_underscore);
            cursor.done() || (cursor.sexagesimal() && cursor.done())
        }
        _ => false,
    }
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let mut cursor = Cursor(text.as_bytes());
    let signed = cursor.one(|c| c == b'-' || c == b'+');
    if matches!(cursor.0, b".inf" | b".Inf" | b".INF") {
        return true;
    }
    if cursor.is(b'.') {
        // A sign in front of the point is allowed before `inf` only.
        return !signed && cursor.digits(1, 1) && {
            cursor.many(digit_or_underscore);
            cursor.exponent()
        };
    }
    if !cursor.digits(1, 1) {
        return false;
    }
    cursor.many(digit_or_underscore);
    if cursor.is(b'.') {
        cursor.many(digit_or_underscore);
        return cursor.exponent();
    }
    cursor.sexagesimal() && cursor.is(b'.') && {
        cursor.many(digit_or_underscore);
        cursor.done()
    }
}

fn is_timestamp(text: &str) -> bool {
    let mut c = Cursor(text.as_bytes());
    if !(c.digits(4, 4) && c.is(b'-')) {
        return false;
    }
    let date = c.0;
    if c.digits(2, 2) && c.is(b'-') && c.digits(2, 2) && c.done() {
        return true;
    }
    c.0 = date;
    if !(c.digits(1, 2) && c.is(b'-') && c.digits(1, 2)) {
        return false;
    }
    let blank = |c: u8| c == b' ' || c == b'\t';
    if !c.one(|x| x == b'T' || x == b't') && c.many(blank) == 0 {
        return false;
    }
    if !(c.digits(1, 2) && c.is(b':') && c.digits(2, 2) && c.is(b':') && c.digits(2, 2)) {
        return false;
    }
    if c.is(b'.') {
        c.many(|x| x.is_ascii_digit());
    }
    let zone = c.many(blank);
    if c.done() {
        return zone == 0;
    }
    if c.is(b'Z') {
        return c.done();
    }
    c.one(|x| x == b'-' || x == b'+')
        && c.digits(1, 2)
        && (c.done() || (c.is(b':') && c.digits(2, 2) && c.done()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for (text, tag) in [
            ("1:30", INT),
            ("1:60", STR),
            ("00:11:22", STR),
            ("0777", INT),
            ("08", STR),
            ("1e3", STR),
            ("1.e+3", FLOAT),
            ("-.5", STR),
            (".5", FLOAT),
            ("-.inf", FLOAT),
            ("20:30.15", FLOAT),
            ("2001-1-1", STR),
            ("2001-01-01", TIMESTAMP),
            ("2001-1-1 1:02:03 +1", TIMESTAMP),
            ("y", STR),
            ("tRue", STR),
            ("0x", STR),
            ("-", STR),
            (".", STR),
        ] {
            assert_eq!(implicit(text), tag, "{text}");
        }
    }
}
