//! One call from a command line: an identity that is made for it and ends with it (`vsalt call`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salt::context::{Files, Identity, Job, Master, Parts, PillarRequest};
use salt::{Context, Map, Value, map};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::clock;
use crate::connection::{Address, Connection, Exit, Policy};
use crate::files::{LocalFiles, RemoteFiles};
use crate::job::{self, Jobs, ProcDir, return_load};
use crate::link::Link;
use crate::local::{self, LocalMaster};
use crate::master::RemoteMaster;
use crate::minion::{cachedir, masters_in_order, opener, registries};
use crate::pillar;
use crate::proxy::Proxy;
use crate::refresh::{self, Refresh, What};

/// How long a call waits for the device before it goes on without.
const DEVICE_PATIENCE: Duration = Duration::from_secs(60);

/// How long the logouts may take at the end.
const LOGOUT: Duration = Duration::from_secs(5);

/// Why there can't be a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What to print.
    pub message: String,
    /// The exit status.
    pub exit: i32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Exit> for Failure {
    fn from(exit: Exit) -> Failure {
        Failure { message: exit.reason, exit: exit.status }
    }
}

/// An identity for a call.
pub struct Caller {
    identity: Arc<Identity>,
    proxy: Proxy,
    link: Option<Arc<Link>>,
    refresher: Option<JoinHandle<()>>,
}

/// An identity that asks the master for pillar and files.
///
/// # Errors
/// The master can't be reached or does not accept the key, there is no pillar, or the options are wrong.
pub async fn with_master(opts: Map) -> Result<Caller, Failure> {
    let (refused, _refusals) = mpsc::unbounded_channel();
    let (refresh, refreshes) = mpsc::unbounded_channel();
    let (link, jobs) = (Link::new(refused), jobs_of(&opts));
    let policy = Policy { patient: false, ..Policy::of(&opts) };
    let mut configured = opts;
    let masters: Vec<Address> = masters_in_order(&configured)?;
    let mut connection = Connection::new(masters, policy, opener(configured.clone()));
    let (channel, _) = connection.establish().await?;
    configured.insert("master", connection.master().host.as_str());
    link.up(channel);
    let id = id_of(&configured)?;
    let master = RemoteMaster::new(&id, link.clone(), jobs, refresh);
    let files = Arc::new(RemoteFiles::new(link.clone(), &cachedir(&configured)));
    let identity = identity(id, &configured, master.clone(), files)?;
    master.belongs_to(&identity);
    let compile = {
        let link = link.clone();
        async move |identity: &Identity, grains: &Map, request: PillarRequest| {
            pillar::compile(&link, pillar::load(&identity.opts(), identity.id(), grains, &request)).await
        }
    };
    let mut caller = Caller { proxy: proxy_of(&identity), identity, link: Some(link), refresher: None };
    caller.prepare(&configured, compile.clone()).await?;
    caller.refresher =
        Some(tokio::spawn(serve_refreshes(caller.identity.clone(), configured, refreshes, compile)));
    Ok(caller)
}

/// An identity without a master: files and pillar come from `file_roots` and `pillar_roots`.
///
/// # Errors
/// The options are wrong.
pub async fn local(opts: Map) -> Result<Caller, Failure> {
    let jobs = jobs_of(&opts);
    local_with(opts, jobs).await
}

/// The same with a table of running jobs that others write to.
///
/// # Errors
/// The options are wrong.
pub async fn local_with(opts: Map, jobs: Arc<Jobs>) -> Result<Caller, Failure> {
    let id = id_of(&opts)?;
    let master = LocalMaster::new(opts.clone(), jobs);
    let identity = identity(id, &opts, master.clone(), Arc::new(LocalFiles::new(&opts)))?;
    master.belongs_to(&identity);
    let mut caller = Caller { proxy: proxy_of(&identity), identity, link: None, refresher: None };
    // Templates of the pillar call functions, which want the identity whole.
    let own = caller.identity.clone();
    let compile = async move |_: &Identity, grains: &Map, request: PillarRequest| {
        local::compile(&own, grains, request).await
    };
    caller.prepare(&opts, compile).await?;
    Ok(caller)
}

impl Caller {
    /// The identity.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Runs one function. `arg` is as in a publication, `__kwarg__` maps included; `further` are keys for its job's load,
    /// such as `metadata`. Gives the function's value and return code.
    ///
    /// # Errors
    /// The function's own, and [`salt::Error::NotAvailable`] if there is no such function.
    pub async fn run(&self, jid: &str, fun: &str, arg: &[Value], further: Map) -> salt::Result<(Value, i64)> {
        let function = self.identity.modules().find(fun)?;
        let mut load = map! { "fun" => fun, "pid" => std::process::id(), "jid" => jid, "tgt" => "salt-call" };
        load.extend(further);
        let cx = Context::new(self.identity.clone(), Arc::new(Job::new(jid, load)));
        job::run::attempt(&cx, function, arg).await
    }

