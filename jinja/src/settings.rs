//! What an environment can be told.

use crate::undefined::UndefinedKind;

/// Delimiters, whitespace rules, kind of undefined values and bounds.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `{%`
    pub block_start: String,
    /// `%}`
    pub block_end: String,
    /// `{{`
    pub variable_start: String,
    /// `}}`
    pub variable_end: String,
    /// `{#`
    pub comment_start: String,
    /// `#}`
    pub comment_end: String,
    /// Lines that begin with it are statements.
    pub line_statement_prefix: Option<String>,
    /// Text from it to the end of the line is a comment.
    pub line_comment_prefix: Option<String>,
    /// Drop the newline behind a block tag.
    pub trim_blocks: bool,
    /// Drop the blanks before a block tag on its line.
    pub lstrip_blocks: bool,
    /// What newlines of the source become.
    pub newline_sequence: String,
    /// Keep one newline at the end of the source.
    pub keep_trailing_newline: bool,
    /// The kind of undefined values.
    pub undefined: UndefinedKind,
    /// Whether what is printed is escaped for HTML unless it is marked as safe.
    pub autoescape: bool,
    /// The `do` tag.
    pub do_tag: bool,
    /// The tags `break` and `continue`.
    pub loop_controls: bool,
    /// Most calls of macros, includes, imports and loops within each other.
    pub max_depth: usize,
    /// Bytes of stack a render may take from where it began. The thread must have that and some more.
    pub max_stack: usize,
    /// Most bytes a render may write, all captured text included.
    pub max_output: usize,
    /// Most evaluated nodes and loop rounds of a render.
    pub max_steps: u64,
    /// Most numbers of a `range`.
    pub max_range: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            block_start: "{%".to_owned(),
            block_end: "%}".to_owned(),
            variable_start: "{{".to_owned(),
            variable_end: "}}".to_owned(),
            comment_start: "{#".to_owned(),
            comment_end: "#}".to_owned(),
            line_statement_prefix: None,
            line_comment_prefix: None,
            trim_blocks: false,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
            keep_trailing_newline: false,
            undefined: UndefinedKind::Default,
            autoescape: false,
            do_tag: true,
            loop_controls: true,
            max_depth: 200,
            max_stack: 1 << 20,
            max_output: 64 << 20,
            max_steps: 50_000_000,
            max_range: 100_000,
        }
    }
}
