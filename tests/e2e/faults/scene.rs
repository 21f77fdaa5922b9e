//! A vCenter and a client of it, without a master between.

use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab::vcsim::{PASSWORD, Stats, USER};
use lab::{Result, Vcsim, Wire};
use serde_json::json;
use vcenter::inventory::{EntityRef, Kind};
use vcenter::transport::Trust;
use vcenter::vim::Args;
use vcenter::{Client, Config, Credentials, MoRef, Value};

use crate::stage;

/// Long enough for anything that works.
pub const LONG: Duration = Duration::from_secs(60);

/// A client that has loaded its inventory, and its vCenter.
pub struct Scene {
    pub vcsim: Vcsim,
    pub client: Client,
}

impl Scene {
    /// None where there is no lab.
    pub async fn up() -> Result<Option<Scene>> {
        let Some(tools) = stage::tools() else { return Ok(None) };
        let vcsim = Vcsim::start(&tools)?;
        let config = config(&vcsim);
        Scene::of(vcsim, config).await.map(Some)
    }

    /// With a wire between the two.
    pub async fn wired() -> Result<Option<(Scene, Wire)>> {
        let Some(tools) = stage::tools() else { return Ok(None) };
        let vcsim = Vcsim::start(&tools)?;
        let wire = Wire::to(vcsim.port())?;
        let config = Config { port: wire.port(), ..config(&vcsim) };
        Ok(Some((Scene::of(vcsim, config).await?, wire)))
    }

    pub async fn of(vcsim: Vcsim, config: Config) -> Result<Scene> {
        watch_for_panics();
        let client = Client::connect(config).await.map_err(said)?;
        client.ready(LONG).await.map_err(said)?;
        let scene = Scene { vcsim, client };
        assert_eq!(scene.machines().len(), 10);
        Ok(scene)
    }

    /// The names of the machines in the inventory.
    pub fn machines(&self) -> Vec<String> {
        self.client.read().names(Kind::VirtualMachine).iter().map(|name| name.to_string()).collect()
    }

    pub fn machine(&self, name: &str) -> EntityRef {
        let inventory = self.client.read();
        let found = inventory.find_of(Kind::VirtualMachine, name, None);
        found.unwrap_or_else(|error| panic!("{error}")).reference().clone()
    }

    /// Asks the vCenter itself, by a call that only reads.
    pub async fn read(&self) -> vcenter::Result<Value> {
        let root = self.client.session().service("rootFolder").await?;
        vcenter::collector::read_property(self.client.session(), &root, "name").await
    }

    /// Starts a task and waits for it.
    pub async fn run(&self, object: &MoRef, method: &str) -> vcenter::Result<Value> {
        self.client.run(object, method, Args::new(), LONG).await
    }

    pub fn stats(&self) -> Stats {
        self.vcsim.stats().unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn fault(&self, rule: serde_json::Value) {
        self.vcsim.fault(&rule).unwrap_or_else(|error| panic!("{error}"));
    }

    /// All is well: what somebody else changes now is soon seen, there is one session, and a question is answered.
    pub async fn is_well(&self, after: &str) {
        static NAMES: AtomicU32 = AtomicU32::new(0);
        let name = format!("well-{}", NAMES.fetch_add(1, Ordering::Relaxed));
        self.read().await.unwrap_or_else(|error| panic!("after {after}: {error}"));
        let rename = json!({"rename": [{"type": "Folder", "match": "[vw]*", "name": name}]});
        self.vcsim.seed(&rename).unwrap_or_else(|error| panic!("{error}"));
        let folders = || self.client.read().names(Kind::Folder).iter().any(|it| **it == *name);
        let seen = soon(folders).await;
        let status = self.client.inventory().status();
        assert!(seen, "after {after} a change by others is not seen: {status:?}, {:#}", self.stats().0);
        let stats = self.stats();
        assert_eq!(stats.count("sessions"), 1, "after {after}: {:#}", stats.0);
    }

    /// Logs out; no session is left, and nothing has panicked.
    pub async fn finish(self) {
        self.client.close().await;
        let stats = self.stats();
        assert_eq!((stats.count("sessions"), stats.count("rest_sessions")), (0, 0), "{:#}", stats.0);
        assert_eq!(*panics(), Vec::<String>::new());
    }
}

/// How to reach a simulator, with less patience than is usual.
pub fn config(vcsim: &Vcsim) -> Config {
    let mut config = Config::new("127.0.0.1", Credentials::new(USER, PASSWORD));
    config.port = vcsim.port();
    config.trust = Trust::Verify { ca_bundle: Some(vcsim.ca_file()) };
    config.user_agent = "vsalt-test/1.0 (scene)".to_owned();
    config.timeouts.connect = Duration::from_secs(10);
    config.timeouts.request = Duration::from_secs(30);
    config.timeouts.updates = Duration::from_secs(2);
    config.login.backoff = Duration::from_millis(100);
    config.login.max_backoff = Duration::from_secs(1);
    config
}

/// An error that is a sentence for a person: it says what was asked or of whom, and shows no raw answer.
pub fn is_clear(error: &vcenter::Error) -> bool {
    let text = error.to_string();
    let names = ["127.0.0.1", "RetrievePropertiesEx", "PowerO", "log-in", "Login"];
    names.iter().any(|name| text.contains(name)) && text.len() < 500 && !text.contains(['<', '{'])
}

/// Whether it becomes true.
pub async fn soon(mut what: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + LONG;
    while !what() {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

pub fn said(error: vcenter::Error) -> lab::Error {
    lab::Error::new(error.to_string())
}

/// Panics inside the client, which its tasks would swallow.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn panics() -> MutexGuard<'static, Vec<String>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch_for_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|at| at.file().contains("vcenter/src")) {
                panics().push(info.to_string());
            }
            usual(info);
        }));
    });
}
