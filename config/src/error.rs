//! What is wrong with a configuration: where, which option, what was expected and what is there.

use std::path::PathBuf;

use thiserror::Error;

/// A mistake in a configuration. Its text is for the person who wrote the file.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Error {
    /// A file is there but can't be read.
    #[error("Cannot read the configuration file {}: {reason}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A file is no YAML. The reason names line and column.
    #[error("Error parsing configuration file: {} - {reason}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// What the YAML reader says.
        reason: String,
    },
    /// A file is YAML, but no map of options.
    #[error("Error parsing configuration file: {} - conf should be a document, not {got}.", file.display())]
    NoMap {
        /// The file.
        file: PathBuf,
        /// The Python type of what it holds.
        got: &'static str,
    },
    /// An option is of a type that it can't have.
    #[error("{place}: the option '{option}' must be {expected}, got {got}")]
    Type {
        /// File and line, or where else it comes from.
        place: String,
        /// The option.
        option: String,
        /// Its types.
        expected: String,
        /// The value.
        got: String,
    },
    /// An option has a value that it can't have.
    #[error("{place}: the option '{option}' {problem}")]
    Value {
        /// File and line, or where else it comes from.
        place: String,
        /// The option.
        option: String,
        /// The rest of the sentence.
        problem: String,
    },
    /// Neither the command line nor a file says which proxy this is.
    #[error("there is no id for this proxy: neither --proxyid nor the option 'id' gives one")]
    NoId,
    /// The minion id is none.
    #[error("the minion id {id:?} is not valid: {problem}")]
    Id {
        /// The id.
        id: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A pattern of `include:` fits no file.
    #[error("Warning parsing configuration file: \"include\" path/glob '{pattern}' matches no files")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// Files include each other without end.
    #[error("{}: files include each other without end", file.display())]
    Cycle {
        /// Where it was noticed.
        file: PathBuf,
    },
}
