//! Values as Python prints them.

use std::fmt;

use crate::Value;

/// Python's `str(x)`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(s) => f.write_str(s),
            other => f.write_str(&other.repr()),
        }
    }
}

impl Value {
    /// Python's `repr(x)`.
    pub fn repr(&self) -> String {
        let mut out = String::new();
        repr_into(self, &mut out);
        out
    }
}

fn repr_into(value: &Value, out: &mut String) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::BigInt(n) => out.push_str(&n.to_string()),
        Value::Float(x) => out.push_str(&float_repr(*x)),
        Value::Str(s) => repr_text(s, out),
        Value::Bytes(b) => repr_bytes(b, out),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                repr_into(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                repr_into(key, out);
                out.push_str(": ");
                repr_into(item, out);
            }
            out.push('}');
        }
        Value::Ext(code, data) => {
            out.push_str(&format!("ExtType(code={code}, data="));
            repr_bytes(data, out);
            out.push(')');
        }
    }
}

/// Python's shortest float text: exponents below -4 and from 16 up, `.0` after whole numbers.
pub fn float_repr(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.into();
    }
    let mut scientific = format!("{x:e}");
    // Of two texts that are as short and as near, Python takes the even one.
    let places = scientific.find('e').unwrap_or(1).saturating_sub(if x < 0.0 { 3 } else { 2 });
    let even = format!("{x:.places$e}");
    if even.parse() == Ok(x) {
        scientific = even;
    }
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if x != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{x:.*}", usize::try_from(places as i32 - exponent).unwrap_or(0));
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn repr_text(s: &str, out: &mut String) {
    let quote = if s.contains('\'') && !s.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in s.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..=0xa0).contains(&(c as u32)) || c as u32 == 0xad => {
                out.push_str(&format!("\\x{:02x}", c as u32));
            }
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

fn repr_bytes(b: &[u8], out: &mut String) {
    let quote = if b.contains(&b'\'') && !b.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for &c in b {
        match c {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            c if char::from(c) == quote => {
                out.push('\\');
                out.push(quote);
            }
            0x20..=0x7e => out.push(char::from(c)),
            c => out.push_str(&format!("\\x{c:02x}")),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{list, map};

    #[test]
    fn repr_is_pythons() {
        let value = list![
            "it's",
            "\"both'\n",
            1,
            2.0,
            1e16,
            1e-5,
            Value::None,
            true,
            Value::Bytes(b"\xff'a".to_vec()),
            map! { "k" => 0.1 }
        ];
        assert_eq!(
            value.repr(),
            r#"["it's", '"both\'\n', 1, 2.0, 1e+16, 1e-05, None, True, b"\xff'a", {'k': 0.1}]"#
        );
        assert_eq!(Value::from("plain").to_string(), "plain");
        assert_eq!(float_repr(-0.0), "-0.0");
        assert_eq!(float_repr(1_410_985_601_407_870.0 + 0.25), "1410985601407870.2");
        assert_eq!(float_repr(-624_991_248_016_651.0 - 0.25), "-624991248016651.2");
        for x in [0.1, 1.0, 100.0, 1234.5, 0.0001, 5e-324, 1.7976931348623157e308, 123456.0, 1e15, 0.3] {
            assert_eq!(float_repr(x).parse(), Ok(x));
        }
        assert_eq!(
            [0.0001, 1e15, 1200.0, 5e-324].map(float_repr),
            ["0.0001", "1000000000000000.0", "1200.0", "5e-324"]
        );
        assert_eq!(float_repr(123456789012345680.0), "1.2345678901234568e+17");
    }
}
