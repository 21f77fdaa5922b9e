//! A job's life: is it mine, was it here before, run it, return it.

pub mod journal;
pub mod proc;
mod progress;
mod resume;
pub mod run;
pub mod seen;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use salt::context::Identity;
use salt::target::Subject;
use salt::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

pub use proc::ProcDir;
pub use run::execute;
pub use seen::Seen;
pub use table::Jobs;

use crate::clock;
use crate::settings::Settings;
use crate::spool::Spool;
use journal::{Journal, Left};
use table::Ticket;

/// The functions that ask about jobs or end them. `process_count_max` never keeps them waiting, and an answer that
/// could not be delivered at once is worth nothing.
const ABOUT_JOBS: &[&str] = &[
    "saltutil.find_job",
    "saltutil.running",
    "saltutil.is_running",
    "saltutil.signal_job",
    "saltutil.kill_job",
    "saltutil.term_job",
    "saltutil.kill_all_jobs",
    "saltutil.term_all_jobs",
];

/// No return leaves sooner after its publication. The `salt` command of 3007 polls its event socket beside the buffer
/// of its stream (`salt/transport/tcp.py`, `PublishClient.recv` without a time): an event that comes while it still
/// takes in the one of the publication stays unseen until the next event, which is the poll for the running job, five
/// seconds later. Answers after 10 ms met that in one call of five, those after 50 ms in none; a Python minion forks
/// first and is never that fast.
const NOT_SOONER: Duration = Duration::from_millis(50);

/// Where jobs come in and returns go out.
pub struct Desk {
    identity: Arc<Identity>,
    jobs: Arc<Jobs>,
    seen: Arc<Seen>,
    spool: Arc<Spool>,
    journal: Arc<Journal>,
    room: Option<Arc<Semaphore>>,
}

impl Desk {
    /// A desk of one minion. `seen` is shared by all masters of a process.
    pub fn new(
        identity: Arc<Identity>,
        jobs: Arc<Jobs>,
        seen: Arc<Seen>,
        spool: Arc<Spool>,
        journal: Arc<Journal>,
    ) -> Arc<Desk> {
        let most = usize::try_from(identity.opts().number("process_count_max", -1)).unwrap_or(0);
        let room = (most > 0).then(|| Arc::new(Semaphore::new(most)));
        Arc::new(Desk { identity, jobs, seen, spool, journal, room })
    }

    /// Takes a publication in: starts its job if it is for this minion and was not here before.
    pub fn accept(self: &Arc<Desk>, load: Map) {
        if self.is_mine(&load) {
            self.begin(load);
        }
    }

    /// Starts a job, unless it was here before: one that was published, or one of the minion's own with the jid `req`.
    pub fn begin(self: &Arc<Desk>, load: Map) {
        let (Some(jid), Some(fun)) = (load.get("jid").map(Value::to_string), load.get("fun").cloned()) else {
            return;
        };
        match load.get_str("user") {
            Some(user) => info!("User {user} Executing command {fun} with jid {jid}"),
            None => info!("Executing command {fun} with jid {jid}"),
        }
        if salt::file_name(&jid).is_none() {
            error!("The job id {jid:?} can't be one. Ignoring the job.");
            return;
        }
        if !self.seen.first_time(&jid) {
            debug!("The job {jid} was here before and is ignored");
            return;
        }
        let arrived = Instant::now();
        let desk = self.clone();
        let (handle, own) = oneshot::channel();
        let busy = self.jobs.busy();
        let task = tokio::spawn(async move {
            let _busy = busy;
            // The task is its own entry in the table, so it has to know its handle first.
            let Ok(abort) = own.await else { return };
            let entry = match about_jobs(&fun) {
                true => None,
                false => Some(desk.journal.accept(&desk.identity, &jid, &load).await),
            };
            let ticket = desk.jobs.record(&jid, &load, abort);
            let work = entry.as_ref().map(|entry| desk.jobs.work(ticket, entry));
            let _room = desk.room(&jid, &fun, ticket).await;
            let job = execute(&desk.identity, &jid, &load);
            let ret = match work {
                Some(work) => work.scope(job).await,
                None => job.await,
            };
            tokio::time::sleep_until(arrived + NOT_SOONER).await;
            // From here on the job is over: it can't be found or killed any more.
            desk.jobs.remove(ticket);
            let over = || entry.as_ref().map_or((), |entry| entry.close());
            match ret {
                Some(ret) => {
                    desk.give_back(&jid, ret, over).await;
                    warn_of_returners(&desk.identity.opts(), &load);
                }
                None => over(),
            }
        });
        let _ = handle.send(task.abort_handle());
    }

