//! A line into words, as Python's `shlex.split` does it: the quotes of a shell, and nothing else of one.

use salt::{Error, Result};

/// The words of a line.
///
/// # Errors
/// A quote that is not closed, or nothing behind a backslash.
pub fn shlex(line: &str) -> Result<Vec<String>> {
    let wrong = |message: &str| Err(Error::exception("ValueError", message));
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return wrong("No escaped character"),
            },
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return wrong("No closing quotation"),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return wrong("No escaped character"),
                        },
                        Some(c) => word.push(c),
                        None => return wrong("No closing quotation"),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers are those of CPython 3.11.
    #[test]
    fn lines_are_split_as_python_splits_them() {
        let split = |line: &str| shlex(line).unwrap();
        assert_eq!(split("a  b\tc\n"), ["a", "b", "c"]);
        assert_eq!(split(r#"a 'b c' "d \" e" f\ g ''"#), ["a", "b c", "d \" e", "f g", ""]);
        assert_eq!(split(r#"x="1 2"y "\n" '\n' # z"#), ["x=1 2y", "\\n", "\\n", "#", "z"]);
        assert!(split("").is_empty());
        for (line, message) in
            [("'a", "No closing quotation"), ("\"a", "No closing quotation"), ("a\\", "No escaped character")]
        {
            assert_eq!(shlex(line).unwrap_err().message(), message, "{line}");
        }
    }
}
