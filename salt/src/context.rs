//! All that a function may touch. There are no globals: identity, options, grains, pillar and session come from here,
//! so that many identities can live in one process without seeing each other.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use vcenter::Pool;

use crate::args::Args;
use crate::beacon::Beacons;
use crate::function::{BoxFuture, Function};
use crate::registry::Registry;
use crate::schedule::Schedule;
use crate::{Error, Map, Result, Value};

/// One minion identity: what all of its jobs share.
pub struct Identity {
    id: String,
    opts: RwLock<Arc<Map>>,
    grains: RwLock<Arc<Map>>,
    pillar: RwLock<Arc<Map>>,
    vcenter: watch::Sender<Device>,
    vcenters: RwLock<Pool>,
    modules: Arc<Registry>,
    states: Arc<Registry>,
    master: Arc<dyn Master>,
    files: Arc<dyn Files>,
    schedule: RwLock<Option<Arc<dyn Schedule>>>,
    beacons: RwLock<Option<Arc<dyn Beacons>>>,
    environ: RwLock<Arc<Map>>,
    queue: RwLock<Queue>,
}

/// The jids of the state runs that wait for their turn. Every one of them is a running job too, and [`Master::running`] can't
/// tell who of those has begun to work. Who shares the running jobs shares the queue.
#[derive(Clone, Debug, Default)]
pub struct Queue(Arc<Mutex<BTreeSet<String>>>);