    /// Finds out what has become of the jobs that an earlier process has left, and returns that.
    pub fn resume(self: &Arc<Desk>, left: Vec<Left>) {
        for mut left in left {
            let Some(jid) = left.load.get("jid").map(Value::to_string) else { continue };
            // Should its master publish it again, it was here.
            self.seen.first_time(&jid);
            let (desk, busy) = (self.clone(), self.jobs.busy());
            let (handle, own) = oneshot::channel();
            let task = tokio::spawn(async move {
                let _busy = busy;
                let Ok(abort) = own.await else { return };
                let ticket = desk.jobs.record(&jid, &left.load, abort);
                let ret = resume::outcome(&desk.identity, &mut left).await;
                desk.jobs.remove(ticket);
                desk.give_back(&jid, ret, || left.close()).await;
            });
            let _ = handle.send(task.abort_handle());
        }
    }

    /// The publication is complete and its target matches this minion.
    fn is_mine(&self, load: &Map) -> bool {
        let (opts, grains, pillar) = (self.identity.opts(), self.identity.grains(), self.identity.pillar());
        let nodegroups = opts.get("nodegroups").and_then(Value::as_map);
        let subject = Subject { id: self.identity.id(), grains: &grains, pillar: &pillar, nodegroups };
        salt::target::matches(load, subject)
    }

    /// Waits until `process_count_max` leaves room for one more job. The job that waits can be found and killed.
    async fn room(&self, jid: &str, fun: &Value, ticket: Ticket) -> Option<OwnedSemaphorePermit> {
        let room = self.room.as_ref()?;
        if about_jobs(fun) {
            return None;
        }
        if let Ok(free) = room.clone().try_acquire_owned() {
            return Some(free);
        }
        warn!("Maximum number of processes reached while executing jid {jid}, waiting...");
        self.jobs.waits(ticket, true);
        let free = room.clone().acquire_owned().await.ok();
        self.jobs.waits(ticket, false);
        free
    }

    /// Sends a return to the master, and keeps it until the master has it. Calls `over` when it is kept, before it leaves: a
    /// process that dies at any moment leaves the job or its return, but never both.
    async fn give_back(&self, jid: &str, ret: Map, over: impl FnOnce()) {
        let opts = self.identity.opts();
        info!("Returning information for job: {jid}");
        if opts.flag("cache_jobs", false) {
            cache_job(&opts, jid, &ret).await;
        }
        if opts.flag("pub_ret", true) {
            let keep = !ret.get("fun").is_some_and(about_jobs);
            self.spool.push_then(return_load(&self.identity, ret), keep, over).await;
        } else {
            over();
        }
    }
}

fn about_jobs(fun: &Value) -> bool {
    fun.as_str().is_some_and(|fun| ABOUT_JOBS.contains(&fun))
}

/// The load of a `_return`, in the order of the original (`salt/minion.py`, `_prepare_return_pub`).
pub fn return_load(identity: &Identity, ret: Map) -> Map {
    let mut load = Map::new().with("cmd", "_return").with("id", identity.id());
    let out = ret.get_str("fun").and_then(|fun| identity.modules().get(fun)).and_then(|f| f.out);
    let stated = ret.contains_key("out");
    load.extend(ret);
    if let (false, Some(out)) = (stated, out) {
        load.insert("out", out);
    }
    load.insert("_stamp", clock::stamp());
    load
}

/// There are no returners here; the normal return is unaffected (`salt/metaproxy/proxy.py`, `thread_return`).
fn warn_of_returners(opts: &Map, load: &Map) {
    for returner in load.words("ret").into_iter().chain(opts.words("return")) {
        error!("Returner {returner}.returner could not be loaded: '{returner}.returner' is not available.");
    }
}

/// Keeps a return for `saltutil.find_cached_job` (`salt/utils/minion.py`, `cache_jobs`).
async fn cache_job(opts: &Map, jid: &str, ret: &Map) {
    let Some(cachedir) = opts.text("cachedir") else { return };
    let Some(name) = salt::file_name(jid) else { return };
    let directory = std::path::Path::new(cachedir).join("minion_jobs").join(name);
    let write = async {
        let bytes = salt::msgpack::pack(&Value::Map(ret.clone())).map_err(std::io::Error::other)?;
        tokio::fs::create_dir_all(&directory).await?;
        tokio::fs::write(directory.join("return.p"), bytes).await
    };
    if let Err(e) = write.await {
        warn!("The return of job {jid} could not be cached in {}: {e}", directory.display());
    }
}
