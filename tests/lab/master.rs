//! A real `salt-master` in a temporary root, and the real commands that go with it.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::bus::Tap;
use crate::error::Doing;
use crate::{Bus, Error, Process, Result, Root, Tools, eventually, free_port, process};

/// A master on loopback, with its own file and pillar roots.
pub struct Master {
    // The order matters: first the bus, then the master, then its files go.
    bus: Option<Bus>,
    process: Option<Process>,
    root: Root,
    tools: Tools,
    publish_port: u16,
    ret_port: u16,
    prelude: String,
}

impl Master {
    /// Starts a master with these options over the lab's own, and taps its bus.
    pub fn start(tools: &Tools, options: Value) -> Result<Master> {
        Master::start_after(tools, options, "")
    }

    /// Another master with the keys of this one, as masters that share minions have them.
    pub fn another(&self, options: Value) -> Result<Master> {
        let master = Master::new(&self.tools, "")?;
        for entry in fs::read_dir(self.path("pki"))?.flatten().filter(|e| !e.path().is_dir()) {
            fs::copy(entry.path(), master.path("pki").join(entry.file_name()))?;
        }
        master.begin(&options)
    }

    /// The same, its Python having run this source before: the installed Salt stays as it is. The source may note things in
    /// the file that `VSALT_RECORD` names: `record` in the master's root.
    pub fn start_after(tools: &Tools, options: Value, prelude: &str) -> Result<Master> {
        Master::new(tools, prelude)?.begin(&options)
    }

    fn new(tools: &Tools, prelude: &str) -> Result<Master> {
        let root = Root::new()?;
        let master = Master {
            bus: None,
            process: None,
            root,
            tools: tools.clone(),
            publish_port: free_port()?,
            ret_port: free_port()?,
            prelude: prelude.to_owned(),
        };
        for dir in ["etc", "pki", "prelude", "run", "cache", "files", "pillar"] {
            fs::create_dir(master.path(dir))?;
        }
        Ok(master)
    }

    fn begin(mut self, options: &Value) -> Result<Master> {
        self.configure(options)?;
        self.up()?;
        Ok(self)
    }

