//! Failures on demand.

use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

functions![assertion, exception, raise_exception, stack];

/// Fails with an exception.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.exception 'Oh noes!'
/// ```
#[salt_fn]
async fn exception(
    _cx: &Context,
    /// The text of the exception.
    #[default("Test Exception")]
    message: String,
) -> Result<()> {
    Err(Error::exception("Exception", message))
}

/// Fails if its argument is false in Python's sense, and gives nothing if it is true.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.assertion False
/// ```
#[salt_fn]
async fn assertion(
    _cx: &Context,
    /// What has to be true. Any text but the empty one is.
    assertion: Value,
) -> Result<()> {
    if assertion.truthy() { Ok(()) } else { Err(Error::exception("AssertionError", "")) }
}

/// Fails with an exception of the type asked for, with the arguments given to it.
///
/// Python's own exceptions go by their name, Salt's by `salt.exceptions.` and their name. With any other name nothing
/// is raised and the result is `False`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.raise_exception TypeError "An integer is required"
/// salt '*' test.raise_exception salt.exceptions.CommandExecutionError "Something went wrong"
/// ```
#[salt_fn]
async fn raise_exception(
    _cx: &Context,
    /// The name of the exception.
    name: String,
    #[args] args: Vec<Value>,
    #[kwargs] kwargs: Map,
) -> Result<bool> {
    let Some(kind) = Kind::named(&name) else {
        tracing::error!("No such exception: {name}");
        return Ok(false);
    };
    if !crate::clean_kwargs(kwargs).is_empty() {
        return Err(Error::Arguments(format!("{name}() takes no keyword arguments")));
    }
    Err(kind.raise(&name, &args))
}

/// How an exception is told from others in a return.
enum Kind {
    Execution,
    Invocation,
    CommandNotFound,
    OsError,
    KeyError,
    TypeError,
    Other,
}

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        if let Some(salt) = name.strip_prefix("salt.exceptions.") {
            return Some(match salt {
                "SaltInvocationError" => Kind::Invocation,
                "CommandNotFoundError" => Kind::CommandNotFound,
                _ if EXECUTION_ERRORS.contains(&salt) => Kind::Execution,
                _ if SALT_ERRORS.contains(&salt) => Kind::Other,
                _ => return None,
            });
        }
        Some(match name {
            "OSError" | "IOError" | "EnvironmentError" => Kind::OsError,
            "KeyError" => Kind::KeyError,
            "TypeError" => Kind::TypeError,
            _ if PYTHON_ERRORS.contains(&name) => Kind::Other,
            _ => return None,
        })
    }

    fn raise(&self, name: &str, args: &[Value]) -> Error {
        let text = match args {
            [] => String::new(),
            [one] => one.to_string(),
            several => crate::tuple_repr(several),
        };
        match self {
            Kind::Execution => Error::Execution(text),
            Kind::Invocation => Error::Invocation(text),
            Kind::CommandNotFound => Error::CommandNotFound(text),
            Kind::TypeError => Error::Arguments(text),
            Kind::KeyError => Error::exception(name, args.first().map(Value::repr).unwrap_or_default()),
            Kind::OsError => os_error(args, text),
            Kind::Other => Error::exception(name, text),
        }
    }
}

/// An `OSError` with a known number is of the class for it, and prints number, text and file.
fn os_error(args: &[Value], text: String) -> Error {
    let (Some(number), Some(what)) = (args.first().and_then(Value::as_i64), args.get(1)) else {
        return Error::exception("OSError", text);
    };
    let kind = match number {
        1 | 13 => "PermissionError",
        2 => "FileNotFoundError",
        3 => "ProcessLookupError",
        4 => "InterruptedError",
        10 => "ChildProcessError",
        11 | 114 | 115 => "BlockingIOError",
        17 => "FileExistsError",
        20 => "NotADirectoryError",
        21 => "IsADirectoryError",
        32 | 108 => "BrokenPipeError",
        103 => "ConnectionAbortedError",
        104 => "ConnectionResetError",
        110 => "TimeoutError",
        111 => "ConnectionRefusedError",
        _ => "OSError",
    };
    let file = args.get(2).map(|f| format!(": {}", f.repr())).unwrap_or_default();
    Error::exception(kind, format!("[Errno {number}] {what}{file}"))
}

