//! The master's event bus, and jobs published on it without a `salt` command for each.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Doing;
use crate::{Error, Result, Tools, process, provision};

/// An event as it came over the bus.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its tag.
    pub tag: String,
    /// Its data; bytes are `{"__bytes__": hex}`, a map with other keys than text `{"__map__": [[key, value], ...]}`.
    pub data: Value,
    /// When we read it.
    pub at: Instant,
}

/// A tap on the bus and a client that publishes, each a Python process that lives as long as this.
pub struct Bus {
    tap: Child,
    publisher: Mutex<(Child, BufReader<ChildStdout>)>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    events: Mutex<(Vec<Event>, bool)>,
    more: Condvar,
}

/// A tap that waits for its master to come up.
pub struct Tap(Child, BufReader<ChildStdout>);

impl Tap {
    /// Begins to wait for the bus of the master with this configuration file.
    pub fn on(tools: &Tools, config: &Path, home: &Path) -> Result<Tap> {
        client(tools, "tap", config, home).map(|(child, out)| Tap(child, out))
    }
}

impl Bus {
    /// Taps the bus of the master with this configuration file, which is up.
    pub fn open(tap: Tap, tools: &Tools, config: &Path, home: &Path) -> Result<Bus> {
        let Tap(tap, mut out) = tap;
        let (publisher, mut answers) = client(tools, "publish", config, home)?;
        read(&mut out).doing("tapping the master's bus")?;
        read(&mut answers).doing("a client of the master")?;
        let heard = Arc::new(Heard::default());
        let into = Arc::clone(&heard);
        std::thread::spawn(move || {
            while let Ok(mut event) = read(&mut out) {
                let tag = event["tag"].as_str().unwrap_or_default().to_owned();
                into.hear(|all| all.0.push(Event { tag, data: event["data"].take(), at: Instant::now() }));
            }
            into.hear(|all| all.1 = true);
        });
        Ok(Bus { tap, publisher: Mutex::new((publisher, answers)), heard })
    }

    /// How many events there are so far: a place to look from.
    pub fn mark(&self) -> usize {
        self.heard.lock().0.len()
    }

    /// All events since a mark.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        let all = self.heard.lock();
        all.0[mark.min(all.0.len())..].to_vec()
    }

    /// The first event since a mark that is the wanted one.
    pub fn wait(&self, mark: usize, at_most: Duration, wanted: impl Fn(&Event) -> bool) -> Result<Event> {
        let end = Instant::now() + at_most;
        let mut next = mark;
        let mut all = self.heard.lock();
        loop {
            while next < all.0.len() {
                if wanted(&all.0[next]) {
                    return Ok(all.0[next].clone());
                }
                next += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || all.1 {
                let tags: Vec<&str> = all.0[mark.min(next)..].iter().map(|e| e.tag.as_str()).collect();
                return Err(Error::new(format!("no such event in {at_most:?}; there were {tags:?}")));
            }
            all = self.heard.more.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first event with this tag.
    pub fn tagged(&self, mark: usize, at_most: Duration, tag: &str) -> Result<Event> {
        self.wait(mark, at_most, |e| e.tag == tag).doing(tag)
    }

    /// Publishes a job: `{"tgt", "fun", "arg", "kwarg", "tgt_type", "ret", "jid", "timeout"}`, as `LocalClient.run_job` takes it.
    pub fn publish(&self, job: &Value) -> Result<Job<'_>> {
        let mark = self.mark();
        let mut held = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, answers) = &mut *held;
        let stdin = client.stdin.as_mut().ok_or_else(|| Error::new("no pipe"))?;
        writeln!(stdin, "{job}")?;
        let answer = read(answers)?;
        match answer["jid"].as_str() {
            Some(jid) => Ok(Job { bus: self, jid: jid.to_owned(), mark, minions: answer["minions"].clone() }),
            None if answer == json!({}) => {
                Ok(Job { bus: self, jid: String::new(), mark, minions: json!([]) })
            }
            None => Err(Error::new(format!("publishing {job}: {answer}"))),
        }
    }

    /// Publishes a function for one minion and waits for its return.
    pub fn call(&self, id: &str, fun: &str, arg: Value, kwarg: Value) -> Result<Return> {
        self.publish(&json!({"tgt": id, "fun": fun, "arg": arg, "kwarg": kwarg}))?
            .wait(id, Duration::from_secs(60))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let mut held = self.publisher.lock().unwrap_or_else(PoisonError::into_inner);
        for child in [&mut self.tap, &mut held.0] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A job that was published.
pub struct Job<'a> {
    bus: &'a Bus,
    /// Its id. Empty: the master knows no minion that could match, and published nothing.
    pub jid: String,
    /// The bus as it was before the job.
    pub mark: usize,
    /// The minions the master expects an answer of.
    pub minions: Value,
}

impl Job<'_> {
    /// Waits for the return of one minion.
    pub fn wait(&self, id: &str, at_most: Duration) -> Result<Return> {
        let tag = format!("salt/job/{}/ret/{id}", self.jid);
        self.bus.tagged(self.mark, at_most, &tag).map(|e| Return { at: e.at, load: e.data })
    }
}

/// A minion's return, as the master put it on its bus.
#[derive(Clone, Debug)]
pub struct Return {
    /// All of it.
    pub load: Value,
    /// When it came.
    pub at: Instant,
}

impl Return {
    /// What the function returned.
    pub fn value(&self) -> &Value {
        &self.load["return"]
    }

    /// What it returned, as text; not text: its JSON.
    pub fn text(&self) -> String {
        self.value().as_str().map_or_else(|| self.value().to_string(), str::to_owned)
    }

    /// The exit code.
    pub fn retcode(&self) -> i64 {
        self.load["retcode"].as_i64().unwrap_or(i64::MIN)
    }

    /// Whether the minion calls it a success.
    pub fn success(&self) -> bool {
        self.load["success"] == json!(true)
    }
}

impl Heard {
    fn lock(&self) -> std::sync::MutexGuard<'_, (Vec<Event>, bool)> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, what: impl FnOnce(&mut (Vec<Event>, bool))) {
        what(&mut self.lock());
        self.more.notify_all();
    }
}

/// A mode of `client.py`; its standard input stays in the child, for it ends when that closes.
fn client(tools: &Tools, mode: &str, config: &Path, home: &Path) -> Result<(Child, BufReader<ChildStdout>)> {
    let script = provision::workspace().join("tests/lab/python/client.py");
    let errors = std::fs::File::create(home.join(format!("{mode}.log")))?;
    let mut command = Command::new(tools.bin.join("python3"));
    process::inherit(&mut command, &Command::new("true"));
    command.arg(script).arg(mode).arg(config).env("HOME", home);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).process_group(0).spawn()?;
    let out = child.stdout.take().ok_or_else(|| Error::new("no pipe"))?;
    Ok((child, BufReader::new(out)))
}

fn read(from: &mut BufReader<ChildStdout>) -> Result<Value> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Err(Error::new("the client ended; its log is beside the master's")),
        _ => Ok(serde_json::from_str(&line)?),
    }
}