    /// Runs one function as a job: what the daemon would return for it.
    pub async fn call(&self, fun: &str, arg: Vec<Value>, further: Map) -> Map {
        let jid = clock::jid();
        let mut load = map! {
            "fun" => fun, "arg" => arg, "pid" => std::process::id(), "jid" => jid.as_str(), "tgt" => "salt-call",
        };
        load.extend(further);
        job::execute(&self.identity, &jid, &load).await.unwrap_or_default()
    }

    /// Sends a return to the master. False if there is none or if it did not take it.
    pub async fn send_return(&self, ret: Map) -> bool {
        match &self.link {
            Some(link) => link.request(return_load(&self.identity, ret), None).await.is_ok(),
            None => false,
        }
    }

    /// Logs out of the vCenter.
    pub async fn close(mut self) {
        if let Some(refresher) = self.refresher.take() {
            refresher.abort();
        }
        self.proxy.close().await;
        if tokio::time::timeout(LOGOUT, self.identity.vcenters().close()).await.is_err() {
            warn!("not every vCenter has answered the logout");
        }
    }

    /// Pillar, device, grains. Unlike the daemon's first request the pillar's is made with the grains of the host, so
    /// that the master never forgets what the daemon told it.
    async fn prepare<F>(&mut self, configured: &Map, compile: F) -> Result<(), Failure>
    where
        F: AsyncFn(&Identity, &Map, PillarRequest) -> salt::Result<Map>,
    {
        let identity = self.identity.clone();
        let grains = crate::grains::compute(configured, identity.id(), None).await;
        let pillar = compile(&identity, &grains, PillarRequest::default())
            .await
            .map_err(|e| Failure { message: e.to_string(), exit: 1 })?;
        identity.set_grains(grains);
        identity.set_opts(pillar::into_opts(configured, &pillar));
        identity.set_pillar(pillar);
        let opts = identity.opts();
        match opts.get("proxy").and_then(Value::as_map) {
            Some(device) => {
                self.proxy.apply(device, false).await;
                self.proxy.first_attempt(DEVICE_PATIENCE).await;
                let wish = Refresh { what: What::Grains, done: None };
                let renewed =
                    refresh::renew(identity.clone(), vec![wish], async |i: &Identity, g: &Map, r| compile(i, g, r).await);
                renewed.await.apply(&identity, configured);
            }
            None => identity.set_vcenter(Err(format!(
                "No proxy key found in pillar or opts for id {}. Check your pillar/opts configuration and contents.",
                identity.id()
            ))),
        }
        Ok(())
    }
}

async fn serve_refreshes<F>(
    identity: Arc<Identity>,
    configured: Map,
    mut refreshes: mpsc::UnboundedReceiver<Refresh>,
    compile: F,
) where
    F: AsyncFn(&Identity, &Map, PillarRequest) -> salt::Result<Map>,
{
    while let Some(wish) = refreshes.recv().await {
        let renewed = refresh::renew(identity.clone(), vec![wish], async |i: &Identity, g: &Map, r| {
            compile(i, g, r).await
        });
        renewed.await.apply(&identity, &configured);
    }
}

fn id_of(opts: &Map) -> Result<String, Failure> {
    match opts.get_str("id").filter(|id| !id.is_empty()) {
        Some(id) => Ok(id.to_string()),
        None => Err(Failure { message: "there is no minion id".into(), exit: 1 }),
    }
}

/// The jobs that the daemon runs are seen by a call, too.
fn jobs_of(opts: &Map) -> Arc<Jobs> {
    Arc::new(Jobs::with_files(ProcDir::below(&cachedir(opts))))
}

fn identity(
    id: String,
    opts: &Map,
    master: Arc<dyn Master>,
    files: Arc<dyn Files>,
) -> Result<Arc<Identity>, Failure> {
    let (modules, states) = registries(opts).map_err(|message| Failure { message, exit: 70 })?;
    Ok(Identity::new(Parts {
        id,
        opts: opts.clone(),
        modules: Arc::new(modules),
        states: Arc::new(states),
        master,
        files,
    }))
}

fn proxy_of(identity: &Arc<Identity>) -> Proxy {
    // Nobody waits for later connections: a call is over before there are any.
    let (connected, _) = mpsc::unbounded_channel();
    Proxy::new(identity.clone(), connected)
}