/// `CommandExecutionError` and what is derived from it (`salt/exceptions.py`).
const EXECUTION_ERRORS: [&str; 20] = [
    "ArgumentValueError",
    "CheckError",
    "CodePageError",
    "CommandExecutionError",
    "InvalidConfigError",
    "InvalidEntityError",
    "VMwareApiError",
    "VMwareConnectionError",
    "VMwareFileNotFoundError",
    "VMwareMultipleObjectsError",
    "VMwareNotFoundError",
    "VMwareObjectExistsError",
    "VMwareObjectNotFoundError",
    "VMwareObjectRetrievalError",
    "VMwarePowerOnError",
    "VMwareRuntimeError",
    "VMwareSaltError",
    "VMwareSystemError",
    "VMwareVmCreationError",
    "VMwareVmRegisterError",
];

/// Salt's other exceptions that take a text.
const SALT_ERRORS: [&str; 38] = [
    "AuthenticationError",
    "AuthorizationError",
    "EauthAuthenticationError",
    "FileLockError",
    "FileserverConfigError",
    "GitLockError",
    "GitRemoteError",
    "InvalidKeyError",
    "LoaderError",
    "LoggingRuntimeError",
    "MasterExit",
    "MinionError",
    "MissingSmb",
    "NotImplemented",
    "PkgParseError",
    "PublishError",
    "SaltCacheError",
    "SaltClientError",
    "SaltClientTimeout",
    "SaltConfigurationError",
    "SaltDaemonNotRunning",
    "SaltDeserializationError",
    "SaltException",
    "SaltMasterError",
    "SaltMasterUnresolvableError",
    "SaltNoMinionsFound",
    "SaltRenderError",
    "SaltReqTimeoutError",
    "SaltRunnerError",
    "SaltSyndicMasterError",
    "SaltSystemExit",
    "SaltValidationError",
    "SaltWheelError",
    "TemplateError",
    "TimedProcTimeoutError",
    "TimeoutError",
    "TokenAuthenticationError",
    "UnsupportedAlgorithm",
];

/// Python's built-in exceptions that take any arguments.
const PYTHON_ERRORS: [&str; 46] = [
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BlockingIOError",
    "BrokenPipeError",
    "BufferError",
    "BytesWarning",
    "ChildProcessError",
    "ConnectionAbortedError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "DeprecationWarning",
    "EOFError",
    "Exception",
    "FileExistsError",
    "FileNotFoundError",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "ImportError",
    "IndexError",
    "InterruptedError",
    "IsADirectoryError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotADirectoryError",
    "NotImplementedError",
    "OverflowError",
    "PermissionError",
    "ProcessLookupError",
    "RecursionError",
    "ReferenceError",
    "RuntimeError",
    "StopIteration",
    "SystemError",
    "SystemExit",
    "TimeoutError",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
];

/// Gives the stack of calls that the function runs in.
///
/// A release build without symbols shows addresses only.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.stack
/// ```
#[salt_fn]
async fn stack(_cx: &Context) -> Result<String> {
    Ok(std::backtrace::Backtrace::force_capture().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raised(name: &str, args: &[Value]) -> Option<String> {
        Kind::named(name).map(|kind| kind.raise(name, args).traceback_line())
    }

    #[test]
    fn exceptions_print_as_pythons() {
        assert_eq!(raised("ValueError", &["x".into()]).as_deref(), Some("ValueError: x"));
        assert_eq!(raised("KeyError", &["x".into()]).as_deref(), Some("KeyError: 'x'"));
        assert_eq!(
            raised("RuntimeError", &["x".into(), 1.into()]).as_deref(),
            Some("RuntimeError: ('x', 1)")
        );
        let args = [2.into(), "No such file or directory".into(), "/tmp/x".into()];
        assert_eq!(
            raised("OSError", &args).as_deref(),
            Some("FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x'")
        );
        assert_eq!(
            Kind::named("salt.exceptions.CommandExecutionError").map(|k| k.raise("", &["no".into()])),
            Some(Error::Execution("no".into()))
        );
        assert_eq!(raised("CommandExecutionError", &[]), None);
        assert_eq!(raised("int", &[]), None);
    }
}
