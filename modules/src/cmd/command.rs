//! A command as it was asked for, and what came of it.

use std::time::Duration;

use salt::{Context, Error, Map, Result, Value, map};

use super::process::{self, Outcome, Process, Words};
use super::{environment, log, split, user};
use salt::target::fnmatch;

/// What a caller says of a command. The fields are the parameters of the functions.
#[derive(Default)]
pub struct Command {
    pub cmd: Value,
    pub cwd: Option<String>,
    pub stdin: Option<String>,
    pub runas: Option<String>,
    pub group: Option<String>,
    pub shell: Option<String>,
    pub python_shell: Option<bool>,
    pub env: Option<Value>,
    pub clean_env: bool,
    pub template: Option<String>,
    pub rstrip: bool,
    pub umask: Option<Value>,
    pub output_encoding: Option<String>,
    pub output_loglevel: Option<String>,
    pub hide_output: bool,
    pub timeout: Option<Value>,
    pub reset_system_locale: bool,
    pub ignore_retcode: bool,
    pub saltenv: Option<String>,
    pub redirect_stderr: bool,
    pub bg: bool,
    pub raise_err: bool,
    pub prepend_path: Option<String>,
    pub success_retcodes: Option<Value>,
    pub success_stdout: Option<Value>,
    pub success_stderr: Option<Value>,
    /// The script of `cmd.script` and its arguments.
    pub source: String,
    pub args: Option<Value>,
    pub kwargs: Map,
}

/// Where error output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// To where the output goes.
    WithOutput,
    /// To a place of its own.
    Own,
}

/// A command that has run, or has been started.
#[derive(Debug, Default)]
pub struct Ran {
    pub pid: Option<u32>,
    pub retcode: Value,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// As `cmd.run_all` gives it.
    pub fn into_map(self) -> Map {
        map! { "pid" => self.pid, "retcode" => self.retcode, "stdout" => self.stdout, "stderr" => self.stderr }
    }
}

/// The shells where a caller names none: the second where there is no first.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];

impl Command {
    /// Runs the command and gives what it prints.
    pub async fn printed(&self, cx: &Context) -> Result<Value> {
        let stderr = if self.redirect_stderr { Stderr::WithOutput } else { Stderr::Own };
        let ran = self.ran(cx, stderr).await?;
        let shown = if self.hide_output { String::new() } else { ran.stdout };
        if self.raise_err && !self.ignore_retcode && ran.retcode != Value::Int(0) && log::wanted(self) {
            return Err(Error::Execution(shown));
        }
        Ok(shown.into())
    }