    /// Writes the configuration: the lab's own options and these; counts from the next start.
    pub fn configure(&self, options: &Value) -> Result<()> {
        let path = |name: &str| json!(self.path(name));
        let mut all = json!({
            "user": "root",
            "interface": "127.0.0.1",
            "publish_port": self.publish_port,
            "ret_port": self.ret_port,
            "root_dir": path(""),
            "conf_file": path("etc/master"),
            "pki_dir": path("pki"),
            "cachedir": path("cache"),
            "sock_dir": path("run"),
            "pidfile": path("run/master.pid"),
            "token_dir": path("cache/tokens"),
            "log_file": path("master.log"),
            "log_level": "info",
            "log_level_logfile": "quiet",
            "file_roots": {"base": [path("files")]},
            "pillar_roots": {"base": [path("pillar")]},
            // Three workers are enough here, and every one is a Python to start.
            "worker_threads": 3,
            "timeout": 30,
            "gather_job_timeout": 15,
            "fileserver_list_cache_time": 0,
            "file_recv": true,
        });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, options) {
            let more: Map<String, Value> = more.clone();
            all.extend(more);
        }
        // JSON is YAML.
        fs::write(self.path("etc/master"), format!("{all:#}\n")).doing("the master's configuration")
    }

    fn up(&mut self) -> Result<()> {
        let mut command = self.command("salt-master");
        command.args(["-l", "info"]);
        if !self.prelude.is_empty() {
            // Python looks for a module of this name before it looks at the program.
            write(&self.path("prelude/sitecustomize.py"), self.prelude.as_bytes())?;
            command.env("PYTHONPATH", self.path("prelude")).env("VSALT_RECORD", self.path("record"));
        }
        // What a master that was killed has left: nobody listens there.
        for entry in fs::read_dir(self.path("run"))?
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|e| e == "ipc"))
        {
            fs::remove_file(entry.path())?;
        }
        let tap = Tap::on(&self.tools, &self.path("etc/master"), self.root.path())?;
        self.process = Some(Process::start("salt-master", &command, &self.path("master.out"))?);
        let ready = eventually(Duration::from_secs(90), || {
            let open = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
            let up = open(self.ret_port) && open(self.publish_port);
            let buses = ["master_event_pub.ipc", "master_event_pull.ipc", "publish_pull.ipc"];
            let buses = buses.iter().all(|b| self.path("run").join(b).exists());
            let ended = self.process.as_mut().is_none_or(|p| p.exited().is_some());
            if ended { Some(false) } else { (up && buses).then_some(true) }
        });
        if ready != Some(true) {
            return Err(Error::new(format!("the master did not start\n{}", self.tail())));
        }
        self.bus = Some(Bus::open(tap, &self.tools, &self.path("etc/master"), self.root.path())?);
        Ok(())
    }

    /// The real command `name` with this master's configuration.
    pub fn command(&self, name: &str) -> Command {
        let mut command = self.tools.python(name);
        command.arg("-c").arg(self.path("etc")).env("HOME", self.root.path()).current_dir(self.root.path());
        command
    }

    /// The same, its configuration named by the environment, so that a person reads the command alone.
    pub fn command_by_environment(&self, name: &str) -> Command {
        let mut command = self.tools.python(name);
        command
            .env("SALT_CONFIG_DIR", self.path("etc"))
            .env("HOME", self.root.path())
            .current_dir(self.root.path());
        command
    }

    /// Runs `salt` with these arguments; its answer is JSON.
    pub fn salt(&self, args: &[&str]) -> Result<Output> {
        self.json("salt", &["--no-color"], args)
    }

    /// Runs `salt-run` with these arguments.
    pub fn salt_run(&self, args: &[&str]) -> Result<Output> {
        self.json("salt-run", &["--no-color"], args)
    }

    /// Runs `salt-key` with these arguments.
    pub fn salt_key(&self, args: &[&str]) -> Result<Output> {
        self.json("salt-key", &["--no-color"], args)
    }

    fn json(&self, name: &str, own: &[&str], args: &[&str]) -> Result<Output> {
        let mut command = self.command(name);
        command.arg("--out=json").args(own).args(args);
        let (status, stdout, stderr) = process::run(&command, Duration::from_secs(180))?;
        let value = serde_json::from_str(&stdout).ok();
        Ok(Output { status, stdout, stderr, value })
    }

    /// Waits until a minion has asked for acceptance, then accepts its key with `salt-key`.
    pub fn accept_key(&self, id: &str) -> Result<()> {
        eventually(Duration::from_secs(60), || {
            self.key_state(id).is_some_and(|s| s == "minions_pre").then_some(())
        })
        .ok_or_else(|| Error::new(format!("{id} did not ask for acceptance\n{}", self.tail())))?;
        let output = self.salt_key(&["-y", "-a", id])?;
        if self.key_state(id) == Some("minions") {
            Ok(())
        } else {
            Err(Error::new(format!("salt-key -a {id}: {output:?}")))
        }
    }

    /// The folder of the master that a minion's key lies in.
    pub fn key_state(&self, id: &str) -> Option<&'static str> {
        let all = ["minions", "minions_pre", "minions_rejected", "minions_denied"];
        all.into_iter().find(|state| self.path("pki").join(state).join(id).exists())
    }

    /// The bus.
    pub fn bus(&self) -> Result<&Bus> {
        self.bus.as_ref().ok_or_else(|| Error::new("the master is down"))
    }

    /// Writes a file below `file_roots`.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> Result<()> {
        write(&self.path("files").join(name), text.as_ref())
    }

    /// Writes a minion's pillar; every minion has its own, and only that.
    pub fn pillar(&self, id: &str, pillar: &Value) -> Result<()> {
        self.pillar_text(id, &format!("#!yaml\n{pillar:#}\n"))
    }

    /// Writes a minion's pillar as the text of an SLS.
    pub fn pillar_text(&self, id: &str, text: &str) -> Result<()> {
        let dir = self.path("pillar");
        write(&dir.join(format!("{id}.sls")), text.as_bytes())?;
        self.top(&dir)
    }

    /// Takes a minion's pillar away.
    pub fn no_pillar(&self, id: &str) -> Result<()> {
        let dir = self.path("pillar");
        let _ = fs::remove_file(dir.join(format!("{id}.sls")));
        self.top(&dir)
    }

    fn top(&self, dir: &Path) -> Result<()> {
        let mut top = Map::new();
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(id) = name.strip_suffix(".sls").filter(|&id| id != "top") {
                top.insert(id.to_owned(), json!([id]));
            }
        }
        // A new name and a rename, for another test's minion may ask this very moment.
        let part = dir.join(format!("top.{:?}", std::thread::current().id()));
        fs::write(&part, format!("{:#}\n", json!({"base": top})))?;
        fs::rename(part, dir.join("top.sls")).doing("the pillar's top file")
    }

    /// What its Python runs before it, from the next start on.
    pub fn set_prelude(&mut self, prelude: &str) {
        prelude.clone_into(&mut self.prelude);
    }

    /// Ends it as `systemctl stop` would.
    pub fn stop(&mut self) -> Result<()> {
        self.bus = None;
        self.process.take().map_or(Ok(()), |mut p| p.stop().map(drop))
    }

    /// Ends it and all its workers at once.
    pub fn kill(&mut self) {
        self.bus = None;
        self.process = None;
    }

    /// Starts it again, same ports, same keys.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.up()
    }

    /// A path below its root.
    pub fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    /// The port minions send requests to.
    pub fn ret_port(&self) -> u16 {
        self.ret_port
    }

    /// The port it publishes on.
    pub fn publish_port(&self) -> u16 {
        self.publish_port
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        self.process.as_ref().map(Process::tail).unwrap_or_default()
    }

    /// The parts it was made of.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, bytes).doing(path.display())
}

/// What a command of Salt's said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code.
    pub status: i32,
    /// Its output.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
    /// The output as JSON, if it is.
    pub value: Option<Value>,
}

impl Output {
    /// The answer of one minion; none: null.
    pub fn of(&self, id: &str) -> Value {
        self.value.as_ref().and_then(|v| v.get(id)).cloned().unwrap_or(Value::Null)
    }
}
