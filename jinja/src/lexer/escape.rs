//! Escapes in string literals.

/// Python's `unicode-escape`.
pub(super) fn unescape(text: &str) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(e) = chars.next() else { return Err("\\ at end of string".to_owned()) };
        let mut hex = |n: usize, name: &str| {
            let mut value = 0u32;
            for _ in 0..n {
                match chars.peek().and_then(|c| c.to_digit(16)) {
                    Some(d) => value = value.wrapping_mul(16).wrapping_add(d),
                    None => return Err(format!("truncated {name} escape")),
                }
                chars.next();
            }
            Ok(value)
        };
        match e {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(e),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            'x' => out.push(char::from(hex(2, "\\xXX")? as u8)),
            'u' => out.push(char::from_u32(hex(4, "\\uXXXX")?).unwrap_or(char::REPLACEMENT_CHARACTER)),
            'U' => {
                let n = hex(8, "\\UXXXXXXXX")?;
                if n > 0x10FFFF {
                    return Err("illegal Unicode character".to_owned());
                }
                out.push(char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            'N' if chars.peek() == Some(&'{') => return Err("unknown Unicode character name".to_owned()),
            'N' => return Err("malformed \\N character escape".to_owned()),
            '0'..='7' => {
                let mut n = e.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    if let Some(d) = chars.peek().and_then(|c| c.to_digit(8)) {
                        n = n * 8 + d;
                        chars.next();
                    }
                }
                out.push(char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Ok(out)
}
