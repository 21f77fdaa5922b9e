//! The scheduler: jobs of options, pillar and saved file, evaluated each `loop_interval` (`salt/utils/schedule.py`).

mod cron;
mod date;
mod fire;
mod run;
mod store;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Zoned};
use rand::Rng;
use salt::context::Identity;
use salt::schedule::{Schedule, Source};
use salt::{Map, Result, Value, map};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, warn};

use crate::clock;
use crate::job::{Jobs, return_load};
use crate::settings::Settings;
use crate::spool::Spool;
use fire::{Around, Due, State};

/// What stands beside the jobs and is for all of them.
const SETTINGS: [&str; 4] = ["enabled", "skip_function", "skip_during_range", "splay"];
/// What does not make a job another one when it changes.
const ASIDE: [&str; 3] = ["enabled", "run_explicit", "skip_explicit"];
/// A minion that was held up longer than this has missed what was due in between.
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// The scheduler of one minion.
pub struct Scheduler {
    identity: Weak<Identity>,
    jobs: Arc<Jobs>,
    spool: Arc<Spool>,
    file: PathBuf,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The jobs and settings that are not the pillar's.
    opts: Map,
    /// What evaluations left, with the job that it was left by.
    states: BTreeMap<String, (Map, State)>,
    evaluated: Option<DateTime>,
}

impl Scheduler {
    /// A scheduler with the minion's own jobs, and with those of the options if it is the one to run them.
    pub fn new(identity: &Arc<Identity>, jobs: Arc<Jobs>, spool: Arc<Spool>, leads: bool) -> Arc<Scheduler> {
        let opts = identity.opts();
        let mut held = match opts.get("schedule") {
            Some(Value::Map(schedule)) if leads => schedule.clone(),
            None | Some(Value::None | Value::Map(_)) => Map::new(),
            Some(_) => {
                error!("Schedule must be of type dict.");
                Map::new()
            }
        };
        held.retain(|name, _| !name.as_str().is_some_and(|name| name.starts_with("__")));
        if opts.flag("mine_enabled", true) && identity.modules().get("mine.update").is_some() {
            held.insert("__mine_interval", mine_job(&opts));
        }
        Arc::new(Scheduler {
            identity: Arc::downgrade(identity),
            jobs,
            spool,
            file: salt::schedule::file(&opts),
            held: Mutex::new(Held { opts: held, ..Held::default() }),
        })
    }

    /// Evaluates the schedule until the minion ends.
    pub async fn live(self: Arc<Scheduler>) {
        let Some(identity) = self.identity.upgrade() else { return };
        let every = identity.opts().seconds("loop_interval", 1).max(Duration::from_millis(100));
        drop(identity);
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let Some(identity) = self.identity.upgrade() else { return };
            self.evaluate(&identity, Zoned::now().datetime());
        }
    }

    /// Runs what is due.
    fn evaluate(&self, identity: &Arc<Identity>, now: DateTime) {
        let (opts, pillar, grains) = (identity.opts(), identity.pillar(), identity.grains());
        let mut held = self.held();
        let all = merged(&pillar, &held.opts, Source::Both);
        held.states.retain(|name, _| all.contains_key(name));
        let step = SignedDuration::try_from(opts.seconds("loop_interval", 1)).unwrap_or(LONGEST_DELAY);
        let delay = held.evaluated.map_or(step, |before| now.duration_since(before)).min(LONGEST_DELAY);
        held.evaluated = Some(now);
        let whens = |data: &'_ Map| data.get("whens").and_then(Value::as_map).cloned();
        let (of_pillar, of_grains) = (whens(&pillar), whens(&grains));
        let around = Around {
            now,
            window: delay.max(step),
            enabled: all.get("enabled").is_none_or(Value::truthy),
            splay: all.get("splay"),
            skip_during_range: all.get("skip_during_range"),
            skip_function: all.get_str("skip_function"),
            whens: [of_pillar.as_ref(), of_grains.as_ref()],
            random: &|least, most| rand::thread_rng().gen_range(least..=most),
        };
        for (name, job) in &all {
            let (name, Some(job)) = (name.to_string(), job.as_map()) else {
                if !SETTINGS.iter().any(|setting| name.as_str() == Some(setting)) && delay >= LONGEST_DELAY {
                    error!("Scheduled job \"{name}\" should have a dict value, not {}", job.type_name());
                }
                continue;
            };
            let state = state_of(&mut held.states, &name, job);
            let before = state.error.take();
            let due = fire::evaluate(&name, job, state, &around);
            if let Some(error) = state.error.as_ref().filter(|error| before.as_ref() != Some(*error)) {
                error!("{error}");
            }
            let ran = due.is_some_and(|due| self.begin(identity, &name, job, state, due, now));
            state.settle(ran, now);
        }
    }

    /// Starts a job that is due, unless as many of it run as may.
    fn begin(
        &self,
        identity: &Arc<Identity>,
        name: &str,
        job: &Map,
        state: &mut State,
        due: Due,
        now: DateTime,
    ) -> bool {
        if self.is_full(name, job) {
            state.skip("maxrunning", now);
            return false;
        }
        let fun = due.instead.unwrap_or_else(|| function_of(job));
        let jid = clock::jid();
        info!("Running scheduled job: {name} with jid {jid}");
        self.spawn(identity, name, job, &fun, &jid);
        true
    }

    /// As many runs of this job are under way as may be.
    fn is_full(&self, name: &str, job: &Map) -> bool {
        if job.get("jid_include").is_some_and(|include| !include.truthy()) {
            return false;
        }
        let most = usize::try_from(job.number("maxrunning", 1)).unwrap_or(0);
        let running = self.jobs.all().iter().filter(|run| run.get_str("schedule") == Some(name)).count();
        if running >= most.max(1) {
            debug!("The scheduled job {name} was not started, {running} already running");
            return true;
        }
        false
    }

    fn spawn(&self, identity: &Arc<Identity>, name: &str, job: &Map, fun: &str, jid: &str) {
        if job.get("dry_run").is_some_and(Value::truthy) {
            debug!("Job {name} has 'dry_run' set to True. Not running it.");
            return;
        }
        let record = run::record(identity, name, job, fun, jid);
        let (jobs, spool, identity) = (self.jobs.clone(), self.spool.clone(), identity.clone());
        let (job, proc, busy) = (job.clone(), record.clone(), self.jobs.busy());
        let (ticket, own) = oneshot::channel();
        let task = tokio::spawn(async move {
            let _busy = busy;
            let Ok(ticket) = own.await else { return };
            let ret = run::run(&identity, &job, record).await;
            jobs.remove(ticket);
            if let Some(ret) = ret.filter(|_| identity.opts().flag("pub_ret", true)) {
                spool.push(return_load(&identity, ret), true).await;
            }
        });
        let _ = ticket.send(self.jobs.record(jid, &proc, task.abort_handle()));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pillar(&self) -> Arc<Map> {
        self.identity.upgrade().map(|identity| identity.pillar()).unwrap_or_default()
    }
}

