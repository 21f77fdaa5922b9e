//! What PyYAML says of a text that it can't load, word for word: these sentences reach users through Salt.

use std::fmt;

/// A place in the text, counted from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Characters before it.
    pub index: usize,
    /// Lines before it.
    pub line: usize,
    /// Characters before it on its line.
    pub column: usize,
}

/// Which of PyYAML's exceptions it is: Salt words some of them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ReaderError`: a character that YAML does not allow.
    Reader,
    /// `ScannerError`: no token starts like this.
    Scanner,
    /// `ParserError`: the tokens are in no valid order.
    Parser,
    /// `ComposerError`: anchors and documents.
    Composer,
    /// `ConstructorError`: tags, keys and merges.
    Constructor,
    /// Python's `ValueError`, `KeyError` or `IndexError` while a scalar is converted.
    Value,
}

/// Why a text is no YAML. Displays as `str()` of the Python exception.
///
/// Boxed: the parser recurses, and every frame has room for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    name: String,
    context: Option<(String, Mark)>,
    problem: String,
    mark: Mark,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(super) fn new(kind: Kind, problem: impl Into<String>, mark: Mark) -> Error {
        Error(Box::new(Parts { kind, name: String::new(), context: None, problem: problem.into(), mark }))
    }

    pub(super) fn within(mut self, context: &str, mark: Mark) -> Error {
        self.0.context = Some((context.into(), mark));
        self
    }

    pub(super) fn value(problem: impl Into<String>, mark: Mark) -> Error {
        Error::new(Kind::Value, problem, mark)
    }

    pub(super) fn named(mut self, name: &str) -> Error {
        self.0.name = name.to_string();
        self
    }

    /// Which exception.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence without its places (`error.problem`).
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// The line of the problem, counted from one.
    pub fn line(&self) -> usize {
        self.0.mark.line + 1
    }

    /// The column of the problem, counted from one.
    pub fn column(&self) -> usize {
        self.0.mark.column + 1
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind {
            Kind::Value => return f.write_str(&self.0.problem),
            Kind::Reader => {
                let position = self.0.mark.index;
                return write!(f, "{}\n  in \"{}\", position {position}", self.0.problem, self.0.name);
            }
            _ => {}
        }
        let place = |f: &mut fmt::Formatter<'_>, m: Mark| {
            write!(f, "  in \"{}\", line {}, column {}", self.0.name, m.line + 1, m.column + 1)
        };
        if let Some((context, mark)) = &self.0.context {
            writeln!(f, "{context}")?;
            let here = self.0.mark;
            if (here.line, here.column) != (mark.line, mark.column) {
                place(f, *mark)?;
                writeln!(f)?;
            }
        }
        f.write_str(&self.0.problem)?;
        writeln!(f)?;
        place(f, self.0.mark)
    }
}

impl std::error::Error for Error {}