    /// Runs the command. Its return code becomes the job's.
    pub async fn ran(&self, cx: &Context, stderr: Stderr) -> Result<Ran> {
        if let Some(engine) = self.template.as_deref().filter(|engine| !engine.is_empty()) {
            let message = format!("Attempted to render file paths with unavailable engine {engine}");
            return Err(Error::Execution(message));
        }
        let shell = self.shell()?;
        // A publication is from a user, a call from within from a file that somebody thought about.
        let published = self.kwargs.contains_key("__pub_jid");
        if published {
            self.permitted(cx)?;
        }
        let account = user::Account::wanted(self.runas.as_deref(), self.group.as_deref())?;
        let cwd = match self.cwd.as_deref().filter(|cwd| !cwd.is_empty()) {
            Some(cwd) => cwd.to_string(),
            None => user::home(cx, account.as_ref()),
        };
        log::begin(self, &cwd);
        let env = environment::of(cx, self, account.as_ref(), shell).await?;
        if !std::path::Path::new(&cwd).is_absolute() || !std::path::Path::new(&cwd).is_dir() {
            let message = format!("Specified cwd '{cwd}' either not absolute or does not exist");
            return Err(Error::Execution(message));
        }
        let by_default = published || cx.opts().get("cmd_safe").is_some_and(|safe| safe == &false.into());
        let by_shell = self.python_shell.unwrap_or(by_default);
        let process = Process {
            words: self.words(by_shell, shell)?,
            cwd,
            env,
            stdin: self.stdin.as_ref().map(|text| text.replace("\\n", "\n").into_bytes()),
            account,
            umask: self.umask()?,
            stderr,
        };
        let success = Success::of(self)?;
        if self.bg {
            let pid = process::start(&process).map_err(|e| self.not_started(&process, e))?;
            return Ok(Ran { pid, ..Ran::default() });
        }
        let timeout = self.timeout()?;
        let limit = timeout.as_ref().map(|(limit, _)| *limit);
        let ended = match process::run(&process, limit).await.map_err(|e| self.not_started(&process, e))? {
            Outcome::Ended(ended) => ended,
            // The original leaves the job's own return code alone here.
            Outcome::TimedOut(pid) => {
                let limit = timeout.map(|(_, text)| text).unwrap_or_default();
                let stdout = format!("{} : Timed out after {limit} seconds", process.words);
                return Ok(Ran { pid, retcode: 1.into(), stdout, stderr: String::new() });
            }
        };
        let mut ran = Ran {
            pid: ended.pid,
            retcode: ended.retcode.into(),
            stdout: self.text(ended.stdout)?,
            stderr: self.text(ended.stderr)?,
        };
        if success.is(&ran) {
            ran.retcode = 0.into();
        }
        cx.set_retcode(if self.ignore_retcode { 0 } else { ran.retcode.as_i64().unwrap_or(1) });
        log::end(self, &ran);
        Ok(ran)
    }

    fn shell(&self) -> Result<Option<&str>> {
        let Some(shell) = self.shell.as_deref().filter(|shell| !shell.is_empty()) else { return Ok(None) };
        let there = |shell: &&str| super::which::is_executable(std::path::Path::new(shell));
        match SHELLS.contains(&shell) {
            true => SHELLS.into_iter().skip_while(|known| *known != shell).find(there),
            false => Some(shell).filter(there),
        }
        .map(Some)
        .ok_or_else(|| Error::Execution(format!("The shell {shell} is not available")))
    }

