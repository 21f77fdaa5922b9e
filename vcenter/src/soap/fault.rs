use std::fmt;
use std::sync::Arc;

use crate::vim::{Object, Value};

/// A fault: the server's own error, with its data object.
#[derive(Clone, PartialEq)]
pub struct Fault(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    message: String,
    detail: Object,
}

impl Fault {
    /// The fault `detail` with the server's words for it.
    pub fn new(message: impl Into<String>, detail: Object) -> Self {
        Self(Arc::new(Inner { message: message.into(), detail }))
    }

    /// The fault inside a `LocalizedMethodFault`, as tasks, events and missing properties carry it.
    /// `None` if `value` is none, and no fault either.
    pub fn from_value(value: &Value) -> Option<Self> {
        let object = value.as_object()?;
        if object.kind() != "LocalizedMethodFault" {
            return object.is_a("MethodFault").then(|| Self::new("", object.clone()));
        }
        let message = object.str("localizedMessage").unwrap_or_default();
        let detail = object.object("fault").cloned().unwrap_or_else(|| Object::new("MethodFault"));
        Some(Self::new(message, detail))
    }

    /// The fault's type, as `NotAuthenticated`.
    pub fn kind(&self) -> &str {
        self.0.detail.kind()
    }

    /// The server's words; may be empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fault's properties.
    pub fn detail(&self) -> &Object {
        &self.0.detail
    }

    /// Whether this is the fault `kind` or one derived from it: a `NotAuthenticated` is a `NoPermission`.
    pub fn is(&self, kind: &str) -> bool {
        self.0.detail.is_a(kind)
    }
}

/// The server's words and the fault's type: `The session is not authenticated. (NotAuthenticated)`; where a privilege is
/// missing, which one.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message().trim();
        let privilege = match self.kind() {
            "NoPermission" => self.detail().str("privilegeId").filter(|id| !id.is_empty()),
            _ => None,
        };
        let kind = match privilege {
            Some(privilege) => format!("{}: {privilege}", self.kind()),
            None => self.kind().to_owned(),
        };
        if message.is_empty() { f.write_str(&kind) } else { write!(f, "{message} ({kind})") }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fault").field(&self.0.message).field(&self.0.detail).finish()
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_its_ancestors_too() {
        let fault = Fault::new("Nobody is logged in.", Object::new("NotAuthenticated"));
        assert!(fault.is("NotAuthenticated") && fault.is("NoPermission") && fault.is("MethodFault"));
        assert!(!fault.is("InvalidLogin"));
        assert_eq!(fault.to_string(), "Nobody is logged in. (NotAuthenticated)");
        assert_eq!(Fault::new("", Object::new("Newer")).to_string(), "Newer");
        let denied = Object::new("NoPermission").set("privilegeId", "Folder.Create");
        assert_eq!(Fault::new("Denied.", denied).to_string(), "Denied. (NoPermission: Folder.Create)");
    }

    #[test]
    fn a_task_error_is_unwrapped() {
        let inner = Object::new("InvalidPowerState").set("existingState", "poweredOn");
        let wrapped =
            Object::new("LocalizedMethodFault").set("fault", inner).set("localizedMessage", "Powered on.");
        let fault = Fault::from_value(&wrapped.into()).unwrap();
        assert!(fault.is("InvalidState"));
        assert_eq!((fault.kind(), fault.message()), ("InvalidPowerState", "Powered on."));
        assert_eq!(fault.detail().str("existingState"), Some("poweredOn"));
        assert_eq!(Fault::from_value(&Value::Null), None);
        assert_eq!(Fault::from_value(&Object::new("TaskInfo").into()), None);
    }
}