impl Queue {
    /// The jids, for as long as it is held.
    pub fn waiting(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an [`Identity`] is made of at its start.
pub struct Parts {
    /// The minion id.
    pub id: String,
    /// The options, as `config.items` shows them.
    pub opts: Map,
    /// Execution functions.
    pub modules: Arc<Registry>,
    /// State functions.
    pub states: Arc<Registry>,
    /// The way to the master.
    pub master: Arc<dyn Master>,
    /// The way to the files of states.
    pub files: Arc<dyn Files>,
}

impl Identity {
    /// An identity with no grains, no pillar and no vCenter yet.
    pub fn new(parts: Parts) -> Arc<Identity> {
        let vcenters = crate::connection::pool(&parts.opts);
        Arc::new(Identity {
            id: parts.id,
            opts: RwLock::new(Arc::new(parts.opts)),
            grains: RwLock::default(),
            pillar: RwLock::default(),
            vcenter: watch::Sender::new(Device::Absent("there is no connection to a vCenter yet".into())),
            vcenters: RwLock::new(vcenters),
            modules: parts.modules,
            states: parts.states,
            master: parts.master,
            files: parts.files,
            schedule: RwLock::default(),
            beacons: RwLock::default(),
            queue: RwLock::default(),
            environ: RwLock::default(),
        })
    }

    /// The minion id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The execution functions.
    pub fn modules(&self) -> &Registry {
        &self.modules
    }

    /// The state functions.
    pub fn states(&self) -> &Registry {
        &self.states
    }

    /// The way to the master.
    pub fn master(&self) -> &dyn Master {
        &*self.master
    }

    /// The way to the files of states.
    pub fn files(&self) -> &dyn Files {
        &*self.files
    }

    /// The options at this moment.
    pub fn opts(&self) -> Arc<Map> {
        read(&self.opts)
    }

    /// Replaces the options.
    pub fn set_opts(&self, opts: Map) {
        write(&self.opts, Arc::new(opts));
    }

    /// The grains at this moment.
    pub fn grains(&self) -> Arc<Map> {
        read(&self.grains)
    }

    /// Replaces the grains.
    pub fn set_grains(&self, grains: Map) {
        write(&self.grains, Arc::new(grains));
    }

    /// The pillar in memory.
    pub fn pillar(&self) -> Arc<Map> {
        read(&self.pillar)
    }

    /// Replaces the pillar in memory.
    pub fn set_pillar(&self, pillar: Map) {
        write(&self.pillar, Arc::new(pillar));
    }

    /// The vCenter of this identity.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason why there is none.
    pub fn vcenter(&self) -> Result<vcenter::Client> {
        self.vcenter.borrow().clone().client()
    }

    /// The vCenter of this identity; where the connection is just being made, it is waited for, but not longer than that.
    ///
    /// # Errors
    /// As [`Identity::vcenter`].
    pub async fn vcenter_soon(&self, longest: Duration) -> Result<vcenter::Client> {
        let mut device = self.vcenter.subscribe();
        let settled = device.wait_for(|device| !matches!(device, Device::Connecting(_)));
        // That the time is over is no error of its own: the device says how it stands.
        let _ = tokio::time::timeout(longest, settled).await;
        self.vcenter()
    }

    /// The vCenters that this identity's calls name, beside its own, which is among them too.
    pub fn vcenters(&self) -> Pool {
        read(&self.vcenters)
    }

    /// Shares the vCenters of others that live in the same process.
    pub fn set_vcenters(&self, pool: Pool) {
        write(&self.vcenters, pool);
    }

    /// The scheduler of this identity.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for what runs beside the daemon: it has none.
    pub fn schedule(&self) -> Result<Arc<dyn Schedule>> {
        read(&self.schedule)
            .ok_or_else(|| Error::Unavailable("the schedule is the running minion's alone".into()))
    }

    /// The queue of state runs.
    pub fn queue(&self) -> Queue {
        read(&self.queue)
    }

    /// Gives the identity the queue of others that share its running jobs.
    pub fn set_queue(&self, queue: Queue) {
        write(&self.queue, queue);
    }

    /// Gives the identity its scheduler.
    pub fn set_schedule(&self, schedule: Arc<dyn Schedule>) {
        write(&self.schedule, Some(schedule));
    }

    /// The beacons of this identity.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for what runs beside the daemon: it has none.
    pub fn beacons(&self) -> Result<Arc<dyn Beacons>> {
        read(&self.beacons)
            .ok_or_else(|| Error::Unavailable("the beacons are the running minion's alone".into()))
    }

    /// Gives the identity its beacons.
    pub fn set_beacons(&self, beacons: Arc<dyn Beacons>) {
        write(&self.beacons, Some(beacons));
    }

    /// What was changed in the environment that this identity's commands get: variables with their text, and those that
    /// are unset with `None`.
    pub fn environ(&self) -> Arc<Map> {
        read(&self.environ)
    }

    /// Replaces what was changed in the environment.
    pub fn set_environ(&self, changes: Map) {
        write(&self.environ, Arc::new(changes));
    }

    /// Replaces the vCenter, or the reason why there is none.
    pub fn set_vcenter(&self, client: Result<vcenter::Client, String>) {
        self.vcenter.send_replace(match client {
            Ok(client) => Device::Connected(client),
            Err(reason) => Device::Absent(reason),
        });
    }

    /// There is no vCenter yet, but the connection is being made: who can wait shall.
    pub fn set_vcenter_connecting(&self, reason: String) {
        self.vcenter.send_replace(Device::Connecting(reason));
    }
}

/// How it stands with the vCenter of an identity.
#[derive(Clone)]
enum Device {
    /// The connection is being made.
    Connecting(String),
    /// There is a session.
    Connected(vcenter::Client),
    /// There is none, for this reason.
    Absent(String),
}

impl Device {
    fn client(self) -> Result<vcenter::Client> {
        match self {
            Device::Connected(client) => Ok(client),
            Device::Connecting(reason) | Device::Absent(reason) => Err(Error::Unavailable(reason)),
        }
    }
}

fn read<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn write<T>(lock: &RwLock<T>, value: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = value;
}

/// The job that a function runs in.
#[derive(Debug, Default)]
pub struct Job {
    /// The job id; `req` where the master is to make one.
    pub jid: String,
    /// The publication: `fun`, `arg`, `tgt`, `tgt_type`, `ret`, `user` and so on.
    pub load: Map,
    retcode: AtomicI64,
}

impl Job {
    /// A job of a publication.
    pub fn new(jid: impl Into<String>, load: Map) -> Job {
        Job { jid: jid.into(), load, retcode: AtomicI64::new(0) }
    }

    /// The return code that the function left.
    pub fn retcode(&self) -> i64 {
        self.retcode.load(Ordering::Relaxed)
    }
}

/// What a function is given: its identity, its job, and what the call changed for it. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    identity: Arc<Identity>,
    job: Arc<Job>,
    opts: Option<Arc<Map>>,
    pillar: Option<Arc<Map>>,
    /// How many templates this call stands in.
    templates: usize,
}

/// How many templates may stand within each other, each called by a function that the one around it calls.
const NESTED_TEMPLATES: usize = 16;

impl Context {
    /// A context for one job.
    pub fn new(identity: Arc<Identity>, job: Arc<Job>) -> Context {
        Context { identity, job, opts: None, pillar: None, templates: 0 }
    }

