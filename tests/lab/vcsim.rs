//! The vCenter simulator (`vcsim/`), started, stopped and steered through its control port.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::error::Doing;
use crate::{Error, Result, Root, Tools, eventually, http, process, provision};

/// The user that may log in.
pub const USER: &str = "administrator@vsphere.local";
/// The password; marked so that a search of a log finds it and nothing else.
pub const PASSWORD: &str = "vcsim-Pa55-secret";

/// A vCenter that runs on loopback.
pub struct Vcsim {
    child: Option<Child>,
    root: Root,
    binary: PathBuf,
    args: Vec<String>,
    address: SocketAddr,
    control: SocketAddr,
    ready: Value,
}

impl Vcsim {
    /// Starts one with the lab's inventory (`vcsim/seed.json`).
    pub fn start(tools: &Tools) -> Result<Vcsim> {
        let seed = provision::vcsim_source().join("seed.json");
        Vcsim::start_with(tools, &["-vm", "5", "-ds", "2", "-pool", "1", "-seed", &seed.to_string_lossy()])
    }

    /// Starts one with these flags (`vcsim/README.md`) besides the lab's own.
    pub fn start_with(tools: &Tools, args: &[&str]) -> Result<Vcsim> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut sim = Vcsim {
            child: None,
            root: Root::new()?,
            binary: tools.vcsim.clone(),
            args: args.iter().map(|&a| a.to_owned()).collect(),
            address: nowhere,
            control: nowhere,
            ready: Value::Null,
        };
        sim.up()?;
        Ok(sim)
    }

    fn up(&mut self) -> Result<()> {
        let file = |name: &str| self.root.path().join(name);
        let mut command = Command::new(&self.binary);
        command.args(["-exit-with-stdin", "-user", USER, "-pass", PASSWORD]).args(["-cert-kind", "ca"]);
        command.arg("-listen").arg(self.address.to_string()).arg("-control").arg(self.control.to_string());
        command
            .arg("-cert")
            .arg(file("cert.pem"))
            .arg("-key")
            .arg(file("key.pem"))
            .arg("-tmp")
            .arg(self.root.path());
        if !self.ca_file().exists() {
            command.arg("-cert-out").arg(self.ca_file());
        }
        command.args(&self.args).env("HOME", self.root.path());
        let errors = fs::File::options().create(true).append(true).open(file("vcsim.log"))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).process_group(0);
        let mut child = command.spawn().doing(self.binary.display())?;
        let out = child.stdout.take().ok_or_else(|| Error::new("no pipe"))?;
        self.child = Some(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let said = fs::read_to_string(file("vcsim.log")).unwrap_or_default();
        self.ready =
            serde_json::from_str(&line).doing(format_args!("the simulator did not start: {said}"))?;
        let at =
            |name: &str| self.ready[name].as_str().unwrap_or_default().trim_start_matches("http://").parse();
        self.address = at("address").doing("the simulator's address")?;
        self.control = at("control").doing("the simulator's control address")?;
        Ok(())
    }

    /// The port of the vSphere API (HTTPS).
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The control port.
    pub fn control_address(&self) -> SocketAddr {
        self.control
    }

    /// The certificate to trust, as PEM; it outlasts restarts.
    pub fn ca_file(&self) -> PathBuf {
        self.root.path().join("ca.pem")
    }

    /// What it said when it was ready: url, objects by type, thumbprints.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// A call of the control port.
    pub fn control(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        http::json(self.control, method, path, body)
    }

    /// Counters since the start or the last [`Vcsim::reset`]; sessions as of now.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats(self.control("GET", "/stats", None)?))
    }

    /// Sets the counters to nothing.
    pub fn reset(&self) -> Result<()> {
        self.control("POST", "/reset", None).map(drop)
    }

    /// Every changing call that was carried out, whatever became of its answer: `op`, `call`, `this`, `label`, `outcome`.
    pub fn ledger(&self) -> Result<Vec<Value>> {
        let ledger = self.control("GET", "/ledger", None)?;
        Ok(ledger.as_array().cloned().unwrap_or_default())
    }

    /// The live sessions.
    pub fn sessions(&self) -> Result<Value> {
        self.control("GET", "/sessions", None)
    }

    /// Ends all SOAP and REST sessions, as an administrator would.
    pub fn drop_sessions(&self) -> Result<Value> {
        self.control("POST", "/sessions/drop", None)
    }

    /// Closes the port and resets all connections, until [`Vcsim::recover`].
    pub fn outage(&self) -> Result<()> {
        self.control("POST", "/outage", None).map(drop)
    }

    /// Opens the port again.
    pub fn recover(&self) -> Result<()> {
        self.control("POST", "/recover", None).map(drop)
    }

    /// Adds a fault rule.
    pub fn fault(&self, rule: &Value) -> Result<()> {
        self.control("POST", "/faults", Some(rule)).map(drop)
    }

    /// Removes all fault rules.
    pub fn no_faults(&self) -> Result<()> {
        self.control("DELETE", "/faults", None).map(drop)
    }

    /// Changes the inventory as somebody else would: renames, powers, resizes.
    pub fn seed(&self, seed: &Value) -> Result<()> {
        self.control("POST", "/seed", Some(seed)).map(drop)
    }

    /// Changes so many machines at random, at once: `power` or `stats`.
    pub fn churn(&self, count: u32, kind: &str) -> Result<()> {
        self.control("POST", &format!("/churn?count={count}&kind={kind}"), None).map(drop)
    }

    /// The names of all objects of a type.
    pub fn names(&self, kind: &str) -> Result<Vec<String>> {
        let rows = self.control("GET", &format!("/inventory?type={kind}"), None)?;
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(rows.iter().filter_map(|r| r["Name"].as_str().map(str::to_owned)).collect())
    }

    /// Resets all connections; the port stays open.
    pub fn reset_connections(&self) -> Result<()> {
        self.control("POST", "/connections/reset", None).map(drop)
    }

    /// Takes the privilege away to read properties (`{"type", "name", "path"}`, globs), or without a path to see objects.
    pub fn deny(&self, denial: &Value) -> Result<()> {
        self.control("POST", "/denials", Some(denial)).map(drop)
    }

    /// Gives all privileges back.
    pub fn allow_all(&self) -> Result<()> {
        self.control("DELETE", "/denials", None).map(drop)
    }

    /// Forgets all tasks, as vCenter does some time after their end.
    pub fn forget_tasks(&self) -> Result<()> {
        self.control("POST", "/task/forget", None).map(drop)
    }

    /// Starts it again with a new certificate, by a new authority.
    pub fn renew_certificate(&mut self) -> Result<()> {
        self.kill();
        for file in ["cert.pem", "key.pem", "ca.pem"] {
            fs::remove_file(self.root.path().join(file)).doing(file)?;
        }
        self.up()
    }

    /// Starts it again on another address of loopback, same port and certificate, as one that has moved.
    pub fn move_to(&mut self, address: IpAddr) -> Result<()> {
        self.kill();
        self.address.set_ip(address);
        self.up()
    }

    /// Restarts it with another password of its user.
    pub fn change_password(&mut self, password: &str) -> Result<()> {
        self.args.extend(["-pass".to_owned(), password.to_owned()]);
        self.restart()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same ports with the same certificate and a fresh inventory, as after a crash.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.up()
    }

    /// Runs a Python script with pyVmomi as another client: it gets host, port, user, password, CA file, then `args`.
    pub fn another_client(&self, tools: &Tools, script: &Path, args: &[&str]) -> Result<String> {
        let mut python = tools.python("python3");
        python
            .arg(script)
            .arg("127.0.0.1")
            .arg(self.port().to_string())
            .args([USER, PASSWORD])
            .arg(self.ca_file())
            .args(args);
        let (code, out, err) = process::run(&python, Duration::from_secs(60))?;
        if code == 0 { Ok(out) } else { Err(Error::new(format!("{}: {out}{err}", script.display()))) }
    }
}

impl Drop for Vcsim {
    fn drop(&mut self) {
        // A closed standard input lets it remove its own files.
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            if eventually(Duration::from_secs(5), || child.try_wait().ok().flatten()).is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// The simulator's counters.
#[derive(Clone, Debug)]
pub struct Stats(pub Value);

impl Stats {
    /// A number by name: `logins`, `logouts`, `logins_failed`, `sessions`, `rest_sessions`, `calls` …
    pub fn count(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_default()
    }

    /// Calls of one SOAP method.
    pub fn method(&self, name: &str) -> u64 {
        self.0["methods"][name].as_u64().unwrap_or_default()
    }

    /// How often a call of this method has met a fault rule of this kind.
    pub fn injected(&self, kind: &str, method: &str) -> u64 {
        self.0["injected"][format!("{kind} {method}")].as_u64().unwrap_or_default()
    }

    /// Calls of SOAP methods other than these, by name.
    pub fn methods_but(&self, but: &[&str]) -> Vec<(String, u64)> {
        let all = self.0["methods"].as_object().into_iter().flatten();
        all.filter(|(n, _)| !but.contains(&n.as_str()))
            .map(|(n, c)| (n.clone(), c.as_u64().unwrap_or_default()))
            .collect()
    }
}
