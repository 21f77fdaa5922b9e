//! A process: started in a group of its own, so that what it started ends with it.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use salt::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use super::command::Stderr;
use super::user::Account;
use super::which::which;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// A program and its arguments.
    Plain(Vec<String>),
    /// A shell, and the line that it reads, with arguments for it behind.
    Shell(String, Vec<String>),
}

impl Words {
    /// There is nothing to run.
    pub fn is_empty(&self) -> bool {
        let (Words::Plain(words) | Words::Shell(_, words)) = self;
        words.is_empty()
    }

    /// The program.
    pub fn program(&self) -> &str {
        match self {
            Words::Plain(words) => words.first().map_or("", String::as_str),
            Words::Shell(shell, _) => shell,
        }
    }

    fn argv(&self) -> Vec<String> {
        match self {
            Words::Plain(words) => words.clone(),
            Words::Shell(shell, words) => [shell.clone(), "-c".into()].iter().chain(words).cloned().collect(),
        }
    }
}

/// As Python prints it: a list, or the one line.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Words::Shell(_, words) if words.len() == 1 => f.write_str(&words[0]),
            Words::Plain(words) | Words::Shell(_, words) => f.write_str(&Value::from(words.clone()).repr()),
        }
    }
}

/// A process that is to run.
#[derive(Debug)]
pub struct Process {
    pub words: Words,
    pub cwd: String,
    pub env: Vec<(String, String)>,
    pub stdin: Option<Vec<u8>>,
    pub account: Option<Account>,
    pub umask: Option<u32>,
    pub stderr: Stderr,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub pid: Option<u32>,
    /// Below zero: the signal that ended it.
    pub retcode: i64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Process {
    /// The words with what changes umask, user and groups in front.
    fn argv(&self) -> Vec<String> {
        let mut argv = self.words.argv();
        let front =
            |front: &[&str], argv: Vec<String>| front.iter().map(ToString::to_string).chain(argv).collect();
        if let Some(umask) = self.umask {
            argv = front(&["/bin/sh", "-c", &format!("umask {umask:04o} && exec \"$@\""), "sh"], argv);
        }
        match &self.account {
            Some(account) if self.needs_setpriv(account) => {
                let (uid, gid) = (format!("--reuid={}", account.uid), format!("--regid={}", account.gid));
                front(&["setpriv", &uid, &gid, "--init-groups", "--"], argv)
            }
            _ => argv,
        }
    }

    /// Another user has groups of its own, which only a program of the host can set.
    fn needs_setpriv(&self, account: &Account) -> bool {
        let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        (account.uid, account.gid) != own && which("setpriv").is_some()
    }

    fn command(&self) -> io::Result<Command> {
        if let Words::Plain(words) = &self.words
            && let Some(program) = words.first()
            && self.found(program).is_none()
        {
            return Err(io::Error::from_raw_os_error(2));
        }
        let argv = self.argv();
        let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::from_raw_os_error(2))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.cwd).env_clear().process_group(0);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(account) = &self.account {
            let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            if (account.uid, account.gid) != own && !self.needs_setpriv(account) {
                command.uid(account.uid).gid(account.gid);
            }
        }
        Ok(command)
    }

    /// The program, looked for in the directories of the command's own `PATH`.
    fn found(&self, program: &str) -> Option<std::path::PathBuf> {
        let path = self.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_str());
        let here = std::path::Path::new(&self.cwd).join(program);
        if program.contains('/') {
            return here.exists().then_some(here);
        }
        let path = path.unwrap_or("/bin:/usr/bin");
        path.split(':').map(|dir| std::path::Path::new(dir).join(program)).find(|place| place.is_file())
    }
}

/// Starts a process that nobody waits for.
///
/// # Errors
/// It can't be started.
pub fn start(process: &Process) -> io::Result<Option<u32>> {
    let mut command = process.command()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // The runtime takes what is left of it away when it has ended.
    Ok(command.spawn()?.id())
}

/// What became of a process.
#[derive(Debug)]
pub enum Outcome {
    /// It has ended.
    Ended(Ended),
    /// The time was over, and it was killed. With its id.
    TimedOut(Option<u32>),
}

/// Runs a process to its end.
///
/// # Errors
/// It can't be started, or its pipes can't be read.
pub async fn run(process: &Process, limit: Option<Duration>) -> io::Result<Outcome> {
    let mut command = process.command()?;
    command.stdin(if process.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let (mut out, writer) = pipe_of()?;
    let mut err = None;
    match process.stderr {
        Stderr::WithOutput => {
            command.stderr(writer.try_clone()?);
        }
        Stderr::Own => {
            let (reader, writer) = pipe_of()?;
            command.stderr(writer);
            err = Some(reader);
        }
    }
    command.stdout(writer);
    let child = command.spawn()?;
    // The command holds the other ends of the pipes: they never end while it is there.
    drop(command);
    let mut group = Group { pid: child.id(), child };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let work = async {
        let mut stdin = group.child.stdin.take();
        let feed = async {
            if let (Some(mut pipe), Some(text)) = (stdin.take(), process.stdin.as_ref()) {
                // A command need not read what it is given.
                let _ = pipe.write_all(text).await;
            }
            io::Result::Ok(())
        };
        let errors = async {
            match err.as_mut() {
                Some(err) => err.read_to_end(&mut stderr).await.map(drop),
                None => Ok(()),
            }
        };
        let outputs = async { out.read_to_end(&mut stdout).await.map(drop) };
        tokio::try_join!(feed, outputs, errors)?;
        group.child.wait().await
    };
    let status = match limit {
        None => work.await?,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(status) => status?,
            Err(_) => return Ok(Outcome::TimedOut(group.pid)),
        },
    };
    let pid = group.pid.take();
    let retcode = status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(1);
    Ok(Outcome::Ended(Ended { pid, retcode: retcode.into(), stdout, stderr }))
}

fn pipe_of() -> io::Result<(pipe::Receiver, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, writer))
}

/// A running process and all that it started. Killed when this is dropped before its end: at the end of its time, or when
/// the job is killed.
struct Group {
    pid: Option<u32>,
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may just have ended by itself.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