    /// The same for the calls of a template.
    ///
    /// # Errors
    /// Python's `RecursionError` where templates call each other without end.
    pub fn nested(&self) -> Result<Context> {
        let mut inner = self.clone();
        inner.templates += 1;
        match inner.templates > NESTED_TEMPLATES {
            true => Err(Error::exception("RecursionError", "maximum recursion depth exceeded")),
            false => Ok(inner),
        }
    }

    /// The same with other options, for example `test: True` for a state run.
    #[must_use]
    pub fn with_opts(mut self, opts: Map) -> Context {
        self.opts = Some(Arc::new(opts));
        self
    }

    /// The same with another pillar, for example that of a state run.
    #[must_use]
    pub fn with_pillar(mut self, pillar: Map) -> Context {
        self.pillar = Some(Arc::new(pillar));
        self
    }

    /// The same with another job: a function that is called from another leaves its return code there.
    #[must_use]
    pub fn with_job(mut self, job: Arc<Job>) -> Context {
        self.job = job;
        self
    }

    /// The minion id.
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// The identity.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The options of this call.
    pub fn opts(&self) -> Arc<Map> {
        self.opts.clone().unwrap_or_else(|| self.identity.opts())
    }

    /// The grains.
    pub fn grains(&self) -> Arc<Map> {
        self.identity.grains()
    }

    /// The pillar of this call.
    pub fn pillar(&self) -> Arc<Map> {
        self.pillar.clone().unwrap_or_else(|| self.identity.pillar())
    }

    /// True for a run with `test=True`.
    pub fn test(&self) -> bool {
        self.opts().get("test").is_some_and(Value::truthy)
    }

    /// The vCenter of this identity: its one session and its live inventory.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the reason why there is none.
    pub fn vcenter(&self) -> Result<vcenter::Client> {
        self.identity.vcenter()
    }

    /// The master.
    pub fn master(&self) -> &dyn Master {
        &*self.identity.master
    }

    /// The files of states: the master's file server, or local roots.
    pub fn files(&self) -> &dyn Files {
        &*self.identity.files
    }

    /// The execution functions.
    pub fn modules(&self) -> &Registry {
        &self.identity.modules
    }

    /// The state functions.
    pub fn states(&self) -> &Registry {
        &self.identity.states
    }

    /// Sets the return code of the job.
    pub fn set_retcode(&self, retcode: i64) {
        self.job.retcode.store(retcode, Ordering::Relaxed);
    }

    /// Calls an execution function by its name. For what users write (`module.run`, templates, `test.try`); code that
    /// knows what it wants calls a verb of `vcenter::ops` instead. The function is told nothing of the publication: it
    /// was called from within.
    ///
    /// # Errors
    /// [`Error::NotAvailable`], and whatever the function gives.
    pub fn call<'a>(&'a self, fun: &'a str, args: Args) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move { self.modules().find(fun)?.run(self, args).await })
    }

    /// Says what `function` returns if the change succeeds that it asks of the vCenter next, its last one. Should the minion
    /// end before that, its next start finds out what has become of the change, and returns this.
    pub fn will_return(&self, function: &Function, value: impl Into<Value>) {
        let Some(work) = vcenter::Work::current() else { return };
        let remark = Map::new().with("fun", function.full_name()).with("return", value.into());
        // What cannot be packed cannot be returned either, which the return itself will tell.
        work.remark(crate::msgpack::pack_modern(&remark.into()).unwrap_or_default());
    }

