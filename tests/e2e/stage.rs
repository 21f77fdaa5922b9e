//! The master that tests share, and a proxy minion with a vCenter of its own in front of it.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lab::{Error, Master, Proxy, Result, Return, Settings, Tools, Vcsim, proxy, vcsim};
use serde_json::{Value, json};

/// The lab's parts, or word on standard error that this test is left out.
pub fn tools() -> Option<Tools> {
    match Tools::present() {
        Ok(tools) => Some(tools),
        Err(e) if std::env::var_os("VSALT_LAB").is_some() => panic!("{e}"),
        Err(e) => {
            let name = std::thread::current().name().unwrap_or("a test").to_owned();
            // Not eprintln: what libtest captures of a passing test nobody reads.
            let _ = writeln!(std::io::stderr(), "left out: {name} needs the lab ({e}); ./test makes it");
            None
        }
    }
}

/// The master that accepts every key. It lives as long as this program, and ends with it.
pub fn master() -> Result<Option<&'static Master>> {
    static MASTER: OnceLock<std::result::Result<Option<Master>, String>> = OnceLock::new();
    let held = MASTER.get_or_init(|| {
        let Some(tools) = tools() else { return Ok(None) };
        Master::start(&tools, json!({"auto_accept": true})).map(Some).map_err(|e| e.to_string())
    });
    match held {
        Ok(None) => Ok(tools().and(None)),
        Ok(Some(master)) => Ok(Some(master)),
        Err(e) => Err(Error::new(e.clone())),
    }
}

/// A name no other test uses.
pub fn id(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{stem}{:02}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A proxy minion that is up, and its vCenter.
pub struct Stage<'a> {
    /// The proxy; first, so that it goes before its vCenter.
    pub proxy: Proxy,
    /// Its vCenter.
    pub vcsim: Vcsim,
    /// The master.
    pub master: &'a Master,
    /// The minion id.
    pub id: String,
    /// The bus before the proxy started.
    pub mark: usize,
}

impl<'a> Stage<'a> {
    /// Starts a vCenter and a proxy, and waits for its start event.
    pub fn up(master: &'a Master, stem: &str) -> Result<Stage<'a>> {
        Stage::up_with(master, Settings::new(&id(stem)), json!({}))
    }

    /// The same with options, and more in the pillar.
    pub fn up_with(master: &'a Master, settings: Settings, pillar: Value) -> Result<Stage<'a>> {
        let mut stage = Stage::start(master, settings, pillar)?;
        stage.proxy.wait_ready(master, stage.mark)?;
        Ok(stage)
    }

    /// The same with this vCenter.
    pub fn up_on(master: &'a Master, vcsim: Vcsim, settings: Settings, pillar: Value) -> Result<Stage<'a>> {
        let mut stage = Stage::start_on(master, vcsim, settings, pillar)?;
        stage.proxy.wait_ready(master, stage.mark)?;
        Ok(stage)
    }

    /// The same without waiting.
    pub fn start(master: &'a Master, settings: Settings, pillar: Value) -> Result<Stage<'a>> {
        Stage::start_on(master, Vcsim::start(master.tools())?, settings, pillar)
    }

    /// The same with this vCenter.
    pub fn start_on(
        master: &'a Master,
        vcsim: Vcsim,
        settings: Settings,
        pillar: Value,
    ) -> Result<Stage<'a>> {
        let mut all = proxy::pillar(&vcsim);
        merge(&mut all, pillar);
        master.pillar(&settings.id, &all)?;
        let mark = master.bus()?.mark();
        let id = settings.id.clone();
        let proxy = Proxy::start(master, settings)?;
        Ok(Stage { proxy, vcsim, master, id, mark })
    }

    /// A job with these arguments, through the master.
    pub fn call(&self, fun: &str, arg: Value) -> Result<Return> {
        self.call_with(fun, arg, json!({}))
    }

    /// A job with keywords.
    pub fn call_with(&self, fun: &str, arg: Value, kwarg: Value) -> Result<Return> {
        let returned = self.master.bus()?.call(&self.id, fun, arg, kwarg);
        returned.map_err(|e| Error::new(format!("{fun} on {}: {e}\n{}", self.id, tail(&self.proxy.log()))))
    }

    /// A job that must succeed; gives what it returned.
    pub fn value(&self, fun: &str, arg: Value) -> Result<Value> {
        let returned = self.call(fun, arg)?;
        if !returned.success() || returned.retcode() != 0 {
            return Err(Error::new(format!("{fun}: {:#}\n{}", returned.load, tail(&self.proxy.log()))));
        }
        Ok(returned.value().clone())
    }

    /// Ends the proxy as systemd would, and looks at what it leaves: exit code, sessions, log.
    pub fn finish(mut self) -> Result<()> {
        let code = self.proxy.stop()?;
        clean(&self.proxy);
        assert_eq!(code, 0, "a stopped proxy ends well\n{}", tail(&self.proxy.log()));
        let stats = self.vcsim.stats()?;
        assert_eq!(stats.count("sessions"), 0, "no session is left in vCenter: {:#}", stats.0);
        assert_eq!(stats.count("rest_sessions"), 0, "no REST session is left in vCenter: {:#}", stats.0);
        Ok(())
    }
}

/// No panic and no secret is in a log.
pub fn clean(proxy: &Proxy) {
    let log = proxy.log();
    for word in [vcsim::PASSWORD, WRONG_PASSWORD, "panicked at", "-----BEGIN RSA PRIVATE KEY"] {
        let line = log.lines().find(|l| l.contains(word));
        assert_eq!(line, None, "{word:?} is in the log");
    }
}

/// A password that is wrong, and that no log may have.
pub const WRONG_PASSWORD: &str = "wr0ng-Pa55-secret";

/// The end of a log, for a message.
pub fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Long enough for anything that works.
pub const LONG: Duration = Duration::from_secs(60);

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
