//! Writing XML: five characters to escape, and names that need none.

use std::borrow::Cow;

/// `text` as the content of an element or attribute; `None` if it holds a character that XML cannot carry.
pub fn escape(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'&' | b'<' | b'>' | b'"'))
        && !text.contains(FORBIDDEN)
    {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // As they are, a parser would turn the one into a line feed and, in attributes, both into spaces.
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(c),
            '\0'..=' ' if c != ' ' => return None,
            c if FORBIDDEN.contains(&c) => return None,
            c => out.push(c),
        }
    }
    Some(Cow::Owned(out))
}

/// What XML 1.0 leaves out of its characters above the control characters.
const FORBIDDEN: [char; 2] = ['\u{fffe}', '\u{ffff}'];

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn markup_is_escaped_and_the_impossible_refused() {
        assert_eq!(escape("plain ö €").as_deref(), Some("plain ö €"));
        assert_eq!(escape("a<b>&\"c'\r\n\t").as_deref(), Some("a&lt;b&gt;&amp;&quot;c'&#xD;\n\t"));
        assert_eq!(escape("nul\0"), None);
        assert_eq!(escape("bell\u{7}"), None);
        assert_eq!(escape("\u{ffff}"), None);
    }
}
