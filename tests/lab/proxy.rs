//! Our binary as a daemon: its configuration folder, its log, its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::Doing;
use crate::{Error, Master, Process, Result, Root, Vcsim, eventually, process, provision, vcsim};

/// The path of `vsalt` for tests: its debug build.
pub fn vsalt() -> Result<PathBuf> {
    static BUILT: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| build(false).map_err(|e| e.to_string())).clone().map_err(Error::new)
}

/// Builds `vsalt` with cargo, for release or for tests, and gives its path. `VSALT_BIN` names one that is built already.
pub fn build(release: bool) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("VSALT_BIN") {
        return Ok(PathBuf::from(path));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "-q",
        "-p",
        "minion",
        "--bin",
        "vsalt",
        "--message-format=json-render-diagnostics",
    ]);
    command.current_dir(provision::workspace());
    if release {
        command.arg("--release");
    }
    let output = command.stderr(std::process::Stdio::inherit()).output().doing("cargo build")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
    let built = messages.filter_map(|m| m["executable"].as_str().map(PathBuf::from)).next_back();
    built.filter(|_| output.status.success()).ok_or_else(|| Error::new("vsalt does not build"))
}

/// What a proxy minion is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The minion id.
    pub id: String,
    /// Options over the lab's own.
    pub options: Value,
    /// The level of the log.
    pub level: String,
    /// More of its environment.
    pub env: Vec<(String, String)>,
}

impl Settings {
    /// A minion of this id.
    pub fn new(id: &str) -> Settings {
        Settings { id: id.to_owned(), options: json!({}), level: "debug".to_owned(), env: Vec::new() }
    }

    /// Sets options.
    pub fn with(mut self, options: Value) -> Settings {
        if let (Value::Object(mine), Value::Object(more)) = (&mut self.options, options) {
            mine.extend(more);
        }
        self
    }
}

/// A proxy minion.
pub struct Proxy {
    process: Process,
    settings: Settings,
    root: Root,
    program: PathBuf,
}

impl Proxy {
    /// Starts `vsalt proxy` for a master.
    pub fn start(master: &Master, settings: Settings) -> Result<Proxy> {
        Proxy::start_with(&vsalt()?, &["proxy"], master, settings)
    }

    /// Starts another program that takes the flags of `salt-proxy`, for example that.
    pub fn start_with(program: &Path, first: &[&str], master: &Master, settings: Settings) -> Result<Proxy> {
        let root = Root::new()?;
        configure(root.path(), master, &settings)?;
        Proxy::start_in(program, first, root, settings)
    }

    fn start_in(program: &Path, first: &[&str], root: Root, settings: Settings) -> Result<Proxy> {
        let mut command = Command::new(program);
        command.args(first).arg("-c").arg(root.path().join("etc")).arg("--proxyid").arg(&settings.id);
        command.arg("-l").arg(&settings.level).env("HOME", root.path()).current_dir(root.path());
        command.envs(settings.env.iter().map(|(name, value)| (name, value)));
        let process = Process::start("proxy minion", &command, &root.path().join("proxy.out"))?;
        Ok(Proxy { process, settings, root, program: program.to_owned() })
    }

