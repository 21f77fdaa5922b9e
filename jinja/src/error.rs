//! What goes wrong while a template is read or rendered, in Jinja2's words.

use std::fmt;
use std::sync::Arc;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The class of an error, after Jinja2's and Python's exception classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// `TemplateSyntaxError`: the source cannot be read.
    Syntax,
    /// `TemplateAssertionError`: the source reads, but names something that is not there.
    Assertion,
    /// `UndefinedError`: an undefined value was used.
    Undefined,
    /// `TemplateNotFound` (or `TemplatesNotFound` when `several`).
    NotFound {
        /// More than one name had been tried.
        several: bool,
    },
    /// `SecurityError`: the sandbox refused an access.
    Security,
    /// Any other exception, by the name of its Python class.
    Runtime(String),
}

/// What of a template was running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The template itself.
    Top,
    /// A macro or the body of a call block; also the place of a source that can't be read.
    Macro,
    /// A block, by its name.
    Block(Arc<str>),
}

impl fmt::Display for Frame {
    /// As Jinja2 names it in tracebacks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => f.write_str("top-level template code"),
            Self::Macro => f.write_str("template"),
            Self::Block(name) => write!(f, "block {}", crate::repr::repr_str(name)),
        }
    }
}

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The template's name, `None` for one made from a string.
    pub template: Option<Arc<str>>,
    /// The line, from 1.
    pub line: usize,
    /// What was running there.
    pub frame: Frame,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    locations: Vec<Location>,
    open: bool,
}

/// An error of a template: class, text and the places it passed through.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

impl Error {
    /// An error of the given class.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), locations: Vec::new(), open: true }))
    }

    /// An exception of the named Python class (`TypeError`, or a class of the host).
    pub fn python(class: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Runtime(class.into()), message)
    }

    /// A `TypeError`.
    pub fn type_error(message: impl Into<String>) -> Self {
        Self::python("TypeError", message)
    }

    /// A `ValueError`.
    pub fn value_error(message: impl Into<String>) -> Self {
        Self::python("ValueError", message)
    }

    pub(crate) fn runtime(message: impl Into<String>) -> Self {
        Self::python("TemplateRuntimeError", message)
    }

    pub(crate) fn recursion() -> Self {
        Self::python("RecursionError", "maximum recursion depth exceeded")
    }

    pub(crate) fn located(
        kind: ErrorKind,
        message: impl Into<String>,
        name: Option<Arc<str>>,
        line: usize,
    ) -> Self {
        let mut error = Self::new(kind, message);
        error.0.locations.push(Location { template: name, line, frame: Frame::Macro });
        error.0.open = false;
        error
    }

    /// Notes the place of the running statement, once per frame.
    pub(crate) fn at(self, name: &Option<Arc<str>>, line: usize) -> Self {
        self.within(name, line, &Frame::Macro)
    }

    /// The same with what is running.
    pub(crate) fn within(mut self, name: &Option<Arc<str>>, line: usize, frame: &Frame) -> Self {
        if self.0.open {
            self.0.open = false;
            self.0.locations.push(Location { template: name.clone(), line, frame: frame.clone() });
        }
        self
    }

    /// Leaves a frame: the calling statement adds its own place.
    pub(crate) fn leave(mut self) -> Self {
        self.0.open = true;
        self
    }

    /// The class.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The name of the Python class.
    pub fn class(&self) -> &str {
        match &self.0.kind {
            ErrorKind::Syntax => "TemplateSyntaxError",
            ErrorKind::Assertion => "TemplateAssertionError",
            ErrorKind::Undefined => "UndefinedError",
            ErrorKind::NotFound { several: false } => "TemplateNotFound",
            ErrorKind::NotFound { several: true } => "TemplatesNotFound",
            ErrorKind::Security => "SecurityError",
            ErrorKind::Runtime(class) => class,
        }
    }

    /// The text, as `str()` of the Python exception gives it.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The places the error passed through, innermost first.
    pub fn locations(&self) -> &[Location] {
        &self.0.locations
    }

    /// The line of the innermost place, 0 if none is known.
    pub fn line(&self) -> usize {
        self.0.locations.first().map_or(0, |l| l.line)
    }

    /// The name of the innermost template.
    pub fn template(&self) -> Option<&str> {
        self.0.locations.first().and_then(|l| l.template.as_deref())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}