/// The job that keeps the mine fresh.
fn mine_job(opts: &Map) -> Map {
    map! {
        "function" => "mine.update",
        "minutes" => opts.get("mine_interval").cloned().unwrap_or(Value::Int(60)),
        "jid_include" => true,
        "maxrunning" => 2,
        "run_on_start" => true,
        "return_job" => opts.flag("mine_return_job", false),
        "enabled" => true,
    }
}

/// The jobs of these sources. What the options say wins.
fn merged(pillar: &Map, opts: &Map, source: Source) -> Map {
    let mut all = match pillar.get("schedule") {
        Some(Value::Map(schedule)) if source != Source::Opts => schedule.clone(),
        _ => Map::new(),
    };
    if source != Source::Pillar {
        all.extend(opts.clone());
    }
    all
}

/// The state of a job; a new one if the job is not what it was.
fn state_of<'a>(states: &'a mut BTreeMap<String, (Map, State)>, name: &str, job: &Map) -> &'a mut State {
    let mut definition = job.clone();
    definition.retain(|option, _| !ASIDE.iter().any(|aside| option.as_str() == Some(aside)));
    let entry = states.entry(name.to_string()).or_default();
    if entry.0 != definition {
        *entry = (definition, State::default());
    }
    &mut entry.1
}

fn function_of(job: &Map) -> String {
    ["function", "func", "fun"].iter().find_map(|key| job.get(key)).map(Value::to_string).unwrap_or_default()
}

impl Schedule for Scheduler {
    fn list(&self, source: Source) -> Map {
        let mut all = merged(&self.pillar(), &self.held().opts, source);
        for (name, job) in all.iter_mut() {
            if let Some(job) = job.as_map_mut().filter(|job| !job.contains_key("name")) {
                job.insert("name", name.clone());
            }
        }
        all
    }

    fn is_time(&self, text: &Value) -> bool {
        date::parse(text, Zoned::now().date()).is_some()
    }

    fn status(&self, name: &str, format: &str) -> Result<Map> {
        let all = self.list(Source::Both);
        let Some(job) = all.get(name).and_then(Value::as_map) else { return Ok(Map::new()) };
        match self.held().states.get(name) {
            Some((_, state)) => store::status(job, state, format),
            None => Ok(job.clone()),
        }
    }

    fn put(&self, name: &str, mut job: Map) {
        let pillar = self.pillar();
        let mut held = self.held();
        if merged(&pillar, &held.opts, Source::Pillar).contains_key(name) {
            warn!("Cannot update job {name}, it's in the pillar!");
            return;
        }
        if !job.contains_key("enabled") {
            job.insert("enabled", true);
        }
        held.states.remove(name);
        held.opts.insert(name, job);
    }

    fn remove(&self, name: &str) {
        let mut held = self.held();
        if held.opts.remove(name).is_none() {
            warn!("Cannot delete job {name}, it's in the pillar!");
        }
        held.states.remove(name);
    }

    fn set(&self, name: &str, option: &str, value: Value) {
        match self.held().opts.get_mut(name).and_then(Value::as_map_mut) {
            Some(job) => {
                job.insert(option, value);
            }
            None => warn!("Cannot modify job {name}, it's in the pillar!"),
        }
    }

    fn switch(&self, enabled: bool) {
        self.held().opts.insert("enabled", enabled);
    }

    fn run(&self, name: &str) {
        let Some(identity) = self.identity.upgrade() else { return };
        let all = self.list(Source::Both);
        let Some(job) = all.get(name).and_then(Value::as_map) else { return };
        if !self.is_full(name, job) {
            info!("Running Job: {name}");
            self.spawn(&identity, name, job, &function_of(job), &clock::jid());
        }
    }

    fn save(&self) -> Result<()> {
        store::save(&self.file, &self.held().opts)
    }
}

#[cfg(test)]
mod fires;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