    /// Waits for the start event of this proxy.
    pub fn wait_ready(&mut self, master: &Master, mark: usize) -> Result<()> {
        let tag = format!("salt/minion/{}/start", self.settings.id);
        let bus = master.bus()?;
        let started = || bus.since(mark).iter().any(|e| e.tag == tag);
        let outcome = eventually(Duration::from_secs(90), || {
            if started() { Some(Ok(())) } else { self.process.exited().map(Err) }
        });
        let why = match outcome {
            Some(Ok(())) => return Ok(()),
            Some(Err(code)) => format!("it ended with {code}"),
            None => "no start event".to_owned(),
        };
        Err(Error::new(format!("{}: {why}\n{}\n{}", self.settings.id, self.process.tail(), master.tail())))
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for a line of the log that has all these words.
    pub fn wait_log(&self, at_most: Duration, words: &[&str]) -> Result<String> {
        let found = || self.log().lines().find(|l| words.iter().all(|w| l.contains(w))).map(str::to_owned);
        eventually(at_most, found)
            .ok_or_else(|| Error::new(format!("no log line with {words:?}\n{}", self.process.tail())))
    }

    /// Waits for a warning or worse that has all these words.
    pub fn wait_complaint(&self, at_most: Duration, words: &[&str]) -> Result<String> {
        let bad = |l: &&str| ["[WARNING", "[ERROR", "[CRITICAL"].iter().any(|b| l.contains(b));
        let found = || {
            self.log().lines().filter(bad).find(|l| words.iter().all(|w| l.contains(w))).map(str::to_owned)
        };
        eventually(at_most, found)
            .ok_or_else(|| Error::new(format!("no warning with {words:?}\n{}", self.process.tail())))
    }

    /// Ends it as systemd would; gives the exit code.
    pub fn stop(&mut self) -> Result<i32> {
        self.process.stop()
    }

    /// Resident memory, in kB.
    pub fn rss(&self) -> Option<u64> {
        self.process.memory().map(|(rss, _)| rss)
    }

    /// Its configuration folder.
    pub fn config_dir(&self) -> PathBuf {
        self.root.path().join("etc")
    }

    /// Its keys.
    pub fn pki_dir(&self) -> PathBuf {
        self.root.path().join("pki")
    }

    /// Ends it at once (SIGKILL) and starts it again in the same folders, with the same keys.
    pub fn crash(mut self, first: &[&str]) -> Result<Proxy> {
        self.process.kill();
        self.restart(first)
    }

    /// The jobs in its journal.
    pub fn journal(&self) -> Result<usize> {
        let place = self.root.path().join("cache").join(&self.settings.id).join("journal");
        Ok(fs::read_dir(&place).doing(place.display())?.flatten().count())
    }

    /// Starts it again in the same folders, with the same keys.
    pub fn restart(self, first: &[&str]) -> Result<Proxy> {
        let Proxy { mut process, settings, root, program } = self;
        process.stop()?;
        drop(process);
        Proxy::start_in(&program, first, root, settings)
    }
}

/// Writes a proxy's configuration below `root`.
pub fn configure(root: &Path, master: &Master, settings: &Settings) -> Result<()> {
    let path = |name: &str| json!(root.join(name));
    for dir in ["etc", "pki", "cache", "run", "ext"] {
        fs::create_dir_all(root.join(dir))?;
    }
    let mut all = json!({
        "user": "root",
        "master": "127.0.0.1",
        "master_port": master.ret_port(),
        // publish_port is left out: the master tells its own.
        "pki_dir": path("pki"),
        "cachedir": path("cache"),
        "sock_dir": path("run"),
        "extension_modules": path("ext"),
        "pidfile": path("run/proxy.pid"),
        "log_file": path("proxy.log"),
        "log_level_logfile": "quiet",
        "acceptance_wait_time": 1,
        "random_reauth_delay": 1,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, &settings.options) {
        let more: Map<String, Value> = more.clone();
        all.extend(more);
    }
    fs::write(root.join("etc/proxy"), format!("{all:#}\n")).doing("the proxy's configuration")
}

/// The pillar of a proxy for a simulator: its certificate is verified.
pub fn pillar(vcsim: &Vcsim) -> Value {
    json!({"proxy": {
        "proxytype": "vcenter",
        "vcenter": "127.0.0.1",
        "port": vcsim.port(),
        "mechanism": "userpass",
        "username": vcsim::USER,
        "passwords": [vcsim::PASSWORD],
        "verify_ssl": true,
        "ca_bundle": vcsim.ca_file(),
    }})
}

/// Runs `vsalt` with these arguments to its end: exit code, output, errors.
pub fn run(args: &[&str], at_most: Duration) -> Result<(i32, String, String)> {
    process::run(Command::new(vsalt()?).args(args), at_most)
}
