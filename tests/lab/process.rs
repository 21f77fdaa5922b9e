//! Processes that never outlive the program that started them.

use std::fs::{self, File};
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::Doing;
use crate::{Error, Result};

/// Runs a command in a process group of its own and notes its pid and exit code in files. The shell holds our end of
/// a pipe as standard input: when that closes, by intent or because we died, it ends the command, and with it the group.
const GUARD: &str = r#"
note=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "$child" >"$note.pid"
( trap - TERM; while read -r _; do :; done <&3; kill -s TERM "$child" 2>/dev/null; sleep 12; kill -s KILL -- "-$$" ) &
exec 3<&-
wait "$child"
echo "$?" >"$note.part" && mv "$note.part" "$note.exit"
kill -s KILL -- "-$$"
"#;

/// The same for a command that is waited for: its output goes where ours does, its exit code is the shell's.
const LEASH: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
( trap - TERM; while read -r _; do :; done <&3; kill -s KILL -- "-$$" ) >/dev/null 2>&1 &
guard=$!
exec 3<&-
wait "$child"
code=$?
kill "$guard"
exit "$code"
"#;

/// Removes a directory when the program that made it is gone, however it went.
const JANITOR: &str = r#"
while read -r _; do :; done
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    rm -rf -- "$1" 2>/dev/null
    [ -e "$1" ] || exit 0
    sleep 1
done
"#;

/// A command that runs, its output in a file.
pub struct Process {
    name: String,
    guard: Child,
    note: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `log`; `name` is for messages.
    ///
    /// The command's program, arguments, directory and environment are taken over.
    pub fn start(name: &str, command: &Command, log: &Path) -> Result<Process> {
        let note = log.with_extension("run");
        for end in ["pid", "exit"] {
            let _ = fs::remove_file(ending(&note, end));
        }
        let out = File::options().create(true).append(true).open(log).doing(log.display())?;
        let mut guard = Command::new("/bin/sh");
        guard
            .arg("-c")
            .arg(GUARD)
            .arg("guard")
            .arg(&note)
            .arg(command.get_program())
            .args(command.get_args());
        if let Some(dir) = command.get_current_dir() {
            guard.current_dir(dir);
        }
        inherit(&mut guard, command);
        guard.stdin(Stdio::piped()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let guard = guard.spawn().doing(format_args!("starting {name}"))?;
        let process = Process { name: name.to_owned(), guard, note, log: log.to_owned() };
        eventually(Duration::from_secs(10), || process.pid())
            .ok_or_else(|| Error::new(format!("{name} did not start")))?;
        Ok(process)
    }

    /// The pid of the command itself.
    pub fn pid(&self) -> Option<u32> {
        fs::read_to_string(ending(&self.note, "pid")).ok()?.trim().parse().ok()
    }

    /// The exit code once the command has ended: 128 + n when signal n ended it.
    pub fn exited(&mut self) -> Option<i32> {
        let status = self.guard.try_wait().ok()??;
        let code = fs::read_to_string(ending(&self.note, "exit")).ok().and_then(|t| t.trim().parse().ok());
        code.or(status.code()).or(status.signal().map(|n| 128 + n))
    }

    /// Waits for the command to end by itself.
    pub fn wait(&mut self, at_most: Duration) -> Result<i32> {
        eventually(at_most, || self.exited())
            .ok_or_else(|| Error::new(format!("{} still runs after {at_most:?}\n{}", self.name, self.tail())))
    }

    /// Asks the command to end (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> Result<i32> {
        if let Some(code) = self.exited() {
            return Ok(code);
        }
        drop(self.guard.stdin.take());
        self.wait(Duration::from_secs(20))
    }

    /// Ends the command and all its children at once (SIGKILL), as a crash of the machine would.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            signal("KILL", &format!("-{}", self.guard.id()));
            let _ = self.guard.wait();
        }
    }

    /// Sends a signal, by name, to the command itself.
    pub fn signal(&self, name: &str) {
        if let Some(pid) = self.pid() {
            signal(name, &pid.to_string());
        }
    }

    /// All output so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// The last lines of the output, for a message.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("--- {} ---\n{}", self.log.display(), lines[lines.len().saturating_sub(40)..].join("\n"))
    }

    /// Memory of the command alone, in kB: `VmRSS` and, where the kernel tells it, `Pss`.
    pub fn memory(&self) -> Option<(u64, Option<u64>)> {
        let pid = self.pid()?;
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            text.lines().find_map(|l| l.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok())
        };
        Some((field("status", "VmRSS:")?, field("smaps_rollup", "Pss:")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A temporary directory, short enough for sockets, that goes when this value or this program goes.
pub struct Root {
    dir: tempfile::TempDir,
    janitor: Child,
}

impl Root {
    /// Makes one.
    pub fn new() -> Result<Root> {
        let dir = tempfile::Builder::new().prefix("vsalt-lab-").tempdir().doing("a temporary directory")?;
        let mut janitor = Command::new("/bin/sh");
        janitor.arg("-c").arg(JANITOR).arg("janitor").arg(dir.path());
        janitor.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Ok(Root { dir, janitor: janitor.spawn()? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.dir.path());
        drop(self.janitor.stdin.take());
        let _ = self.janitor.wait();
    }
}

/// A loopback port that nobody listens on now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Asks again and again until there is an answer or the time is over.
pub fn eventually<T>(at_most: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + at_most;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command to its end, at most so long, and gives exit code, output and errors.
pub fn run(command: &Command, at_most: Duration) -> Result<(i32, String, String)> {
    let mut guarded = Command::new("/bin/sh");
    guarded.arg("-c").arg(LEASH).arg("leash").arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        guarded.current_dir(dir);
    }
    inherit(&mut guarded, command);
    guarded.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = guarded.spawn()?;
    let (out, errors) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = eventually(at_most, || child.try_wait().ok().flatten());
    if status.is_none() {
        signal("KILL", &format!("-{}", child.id()));
        child.wait()?;
    }
    let text =
        |from: JoinHandle<Vec<u8>>| String::from_utf8_lossy(&from.join().unwrap_or_default()).into_owned();
    match status {
        Some(status) => Ok((status.code().unwrap_or(-1), text(out), text(errors))),
        None => {
            Err(Error::new(format!("{command:?} still ran after {at_most:?}\n{}{}", text(out), text(errors))))
        }
    }
}

fn reader(from: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.map(|mut from| from.read_to_end(&mut bytes));
        bytes
    })
}

/// Takes over a command's environment, and leaves out of ours what would bend a child: proxies, and Python's switches.
pub(crate) fn inherit(to: &mut Command, from: &Command) {
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "VIRTUAL_ENV",
    ] {
        to.env_remove(name);
    }
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

fn signal(name: &str, to: &str) {
    let _ = Command::new("/bin/sh")
        .arg("-c")
        .arg(r#"kill -s "$0" -- "$1" 2>/dev/null"#)
        .arg(name)
        .arg(to)
        .status();
}

fn ending(note: &Path, end: &str) -> PathBuf {
    note.with_extension(format!("run.{end}"))
}
