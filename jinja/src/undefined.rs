//! Undefined values and what they say when used.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::repr::repr;
use crate::value::Value;

/// How undefined values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndefinedKind {
    /// Prints as nothing, is false and empty; any other use is an error.
    #[default]
    Default,
    /// Every use but `is defined` and `default` is an error.
    Strict,
    /// As `Default`, and attributes and items of it are undefined again.
    Chainable,
    /// As `Default`, but prints the expression.
    Debug,
}

/// An undefined value: its kind and where it comes from.
pub struct Undefined {
    pub(crate) kind: UndefinedKind,
    pub(crate) hint: Option<String>,
    pub(crate) owner: Option<Value>,
    pub(crate) name: Option<Value>,
    pub(crate) security: bool,
}

impl Undefined {
    pub(crate) fn name(kind: UndefinedKind, name: &str) -> Value {
        Value::Undefined(Arc::new(Self {
            kind,
            hint: None,
            owner: None,
            name: Some(Value::from(name)),
            security: false,
        }))
    }

    pub(crate) fn hint(kind: UndefinedKind, hint: impl Into<String>) -> Value {
        Value::Undefined(Arc::new(Self {
            kind,
            hint: Some(hint.into()),
            owner: None,
            name: None,
            security: false,
        }))
    }

    pub(crate) fn item(kind: UndefinedKind, owner: &Value, name: Value) -> Value {
        Value::Undefined(Arc::new(Self {
            kind,
            hint: None,
            owner: Some(owner.clone()),
            name: Some(name),
            security: false,
        }))
    }

    pub(crate) fn unsafe_attr(kind: UndefinedKind, owner: &Value, name: &str) -> Value {
        let hint = format!(
            "access to attribute {} of {} object is unsafe.",
            crate::repr::repr_str(name),
            crate::repr::repr_str(owner.type_name())
        );
        Value::Undefined(Arc::new(Self { kind, hint: Some(hint), owner: None, name: None, security: true }))
    }

    /// Whether every use is an error.
    pub fn is_strict(&self) -> bool {
        self.kind == UndefinedKind::Strict
    }

    pub(crate) fn class(&self) -> &'static str {
        match self.kind {
            UndefinedKind::Default => "Undefined",
            UndefinedKind::Strict => "StrictUndefined",
            UndefinedKind::Chainable => "ChainableUndefined",
            UndefinedKind::Debug => "DebugUndefined",
        }
    }

    /// What an error about it says.
    pub fn message(&self) -> String {
        if let Some(hint) = self.hint.as_ref().filter(|h| !h.is_empty()) {
            return hint.clone();
        }
        let name = self
            .name
            .as_ref()
            .map_or_else(|| "None".to_owned(), |n| repr(n).unwrap_or_else(|e| e.to_string()));
        match (&self.owner, &self.name) {
            (None, _) => format!("{name} is undefined"),
            (Some(owner), Some(n)) if n.as_str().is_some() => {
                format!("{} has no attribute {name}", crate::repr::repr_str(&type_repr(owner)))
            }
            (Some(owner), _) => format!("{} has no element {name}", type_repr(owner)),
        }
    }

    /// The error of using it.
    pub fn error(&self) -> Error {
        let kind = if self.security { ErrorKind::Security } else { ErrorKind::Undefined };
        Error::new(kind, self.message())
    }

    pub(crate) fn text(&self) -> Result<String, Error> {
        match self.kind {
            UndefinedKind::Strict => Err(self.error()),
            UndefinedKind::Default | UndefinedKind::Chainable => Ok(String::new()),
            UndefinedKind::Debug => {
                let name = || self.name.as_ref().map_or_else(|| Ok("None".to_owned()), repr);
                let inner = match (&self.hint, &self.owner) {
                    (Some(hint), _) => format!("undefined value printed: {hint}"),
                    (None, None) => self.name.as_ref().and_then(Value::as_str).unwrap_or("None").to_owned(),
                    (None, Some(owner)) => format!("no such element: {}[{}]", type_repr(owner), name()?),
                };
                Ok(format!("{{{{ {inner} }}}}"))
            }
        }
    }
}

/// How Jinja2 names an object's type in messages.
fn type_repr(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        Value::Undefined(u) => format!("jinja2.runtime.{} object", u.class()),
        Value::Markup(_) => "markupsafe.Markup object".to_owned(),
        Value::Tuple(t) if t.is_named() => "jinja2.filters._GroupTuple object".to_owned(),
        Value::Object(o) => match o.module() {
            Some(m) => format!("{m}.{} object", o.type_name()),
            None => format!("{} object", o.type_name()),
        },
        _ => format!("{} object", value.type_name()),
    }
}
