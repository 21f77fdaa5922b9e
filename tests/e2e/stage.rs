//! The master that tests share, and a proxy minion with a vCenter of its own in front of it.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lab::provision::RELEASE;
use lab::{
    Error, Job, Master, Proxy, RELEASES, Release, Result, Return, Settings, Tools, Vcsim, proxy, vcsim,
};
use serde_json::{Value, json};

/// The lab's parts with the usual release, or word on standard error that this test is left out.
pub fn tools() -> Option<Tools> {
    tools_of(RELEASE)
}

/// The same with this release.
pub fn tools_of(release: &'static Release) -> Option<Tools> {
    match Tools::with(release) {
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

/// The master of the usual release that accepts every key.
pub fn master() -> Result<Option<&'static Master>> {
    tools().map(|_| shared(RELEASE)).transpose()
}

/// A thing of each release that tests share: made when it is first asked for, it ends with this program.
pub struct Shared<T>([OnceLock<std::result::Result<T, String>>; RELEASES.len()]);

impl<T> Shared<T> {
    /// Nothing is made yet.
    pub const fn new() -> Shared<T> {
        Shared([const { OnceLock::new() }; RELEASES.len()])
    }

    /// The thing of a release. What could not be made is not tried again.
    pub fn get(
        &'static self,
        release: &Release,
        make: impl FnOnce(Tools) -> Result<T>,
    ) -> Result<&'static T> {
        let at = RELEASES.iter().position(|r| std::ptr::eq(r, release)).unwrap_or_default();
        let known = &RELEASES[at];
        let made = self.0[at].get_or_init(|| Tools::with(known).and_then(make).map_err(|e| e.to_string()));
        made.as_ref().map_err(|e| Error::new(e.clone()))
    }
}

/// The master of a release that accepts every key.
pub fn shared(release: &Release) -> Result<&'static Master> {
    static MASTERS: Shared<Master> = Shared::new();
    MASTERS.get(release, |tools| {
        let options = json!({
            "auto_accept": true,
            "loop_interval": 5,
            "peer": {".*": [".*"]},
            "peer_run": {".*": [".*"]},
            "presence_events": true,
            "state_events": true,
            "nodegroups": {"the_plain": "E@plain.* and G@shelf:upper"},
        });
        Master::start(&tools, options)
    })
}

/// The master of a release that accepts no key by itself, and no file.
pub fn strict(release: &Release) -> Result<&'static Master> {
    static MASTERS: Shared<Master> = Shared::new();
    MASTERS.get(release, |tools| Master::start(&tools, json!({"file_recv": false, "loop_interval": 5})))
}

/// A proxy minion of a release's shared master that no test changes.
pub fn plain(release: &Release) -> Result<&'static Stage<'static>> {
    static STAGES: Shared<Stage<'static>> = Shared::new();
    STAGES.get(release, |_| plain_at(shared(release)?, &json!({})))
}

/// The same proxy minion at any master, with more options.
pub fn plain_at<'a>(master: &'a Master, more: &Value) -> Result<Stage<'a>> {
    let mut options = json!({
        // A proxy has no addresses of its own; these are for targets.
        "grains": {"shelf": "Upper", "nest": {"a": {"b": "c"}}, "ipv4": ["127.0.0.1", "198.51.100.7"]},
        "ping_interval": 1,
    });
    merge(&mut options, more.clone());
    let pillar = json!({
        "foo": "bar",
        "nest": {"a": "b"},
        "schedule": {
            "told": {"function": "test.echo", "args": ["on time"], "seconds": 10},
            "untold": {"function": "test.echo", "args": ["in silence"], "seconds": 10, "return_job": false},
        },
    });
    let stage = Stage::up_with(master, Settings::new(&id("plain")).with(options), pillar)?;
    // Accepted minions that nothing is known of: the master can't rule out that they match, so it does publish what
    // this one has to leave alone.
    let keys = master.path("pki/minions");
    for ghost in [stage.id.to_uppercase(), stage.id.replacen('p', "", 1)] {
        std::fs::copy(keys.join(&stage.id), keys.join(ghost))?;
    }
    Ok(stage)
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

    /// Publishes a job, for this minion by its id unless it names another target.
    pub fn publish(&self, job: Value) -> Result<Job<'_>> {
        let mut all = json!({"tgt": self.id, "fun": "test.ping"});
        merge(&mut all, job);
        self.master.bus()?.publish(&all)
    }

    /// Applies an SLS after those that other tests apply here.
    pub fn apply(&self, sls: &str) -> Result<Job<'_>> {
        self.publish(json!({"fun": "state.apply", "arg": [sls], "kwarg": {"queue": true}}))
    }

    /// Publishes a job and waits for the return of this minion.
    pub fn ask(&self, job: Value) -> Result<Return> {
        let returned = self.publish(job.clone())?.wait(&self.id, LONG);
        returned.map_err(|e| Error::new(format!("{job} on {}: {e}\n{}", self.id, tail(&self.proxy.log()))))
    }

    /// Publishes a job that this minion has to leave alone.
    pub fn ignores(&self, job: Value) -> Result<()> {
        let other = self.publish(job.clone())?;
        if other.jid.is_empty() {
            // The master knows by itself that nobody is meant.
            return Ok(());
        }
        // Publications come in order: when a later one was taken up, this one was judged.
        let later = self.publish(json!({}))?;
        later.wait(&self.id, LONG)?;
        let tag = format!("salt/job/{}/ret/{}", other.jid, self.id);
        let taken = self.proxy.log().contains(&other.jid);
        assert!(!taken && self.master.bus()?.since(other.mark).iter().all(|e| e.tag != tag), "{job}");
        Ok(())
    }

    /// The pillar of this minion becomes what a vCenter's proxy needs and this, and the minion has taken it in.
    pub fn new_pillar(&self, pillar: Value) -> Result<()> {
        let mut all = proxy::pillar(&self.vcsim);
        merge(&mut all, pillar);
        self.master.pillar(&self.id, &all)?;
        let taken =
            self.call_with("saltutil.refresh_pillar", json!([]), json!({"wait": true, "timeout": 60}))?;
        if *taken.value() == json!(true) { Ok(()) } else { Err(Error::new(format!("{:#}", taken.load))) }
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

/// Puts maps together, deep; where they differ the second counts.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