    /// The `__pub_*` keywords that the function of a job gets if it has `**kwargs` (`salt/minion.py`, `load_args_and_kwargs`).
    pub fn pub_data(&self) -> Map {
        self.job
            .load
            .iter()
            .filter_map(|(k, v)| Some((Value::from(format!("__pub_{}", k.as_str()?)), v.clone())))
            .collect()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.identity.id)
            .field("jid", &self.job.jid)
            .finish_non_exhaustive()
    }
}

/// A request for a freshly compiled pillar.
#[derive(Clone, Debug, Default)]
pub struct PillarRequest {
    /// The `pillar=` of a call: sent along and merged over the result.
    pub pillar_override: Map,
    /// The environment of files.
    pub saltenv: Option<String>,
    /// The environment of the pillar.
    pub pillarenv: Option<String>,
    /// Ask masters with a pillar cache to drop theirs.
    pub clean_cache: bool,
    /// One external pillar to render besides, as an item of the master's `ext_pillar`.
    pub ext: Option<Value>,
}

/// What a function may want of its master and of its own minion.
pub trait Master: Send + Sync {
    /// Fires an event on the master's bus (`_minion_event`). `preload` are further keys of the load, such as the jid
    /// of a job's progress event.
    fn fire_event(&self, tag: String, data: Map, preload: Option<Map>) -> BoxFuture<'_, Result<bool>>;

    /// Sends a load and gives the decrypted reply.
    fn request(&self, load: Map) -> BoxFuture<'_, Result<Value>>;

    /// A pillar compiled now. The one in memory stays as it is.
    fn compile_pillar(&self, request: PillarRequest) -> BoxFuture<'_, Result<Map>>;

    /// Fetches the pillar into memory. With a time, waits that long for the end and says whether it came.
    fn refresh_pillar(&self, wait: Option<Duration>, clean_cache: bool) -> BoxFuture<'_, Result<bool>>;

    /// Computes the grains anew; a change makes a pillar refresh follow.
    fn refresh_grains(&self) -> BoxFuture<'_, Result<bool>>;

    /// Makes a new key pair of the minion. It is used from the next authentication on.
    fn regen_keys(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Err(Error::Execution("there are no keys in local mode".into())) })
    }

    /// Whether a master, this or another, answers to a `ping` in clear.
    fn ping(&self, master: String) -> BoxFuture<'_, Result<bool>> {
        let unreachable = format!("{master} can't be asked: there are no masters in local mode");
        Box::pin(async { Err(Error::Execution(unreachable)) })
    }

    /// The running jobs, each as its publication with `pid`.
    fn running(&self) -> Vec<Map>;

    /// The jobs that are accepted and wait for their turn, each as its publication with `pid` 0 and `queued`.
    fn queued(&self) -> Vec<Map> {
        vec![]
    }

    /// Ends a running job: with signal 9 or 15 it stops and returns nothing. None if there is no such job.
    fn signal_job(&self, jid: &str, signal: i64) -> Option<i64>;
}

/// A file's hash on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileHash {
    /// `sha256` unless the master says otherwise.
    pub hash_type: String,
    /// Lower-case hex.
    pub hsum: String,
}

/// The file server as functions see it. Paths are without `salt://`.
pub trait Files: Send + Sync {
    /// The environments.
    fn envs(&self) -> BoxFuture<'_, Result<Vec<String>>>;

    /// All files of an environment below a prefix.
    fn list(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>>;

    /// All directories of an environment below a prefix.
    fn list_dirs(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>>;

    /// The hash of a file; none if it is not there.
    fn hash(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<FileHash>>>;

    /// Brings a file into the cache unless it is there with the same hash, and gives its place there; none if the
    /// server does not have it.
    fn cache(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<PathBuf>>>;

    /// The master's options that steer states (`_master_opts`).
    fn master_opts(&self) -> BoxFuture<'_, Result<Map>>;
}
