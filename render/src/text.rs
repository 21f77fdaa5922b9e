//! Texts around a place in a file (`salt/utils/stringutils.py`, `salt/exceptions.py`).

use jinja::python::splitlines;

const MARKER: &str = "    <======================";

/// The lines around a line, that line marked (`get_context`).
pub(crate) fn context(text: &str, line: usize) -> String {
    let lines = splitlines(text, false);
    if line > lines.len() {
        return text.to_string();
    }
    let (first, last) = (line.saturating_sub(6), lines.len().min(line + 5));
    let mut shown: Vec<String> = Vec::new();
    if first > 0 {
        shown.push("[...]".into());
    }
    for (n, row) in lines.iter().enumerate().take(last).skip(first) {
        shown.push(if n + 1 == line { format!("{row}{MARKER}") } else { row.clone() });
    }
    if last < lines.len() {
        shown.push("[...]".into());
    }
    format!("---\n{}\n---", shown.join("\n"))
}

/// What `SaltRenderError` makes of a message, a line and the text it is about.
pub(crate) fn at_line(message: &str, line: usize, text: &str) -> String {
    if line == 0 || text.is_empty() {
        return message.to_string();
    }
    format!("{message}; line {line}\n\n{}", context(text, line))
}
