//! What can go wrong in a function, and the text each case becomes in a return.

use std::fmt;

/// The result of a function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a function: one variant an exception of Salt's, since its type decides the text that the user reads
/// (`salt/metaproxy/proxy.py`, `thread_return`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// `SaltInvocationError`: the call itself is wrong.
    Invocation(String),
    /// Python's `TypeError` while binding the arguments: too many, too few, given twice.
    Arguments(String),
    /// `CommandExecutionError`: what was asked for could not be done.
    Execution(String),
    /// `CommandNotFoundError`: a program that the function needs is not on this machine.
    CommandNotFound(String),
    /// There is no session with vCenter at the moment; the text says why.
    Unavailable(String),
    /// The function is not there. The text is the whole sentence, as Salt prints it.
    NotAvailable(String),
    /// Any other exception: its Python type and its text, for example `KeyError` and `'x'`.
    Exception(String, String),
    /// The job was killed: nothing is returned to the master.
    Killed,
}

impl Error {
    /// [`Error::Execution`] of anything that prints.
    pub fn execution(message: impl fmt::Display) -> Error {
        Error::Execution(message.to_string())
    }

    /// [`Error::Invocation`] of anything that prints.
    pub fn invocation(message: impl fmt::Display) -> Error {
        Error::Invocation(message.to_string())
    }

    /// [`Error::Exception`] of a Python type and anything that prints.
    pub fn exception(kind: &str, message: impl fmt::Display) -> Error {
        Error::Exception(kind.into(), message.to_string())
    }

    /// The `return` of a job that ended with this error: what `salt` prints below the minion's name.
    ///
    /// `doc` is the text that `sys.doc` gives for the function: Salt appends it where the arguments were wrong.
    pub fn job_return(&self, fun: &str, doc: &str) -> String {
        match self {
            Error::CommandNotFound(m) => format!("Command required for '{fun}' not found: {m}"),
            Error::Execution(m) | Error::Unavailable(m) => format!("ERROR: {m}"),
            Error::Invocation(m) => format!("ERROR executing '{fun}': {m}"),
            Error::Arguments(m) => format!("Passed invalid arguments to {fun}: {m}\n{doc}"),
            Error::NotAvailable(m) => m.clone(),
            Error::Exception(kind, m) => {
                // A native function has no Python frames; tools match on the prefix and people read the last line.
                format!(
                    "The minion function caused an exception: Traceback (most recent call last):\n{}",
                    python_exception(kind, m)
                )
            }
            Error::Killed => String::new(),
        }
    }

    /// The text alone, as `str(exception)`.
    pub fn message(&self) -> &str {
        match self {
            Error::Invocation(m)
            | Error::Arguments(m)
            | Error::Execution(m)
            | Error::CommandNotFound(m)
            | Error::Unavailable(m)
            | Error::NotAvailable(m)
            | Error::Exception(_, m) => m,
            Error::Killed => "the job was killed",
        }
    }

    /// The name of the Python exception that Salt would have raised.
    pub fn kind(&self) -> &str {
        match self {
            Error::Invocation(_) => "salt.exceptions.SaltInvocationError",
            Error::Arguments(_) => "TypeError",
            Error::Execution(_) | Error::Unavailable(_) => "salt.exceptions.CommandExecutionError",
            Error::CommandNotFound(_) => "salt.exceptions.CommandNotFoundError",
            Error::NotAvailable(_) => "KeyError",
            Error::Exception(kind, _) => kind,
            Error::Killed => "SystemExit",
        }
    }

    /// The last line of a Python traceback: type and text.
    pub fn traceback_line(&self) -> String {
        python_exception(self.kind(), self.message())
    }
}

fn python_exception(kind: &str, message: &str) -> String {
    if message.is_empty() { kind.to_string() } else { format!("{kind}: {message}") }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_salts() {
        let fun = "test.echo";
        let text = |e: Error| e.job_return(fun, "Return a string");
        assert_eq!(text(Error::Execution("no".into())), "ERROR: no");
        assert_eq!(text(Error::Invocation("no".into())), "ERROR executing 'test.echo': no");
        assert_eq!(
            text(Error::Arguments("echo() takes 1 positional argument but 2 were given".into())),
            "Passed invalid arguments to test.echo: echo() takes 1 positional argument but 2 were given\nReturn a string"
        );
        assert!(
            text(Error::exception("ValueError", "x"))
                .starts_with("The minion function caused an exception: Traceback")
        );
    }
}