    /// `cmd_blacklist_glob` and `cmd_whitelist_glob`.
    fn permitted(&self, cx: &Context) -> Result<()> {
        let line = match &self.cmd {
            Value::List(words) => words.iter().map(Value::to_string).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        let globs = |option: &str| -> Result<Vec<String>> {
            let found = crate::config::lookup(cx, option, Value::None)?;
            Ok(found.as_list().unwrap_or_default().iter().map(Value::to_string).collect())
        };
        let fits = |globs: &[String]| globs.iter().any(|glob| fnmatch(&line, glob));
        let allowed = globs("cmd_whitelist_glob")?;
        if fits(&globs("cmd_blacklist_glob")?) || !(allowed.is_empty() || fits(&allowed)) {
            return Err(Error::Execution(format!("The shell command \"{line}\" is not permitted")));
        }
        Ok(())
    }

    fn words(&self, by_shell: bool, shell: Option<&str>) -> Result<Words> {
        let texts = |words: &[Value]| words.iter().map(Value::to_string).collect::<Vec<String>>();
        let words = match (&self.cmd, by_shell) {
            (Value::List(words), true) => Words::Shell(shell.unwrap_or("/bin/sh").into(), texts(words)),
            (line, true) => Words::Shell(shell.unwrap_or("/bin/sh").into(), vec![line.to_string()]),
            (Value::List(words), false) => Words::Plain(texts(words)),
            (line, false) if shell.is_some() => Words::Plain(split::shlex(&line.to_string())?),
            // Without a shell to be spoken of, a line is the name of a program.
            (line, false) => Words::Plain(vec![line.to_string()]),
        };
        match words.is_empty() {
            true => Err(Error::exception("IndexError", "list index out of range")),
            false => Ok(words),
        }
    }

    fn umask(&self) -> Result<Option<u32>> {
        let Some(umask) = self.umask.as_ref().filter(|umask| !umask.is_none()) else { return Ok(None) };
        let text = umask.to_string();
        let digits = text.trim_start_matches('0');
        if digits.is_empty() {
            return Err(Error::execution("Zero umask is not allowed."));
        }
        match u32::from_str_radix(digits, 8) {
            Ok(umask) if umask <= 0o777 => Ok(Some(umask)),
            _ => Err(Error::Execution(format!("Invalid umask: '{text}'"))),
        }
    }

    /// The time that the command has, and its text.
    fn timeout(&self) -> Result<Option<(Duration, String)>> {
        let Some(timeout) = self.timeout.as_ref().filter(|timeout| timeout.truthy()) else { return Ok(None) };
        let number = timeout.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let number =
            number.ok_or_else(|| Error::Execution(format!("Error: timeout {timeout} must be a number")))?;
        Ok(Some((number, timeout.to_string())))
    }

    /// What the command printed, as text.
    fn text(&self, bytes: Vec<u8>) -> Result<String> {
        let text = match self.output_encoding.as_deref().unwrap_or("utf-8").to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
            },
            "latin-1" | "latin1" | "iso-8859-1" => bytes.into_iter().map(char::from).collect(),
            other => return Err(Error::exception("LookupError", format!("unknown encoding: {other}"))),
        };
        Ok(if self.rstrip { text.trim_end().to_string() } else { text })
    }

    /// The sentence about a program that could not be started. Secrets may stand in the command.
    fn not_started(&self, process: &Process, error: std::io::Error) -> Error {
        let shown = if log::wanted(self) { process.words.to_string() } else { "REDACTED".into() };
        let program = process.words.program();
        let reason = match (error.raw_os_error(), error.kind()) {
            (Some(2), _) => format!("[Errno 2] No such file or directory: '{program}'"),
            (Some(13), _) => format!("[Errno 13] Permission denied: '{program}'"),
            _ => error.to_string(),
        };
        let timeout = self.timeout.clone().unwrap_or_default().repr();
        let python = |yes: bool| if yes { "True" } else { "False" };
        let executable = match &process.words {
            Words::Shell(shell, _) => format!("'executable': '{shell}', "),
            Words::Plain(_) => String::new(),
        };
        let (stdout, stderr) = match (self.bg, process.stderr) {
            (true, _) => ("None", "None"),
            (false, Stderr::Own) => ("-1", "-1"),
            (false, Stderr::WithOutput) => ("-1", "-2"),
        };
        Error::Execution(format!(
            "Unable to run command '{shown}' with the context '{{'cwd': '{}', 'shell': {}, 'stdout': {stdout}, \
             'stderr': {stderr}, 'with_communicate': {}, 'timeout': {timeout}, 'bg': {}, {executable}\
             'close_fds': True}}', reason: {reason}",
            process.cwd,
            python(matches!(process.words, Words::Shell(..))),
            python(!self.bg),
            python(self.bg),
        ))
    }
}

/// What counts as success besides the return code 0.
struct Success {
    retcodes: Vec<i64>,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

impl Success {
    fn of(command: &Command) -> Result<Success> {
        let items = |value: &Option<Value>| -> Vec<String> {
            match value {
                None | Some(Value::None) => vec![],
                Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
                Some(text) => text.to_string().split(',').map(|item| item.trim().to_string()).collect(),
            }
        };
        let retcodes =
            items(&command.success_retcodes).iter().map(|code| code.parse()).collect::<Result<_, _>>();
        let retcodes =
            retcodes.map_err(|_| Error::invocation("success_retcodes must be a list of integers"))?;
        let (stdout, stderr) = (items(&command.success_stdout), items(&command.success_stderr));
        Ok(Success { retcodes, stdout, stderr })
    }

    fn is(&self, ran: &Ran) -> bool {
        ran.retcode.as_i64().is_some_and(|code| self.retcodes.contains(&code))
            || self.stdout.iter().any(|text| ran.stdout.contains(text))
            || self.stderr.iter().any(|text| ran.stderr.contains(text))
    }
}
