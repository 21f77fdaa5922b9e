//! Shell globs as Python's `fnmatch` has them on Linux.

/// True if the whole text fits the pattern: `*`, `?`, `[…]`, `[!…]`. A slash is a character like any other, there are
/// no escapes and no braces, and a bracket that is not closed stands for itself.
pub fn fnmatch(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let items = parse(&pattern.chars().collect::<Vec<_>>());
    // One star is remembered at a time, so the work is bounded by text times pattern.
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match items.get(p) {
            Some(Item::Star) => {
                star = Some((p, t));
                p += 1;
            }
            Some(item) if item.takes(text[t]) => {
                t += 1;
                p += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    items[p..].iter().all(|item| matches!(item, Item::Star))
}

enum Item {
    Star,
    Any,
    One(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Item {
    fn takes(&self, c: char) -> bool {
        match self {
            Item::Star => false,
            Item::Any => true,
            Item::One(one) => *one == c,
            Item::Set { negated, ranges } => ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *negated,
        }
    }
}

fn parse(pattern: &[char]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut i = 0;
    while i < pattern.len() {
        match pattern[i] {
            '*' => items.push(Item::Star),
            '?' => items.push(Item::Any),
            '[' => match set(&pattern[i + 1..]) {
                Some((set, length)) => {
                    items.push(set);
                    i += length;
                }
                None => items.push(Item::One('[')),
            },
            c => items.push(Item::One(c)),
        }
        i += 1;
    }
    items
}

/// The set behind an opening bracket, and how many characters it takes, the closing bracket included.
fn set(rest: &[char]) -> Option<(Item, usize)> {
    let negated = rest.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket right at the beginning stands for itself.
    let end = start + 1 + rest.get(start + 1..)?.iter().position(|c| *c == ']')?;
    let body = &rest[start..end];
    let mut ranges = Vec::new();
    let mut i = 0;
    while i < body.len() {
        if i + 2 < body.len() && body[i + 1] == '-' {
            // An empty range (z-a) matches nothing, as CPython drops it.
            if body[i] <= body[i + 2] {
                ranges.push((body[i], body[i + 2]));
            }
            i += 3;
        } else {
            ranges.push((body[i], body[i]));
            i += 1;
        }
    }
    Some((Item::Set { negated, ranges }, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns, texts and CPython's answers.
    #[test]
    fn answers_are_cpythons() {
        for (pattern, text, expected) in [
            ("web[!0-9]", "weba", true),
            ("web[^0-9]", "weba", false),
            ("web[^0-9]", "web^", true),
            ("*", "a/b", true),
            ("[!]]", "x", true),
            ("[!]]", "]", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("[a-", "[a-", true),
            ("[]", "[]", true),
            ("[!]", "[!]", true),
            ("{a,b}", "a", false),
            ("*.example.com", "x.example.com", true),
            ("WEB", "web", false),
            ("**", "ab", true),
            ("[[]", "[", true),
            ("*", "a\nb", true),
            ("[a-c-e]", "-", true),
            ("[a-c-e]", "d", false),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?", "", false),
            ("ab?", "abä", true),
            ("\\*", "\\x", true),
        ] {
            assert_eq!(fnmatch(text, pattern), expected, "{pattern} on {text}");
        }
        let long = "a".repeat(5000);
        assert!(!fnmatch(&long, &"a*".repeat(200).replace("a*a*", "*a*b")));
    }
}
