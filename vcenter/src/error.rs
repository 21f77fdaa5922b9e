//! What can go wrong with a vCenter, said so that a person understands it, and what to do about it.

use std::time::Duration;

use crate::soap::Fault;

/// The result of anything that asks a vCenter.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
///
/// Errors are cheap to copy, since one failed log-in answers everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The connection could not be made or did not hold, or the answer was no answer of a vCenter.
    #[error("{} {endpoint}{}: {reason}", if *sent { "The connection to" } else { "Could not connect to" }, if *sent { " failed" } else { "" })]
    Transport {
        /// `host:port`, or the URL.
        endpoint: String,
        /// What happened.
        reason: String,
        /// Whether the request may have reached the server, and so may have been carried out.
        sent: bool,
    },
    /// The server's certificate is not trusted.
    #[error("{0}")]
    Tls(String),
    /// The server refused the user or the password.
    #[error("Cannot log in to {host} as '{user}': {reason}")]
    Login {
        /// The server.
        host: String,
        /// The user.
        user: String,
        /// The server's words, and whether it will be tried again.
        reason: String,
    },
    /// The server's own error.
    #[error("{0}")]
    Fault(Fault),
    /// The Automation API refused an operation.
    #[error("{operation} failed: {message} ({kind})")]
    Api {
        /// The method and the path, as `GET /api/cis/tagging/tag`.
        operation: String,
        /// `Vapi.Std.Errors.Error.Type`, as `NOT_FOUND`.
        kind: String,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// There is no object of that name.
    #[error("{kind} '{name}' was not found")]
    NotFound {
        /// The managed object type, as `VirtualMachine`.
        kind: String,
        /// What was looked for.
        name: String,
    },
    /// There is more than one object of that name.
    #[error("{kind} '{name}' is ambiguous: {}", paths.join(", "))]
    Ambiguous {
        /// The managed object type.
        kind: String,
        /// What was looked for.
        name: String,
        /// The inventory paths of those found.
        paths: Vec<String>,
    },
    /// A task ended in an error.
    #[error("{name} failed: {fault}")]
    Task {
        /// What the task was to do, as `PowerOnVM_Task of VirtualMachine 'vm01'`.
        name: String,
        /// Why it failed.
        fault: Fault,
    },
    /// The server does not have what was asked for.
    #[error("This server does not support {what}{}", since.as_ref().map(|it| format!(" (since version {it})")).unwrap_or_default())]
    Unsupported {
        /// The method, service or property.
        what: String,
        /// The version of the API that brought it, where known.
        since: Option<String>,
    },
    /// The server's answer could not be read.
    #[error("Could not read the answer to {method}: {at}")]
    Decode {
        /// The method that was called.
        method: String,
        /// What was wrong, and where.
        at: String,
    },
    /// A request was put together wrongly; it was not sent.
    #[error("{0}")]
    Schema(String),
    /// The server did not answer in time; the request may have been carried out.
    #[error("{what} was not answered within {} s", after.as_secs_f32())]
    Timeout {
        /// What was asked.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// It was not sent: too much was under way, for too long.
    #[error("{what} was not sent: for {} s as much was under way as is allowed at once ({limit})", after.as_secs_f32())]
    Busy {
        /// What was to be asked.
        what: String,
        /// How much may be under way at once.
        limit: usize,
        /// How long it was waited for.
        after: Duration,
    },
    /// It was not sent: what must be known of it later could not be put down.
    #[error("{what} was not sent: it could not be recorded: {reason}")]
    NotRecorded {
        /// What was to be asked, as `PowerOnVM_Task of 'vm01'`.
        what: String,
        /// Why not.
        reason: String,
    },
    /// The connection or the task was lost, and this is what looking has brought.
    #[error("{}: {reason}", match done { Some(false) => format!("{what} was not carried out"), _ => format!("Whether {what} was carried out is not known") })]
    Lost {
        /// What was asked, as `PowerOnVM_Task of 'vm01'`.
        what: String,
        /// False if it was not carried out; none if that is not known.
        done: Option<bool>,
        /// What happened.
        reason: String,
    },
    /// The session was closed by ourselves.
    #[error("The session to the vCenter has been closed")]
    Closed,
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Try again after a while; the server or the way to it is out of order.
    Retry,
    /// The login is gone: log in anew, and everything that lived in the session with it.
    Relogin,
    /// What is known of the inventory is out of date: read it anew.
    Resync,
    /// Give the error back; trying again would not help.
    Give,
}

impl Error {
    /// What to do about this error.
    pub fn recovery(&self) -> Recovery {
        match self {
            Self::Transport { .. } | Self::Timeout { .. } | Self::Busy { .. } => Recovery::Retry,
            Self::Fault(fault) => recovery_of(fault),
            Self::Api { kind, .. } => match kind.as_str() {
                "UNAUTHENTICATED" => Recovery::Relogin,
                "SERVICE_UNAVAILABLE" | "RESOURCE_BUSY" | "CONCURRENT_CHANGE" | "TIMED_OUT" => {
                    Recovery::Retry
                }
                _ => Recovery::Give,
            },
            Self::Tls(_)
            | Self::Login { .. }
            | Self::NotFound { .. }
            | Self::Ambiguous { .. }
            | Self::Task { .. }
            | Self::Unsupported { .. }
            | Self::Decode { .. }
            | Self::Schema(_)
            | Self::NotRecorded { .. }
            | Self::Lost { .. }
            | Self::Closed => Recovery::Give,
        }
    }

    /// Whether what was asked may have been carried out all the same.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Transport { sent: true, .. } | Self::Timeout { .. } | Self::Decode { .. })
    }

    /// The server's fault, of a call or of a task.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault(fault) | Self::Task { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// Whether this is the server's fault `kind` or one derived from it, or the Automation API's error `kind`.
    pub fn is(&self, kind: &str) -> bool {
        match self {
            Self::Api { kind: own, .. } => own == kind,
            _ => self.fault().is_some_and(|fault| fault.is(kind)),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn recovery_of(fault: &Fault) -> Recovery {
    if fault.is("NotAuthenticated") {
        Recovery::Relogin
    } else if fault.is("ManagedObjectNotFound") || fault.is("InvalidCollectorVersion") {
        Recovery::Resync
    } else if fault.is("HostCommunication") || fault.is("TaskInProgress") || fault.is("ConcurrentAccess") {
        Recovery::Retry
    } else {
        Recovery::Give
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vim::Object;

    fn fault(kind: &str) -> Error {
        Fault::new("why", Object::new(kind)).into()
    }

    #[test]
    fn a_fault_chooses_its_recovery() {
        assert_eq!(fault("NotAuthenticated").recovery(), Recovery::Relogin);
        assert_eq!(fault("ManagedObjectNotFound").recovery(), Recovery::Resync);
        assert_eq!(fault("InvalidCollectorVersion").recovery(), Recovery::Resync);
        assert_eq!(fault("HostNotReachable").recovery(), Recovery::Retry);
        assert_eq!(fault("NoPermission").recovery(), Recovery::Give);
        assert_eq!(fault("FromTheFuture").recovery(), Recovery::Give);
    }

    #[test]
    fn an_error_is_a_sentence() {
        let error = Error::Ambiguous {
            kind: "VirtualMachine".into(),
            name: "a".into(),
            paths: vec!["/x/a".into(), "/y/a".into()],
        };
        assert_eq!(error.to_string(), "VirtualMachine 'a' is ambiguous: /x/a, /y/a");
        let error = Error::Unsupported { what: "vSAN".into(), since: Some("6.6".into()) };
        assert_eq!(error.to_string(), "This server does not support vSAN (since version 6.6)");
        let error = Error::Unsupported { what: "vSAN".into(), since: None };
        assert_eq!(error.to_string(), "This server does not support vSAN");
        let error = Error::Timeout { what: "CurrentTime".into(), after: Duration::from_millis(1500) };
        assert_eq!(error.to_string(), "CurrentTime was not answered within 1.5 s");
    }
}
