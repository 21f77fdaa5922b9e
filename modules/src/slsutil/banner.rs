//! The comment on top of a managed file.

use salt::{Context, Error, Result, functions, salt_fn};

functions![banner];

const TITLE: &str = "THIS FILE IS MANAGED BY SALT - DO NOT EDIT";
const TEXT: &str = "The contents of this file are managed by Salt. Any changes to this file may be overwritten \
                    automatically and without warning.";

/// Gives a block of comment with a frame, a title and a text, for the top of a managed file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.banner
/// salt '*' slsutil.banner width=120 commentchar='//'
/// ```
#[salt_fn]
async fn banner(
    _cx: &Context,
    /// Columns.
    #[default(72)]
    width: u64,
    /// What begins a comment.
    #[default("#")]
    commentchar: String,
    /// The character of the frame.
    #[default("#")]
    borderchar: String,
    /// A line before the block.
    blockstart: Option<String>,
    /// A line after the block.
    blockend: Option<String>,
    /// The title.
    title: Option<String>,
    /// The text.
    text: Option<String>,
    /// End with a line feed.
    #[default(false)]
    newline: bool,
) -> Result<String> {
    let frame = Frame { width: usize::try_from(width.min(10_000)).unwrap_or(72), commentchar, borderchar };
    let title = title.unwrap_or_else(|| TITLE.into());
    let text = text.unwrap_or_else(|| TEXT.into());
    let mut lines: Vec<String> = blockstart.into_iter().collect();
    lines.extend(frame.around(&title, &text)?);
    lines.extend(blockend);
    Ok(lines.join("\n") + if newline { "\n" } else { "" })
}

struct Frame {
    width: usize,
    commentchar: String,
    borderchar: String,
}

impl Frame {
    fn around(&self, title: &str, text: &str) -> Result<Vec<String>> {
        let count = |text: &str| text.chars().count();
        let (left, right) = (self.commentchar.trim_end(), self.commentchar.trim());
        let room = self.width.saturating_sub(count(left) + count(right) + 2);
        if room == 0 {
            return Err(Error::execution("Width is too small to render banner"));
        }
        let border: String = self.borderchar.chars().take(1).collect();
        let border = border.repeat(self.width.saturating_sub(count(left) + count(right)));
        let border = format!("{}{border}{right}", self.commentchar);
        let blanks = " ".repeat(self.width.saturating_sub(count(&self.commentchar) * 2));
        let spacer = format!("{0}{blanks}{0}", self.commentchar);
        let mut lines = vec![border.clone(), spacer.clone()];
        for line in wrapped(title, room) {
            lines.push(format!("{left} {} {right}", centred(&line, room)));
        }
        lines.push(spacer);
        for line in wrapped(text, room) {
            let rest = " ".repeat(room - count(&line));
            lines.push(format!("{left} {line}{rest} {right}"));
        }
        lines.push(border);
        Ok(lines)
    }
}

/// Python's `str.center`: of an odd number of blanks the one more is on the left if the width is odd.
fn centred(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(text.chars().count());
    let left = blanks / 2 + (blanks & width & 1);
    format!("{}{text}{}", " ".repeat(left), " ".repeat(blanks - left))
}

/// Lines of words; a word that is longer than a line is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(length > 0);
            if length + gap + word.len() <= width {
                if gap == 1 {
                    line.push(' ');
                }
                length += gap + word.len();
                line.extend(word);
                break;
            }
            // A word that would fit a line of its own gets one.
            let room = width - length.min(width);
            if word.len() > width && room > gap {
                if gap == 1 {
                    line.push(' ');
                }
                let rest = word.split_off(room - gap);
                line.extend(word);
                word = rest;
            }
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_is_laid_out_as_salt_does() {
        let frame = Frame { width: 20, commentchar: "#".into(), borderchar: "#".into() };
        assert_eq!(
            frame.around("T", "one two three four five six").unwrap(),
            [
                "####################",
                "#                  #",
                "#        T         #",
                "#                  #",
                "# one two three    #",
                "# four five six    #",
                "####################",
            ]
        );
        assert!(Frame { width: 4, commentchar: "#".into(), borderchar: "#".into() }.around("", "").is_err());
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    }
}
