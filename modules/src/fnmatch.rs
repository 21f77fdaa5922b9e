//! Shell patterns on names, as Python's `fnmatch.fnmatchcase` reads them.

/// True if a name fits a pattern of `*`, `?`, `[seq]` and `[!seq]`.
pub fn fnmatch(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut n, mut p) = (0, 0);
    // Where to go on when a star has to take one more character.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match step(&pattern[p..], name[n]) {
            Some(Step::Star) => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(Step::One(width)) => {
                p += width;
                n += 1;
            }
            None => match star.as_mut() {
                Some((after, taken)) => {
                    *taken += 1;
                    (p, n) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Step {
    Star,
    /// One character fits; so many characters of the pattern are done with.
    One(usize),
}

fn step(pattern: &[char], c: char) -> Option<Step> {
    match pattern.first()? {
        '*' => Some(Step::Star),
        '?' => Some(Step::One(1)),
        '[' => match class(pattern) {
            Some((set, negated, width)) => (in_set(set, c) != negated).then_some(Step::One(width)),
            None => (c == '[').then_some(Step::One(1)),
        },
        literal => (*literal == c).then_some(Step::One(1)),
    }
}

/// The set between brackets, whether it is negated, and how long all of it is. None if no bracket closes it.
fn class(pattern: &[char]) -> Option<(&[char], bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let start = if negated { 2 } else { 1 };
    // A bracket that comes first belongs to the set.
    let end = start + 1 + pattern.get(start + 1..)?.iter().position(|c| *c == ']')?;
    Some((&pattern[start..end], negated, end + 1))
}

fn in_set(mut set: &[char], c: char) -> bool {
    while let Some(first) = set.first() {
        match set {
            [low, '-', high, ..] => {
                if (*low..=*high).contains(&c) {
                    return true;
                }
                set = &set[3..];
            }
            _ => {
                if *first == c {
                    return true;
                }
                set = &set[1..];
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_pythons() {
        let cases = [
            ("web[!0-9]", "weba", true),
            ("web[^0-9]", "weba", false),
            ("*", "a/b", true),
            ("[!]]", "x", true),
            ("[", "[", true),
            ("[a-", "[a-", true),
            ("{a,b}", "a", false),
            ("*.example.com", "x.example.com", true),
            ("WEB", "web", false),
            ("**", "ab", true),
            ("[[]", "[", true),
            ("*", "a\nb", true),
            ("[a-c-e]", "-", true),
            ("", "", true),
            ("a*b*c", "axxbyybzc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("vmware_*.list", "vmware_vm.list_templates", false),
        ];
        for (pattern, name, wanted) in cases {
            assert_eq!(fnmatch(name, pattern), wanted, "{pattern} {name}");
        }
    }
}
