//! Returns on disk until the master has acknowledged them.
//!
//! A return is in a file of its own, and durable, before its job counts as over; the file goes when the master has
//! taken it. What an earlier process left is sent first. The spool is bounded by `spool_max_size` and `spool_max_age`:
//! beyond them the oldest returns are dropped, each with a line in the log.

mod file;
mod verdict;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng;
use salt::{Map, Value, msgpack};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::channel::Error;
use crate::connection::Patience;
use crate::link::Link;
use crate::settings::Settings;
use file::Ticket;
use verdict::Verdict;

/// How many returns are on their way at the same time.
const ABREAST: usize = 8;
/// The pauses between two rounds of tries of one return: the first, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The spool of one master's returns.
pub struct Spool {
    /// None: nobody will ever take a return.
    directory: Option<PathBuf>,
    limits: Limits,
    held: Mutex<Held>,
    wake: Notify,
    idle: Notify,
}

#[derive(Default)]
struct Held {
    waiting: BTreeMap<Ticket, Entry>,
    /// The last ticket that was given away.
    last: Ticket,
    /// The size of all files.
    bytes: u64,
}

struct Entry {
    jid: String,
    place: Place,
    size: u64,
    sending: bool,
    /// When it may be tried (again).
    due: Instant,
    failures: u32,
    refusals: u32,
}

/// Where the load is. Large ones, and many, must not fill the memory while there is no master.
#[derive(Clone)]
enum Place {
    File(PathBuf),
    /// It could not be written.
    Memory(Map),
    /// It is worth nothing later.
    Fleeting(Map),
}

/// How much a spool may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    bytes: u64,
    age: Duration,
}

impl Limits {
    /// `spool_max_size` and `spool_max_age`, of which 0 means that there is no bound.
    pub fn of(opts: &Map) -> Limits {
        let unless_zero = |bytes: u64| if bytes == 0 { u64::MAX } else { bytes };
        let bytes = u64::try_from(opts.number("spool_max_size", 1 << 30)).unwrap_or(0);
        let age = opts.seconds("spool_max_age", 7 * 24 * 3600);
        Limits { bytes: unless_zero(bytes), age: if age.is_zero() { Duration::MAX } else { age } }
    }
}

/// The options that steer how returns are sent.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    least: u64,
    most: u64,
    tries: u32,
}

impl Timing {
    /// `return_retry_timer`, `return_retry_timer_max` and `return_retry_tries`.
    pub fn of(opts: &Map) -> Timing {
        let positive = |n: i64, default: u64| u64::try_from(n).ok().filter(|n| *n > 0).unwrap_or(default);
        let least = positive(opts.number("return_retry_timer", 5), 5);
        let most = positive(opts.number("return_retry_timer_max", 10), least);
        let tries = positive(opts.number("return_retry_tries", 3), 3);
        Timing { least, most: most.max(least), tries: tries.try_into().unwrap_or(3) }
    }

    fn patience(self) -> Patience {
        let seconds = rand::thread_rng().gen_range(self.least..=self.most);
        Patience { timeout: Duration::from_secs(seconds), tries: self.tries }
    }
}

impl Spool {
    /// Opens the spool in a directory, with the returns that an earlier process left there.
    ///
    /// # Errors
    /// The directory can't be made or read.
    pub fn open(directory: &Path) -> io::Result<Arc<Spool>> {
        Spool::open_within(directory, Limits::of(&Map::new()))
    }

    /// The same with limits of its own.
    ///
    /// # Errors
    /// The directory can't be made or read.
    pub fn open_within(directory: &Path, limits: Limits) -> io::Result<Arc<Spool>> {
        std::fs::create_dir_all(directory)?;
        let spool = Spool::of(Some(directory.into()), limits);
        for file in std::fs::read_dir(directory)? {
            let path = file?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let Some(ticket) = file::parse_name(name) else {
                if name.ends_with(".part") {
                    // The process died while it wrote: the job's end was never promised to anybody.
                    let _ = std::fs::remove_file(&path);
                }
                continue;
            };
            let read = std::fs::read(&path).and_then(|bytes| Ok((file::parse(&bytes)?, bytes.len() as u64)));
            match read {
                Ok((load, size)) => spool.lock().add(ticket, Entry::new(&load, Place::File(path), size)),
                Err(e) => {
                    warn!("the spooled return {} can't be read and is dropped: {e}", path.display());
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
        spool.trim();
        Ok(Arc::new(spool))
    }

    /// The spool of a minion that has no master: what is pushed is dropped.
    pub fn nowhere() -> Arc<Spool> {
        Arc::new(Spool::of(None, Limits::of(&Map::new())))
    }

    fn of(directory: Option<PathBuf>, limits: Limits) -> Spool {
        Spool { directory, limits, held: Mutex::default(), wake: Notify::new(), idle: Notify::new() }
    }

    /// Takes a return: when this comes back, it is on disk. `keep` false is for answers that are worth nothing later.
    pub async fn push(&self, load: Map, keep: bool) {
        self.push_then(load, keep, || ()).await;
    }

    /// The same; calls `kept` when the return is on disk, before it may leave.
    pub async fn push_then(&self, load: Map, keep: bool, kept: impl FnOnce()) {
        let Some(directory) = &self.directory else { return kept() };
        let ticket = {
            let mut held = self.lock();
            held.last = file::ticket_after(held.last, now_nanos());
            held.last
        };
        let entry = match keep {
            false => Entry::new(&load, Place::Fleeting(load.clone()), 0),
            true => stored(directory.join(file::file_name(ticket)), load).await,
        };
        kept();
        self.lock().add(ticket, entry);
        self.trim();
        self.wake.notify_one();
    }

    /// How many returns are not acknowledged.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// True if all returns are acknowledged.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until all returns are acknowledged.
    pub async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Sends what is there and what comes, for as long as it is polled.
    pub async fn deliver(self: Arc<Spool>, link: Arc<Link>, timing: Timing) {
        let mut sending = JoinSet::new();
        loop {
            if !link.is_up() {
                link.wait_up().await;
                self.all_due();
            }
            self.trim();
            while sending.len() < ABREAST {
                let Some((ticket, place)) = self.next() else { break };
                let link = link.clone();
                let patience = timing.patience();
                sending.spawn(async move { (ticket, send(place, &link, patience).await) });
            }
            let next_due = self.next_due();
            tokio::select! {
                Some(sent) = sending.join_next() => match sent {
                    Ok((ticket, Ok(answer))) => self.answered(ticket, answer).await,
                    Ok((ticket, Err(e))) => self.drop_for(ticket, &format!("its file can't be read: {e}")).await,
                    // A task of this set neither panics nor is aborted while the set lives.
                    Err(e) => error!("sending a return ended unexpectedly: {e}"),
                },
                () = self.wake.notified(), if sending.len() < ABREAST => {}
                () = sleep_until(next_due), if sending.len() < ABREAST => {}
            }
        }
    }

    /// The oldest return that is not on its way and not waiting for its next try.
    fn next(&self) -> Option<(Ticket, Place)> {
        let now = Instant::now();
        let mut held = self.lock();
        let (ticket, entry) =
            held.waiting.iter_mut().find(|(_, entry)| !entry.sending && entry.due <= now)?;
        entry.sending = true;
        Some((*ticket, entry.place.clone()))
    }

    fn next_due(&self) -> Option<Instant> {
        self.lock().waiting.values().filter(|entry| !entry.sending).map(|entry| entry.due).min()
    }

    /// The master is back: what failed may be tried at once.
    fn all_due(&self) {
        let now = Instant::now();
        for entry in self.lock().waiting.values_mut() {
            entry.due = now;
        }
    }

    async fn answered(&self, ticket: Ticket, answer: Result<Value, Error>) {
        let (refusals, fleeting) = match self.lock().waiting.get(&ticket) {
            Some(entry) => (entry.refusals, matches!(entry.place, Place::Fleeting(_))),
            None => return,
        };
        match verdict::judge(answer, refusals) {
            Verdict::Taken => self.done(ticket).await,
            Verdict::Dropped(why) => self.drop_for(ticket, &why).await,
            Verdict::Impossible(why) => self.say_instead(ticket, &why).await,
            Verdict::Again { why, .. } if fleeting => self.drop_for(ticket, &why).await,
            Verdict::Again { why, counted } => {
                let mut held = self.lock();
                let Some(entry) = held.waiting.get_mut(&ticket) else { return };
                warn!("The minion failed to return the job information for job {}: {why}", entry.jid);
                entry.sending = false;
                entry.due = Instant::now() + PAUSE.saturating_mul(1 << entry.failures.min(6)).min(PAUSE_MAX);
                entry.failures += 1;
                entry.refusals += u32::from(counted);
            }
        }
    }

    /// Puts in the place of a return what is to be said instead of it.
    async fn say_instead(&self, ticket: Ticket, why: &str) {
        let Some(place) = self.lock().waiting.get(&ticket).map(|entry| entry.place.clone()) else { return };
        let said = match place.clone().load().await {
            Ok(load) => verdict::instead(&load, why),
            Err(_) => None,
        };
        let Some(said) = said else { return self.drop_for(ticket, why).await };
        error!("The return of job {} can't be sent, an error is sent instead: {why}", self.jid(ticket));
        let entry = match place {
            Place::File(path) => stored(path, said).await,
            Place::Memory(_) => Entry::new(&said, Place::Memory(said.clone()), 0),
            Place::Fleeting(_) => Entry::new(&said, Place::Fleeting(said.clone()), 0),
        };
        let mut held = self.lock();
        held.remove(ticket);
        held.add(ticket, entry);
    }

    async fn drop_for(&self, ticket: Ticket, why: &str) {
        error!("The return of job {} is dropped: {why}", self.jid(ticket));
        self.done(ticket).await;
    }

    async fn done(&self, ticket: Ticket) {
        let place = self.lock().waiting.get(&ticket).map(|entry| entry.place.clone());
        if let Some(Place::File(path)) = place
            && let Err(e) = tokio::fs::remove_file(&path).await
        {
            warn!("the acknowledged return {} could not be removed: {e}", path.display());
        }
        self.lock().remove(ticket);
        self.idle.notify_waiters();
    }

    /// Drops the oldest returns until the rest is within the limits. The newest stays, and what is on its way.
    fn trim(&self) {
        let oldest = now_nanos().checked_sub(u64::try_from(self.limits.age.as_nanos()).unwrap_or(u64::MAX));
        let mut held = self.lock();
        let newest = held.waiting.keys().next_back().copied();
        while let Some((ticket, entry)) =
            held.waiting.iter().find(|(ticket, entry)| !entry.sending && Some(**ticket) != newest)
        {
            let ticket = *ticket;
            let why = if held.bytes > self.limits.bytes {
                "the spool holds more than spool_max_size"
            } else if oldest.is_some_and(|oldest| ticket.0 < oldest) {
                "it is older than spool_max_age"
            } else {
                return;
            };
            error!("The return of job {} is dropped: {why}", entry.jid);
            if let Place::File(path) = &entry.place {
                // What is left behind is found at the next start.
                let _ = std::fs::remove_file(path);
            }
            held.remove(ticket);
        }
    }

    fn jid(&self, ticket: Ticket) -> String {
        self.lock().waiting.get(&ticket).map(|entry| entry.jid.clone()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn add(&mut self, ticket: Ticket, entry: Entry) {
        self.last = self.last.max(ticket);
        self.bytes += entry.size;
        self.waiting.insert(ticket, entry);
    }

    fn remove(&mut self, ticket: Ticket) {
        if let Some(entry) = self.waiting.remove(&ticket) {
            self.bytes -= entry.size;
        }
    }
}

impl Entry {
    fn new(load: &Map, place: Place, size: u64) -> Entry {
        let jid = load.get("jid").map(Value::to_string).unwrap_or_default();
        Entry { jid, place, size, sending: false, due: Instant::now(), failures: 0, refusals: 0 }
    }
}

impl Place {
    async fn load(self) -> io::Result<Map> {
        match self {
            Place::File(path) => file::read(&path).await,
            Place::Memory(load) | Place::Fleeting(load) => Ok(load),
        }
    }
}

/// The entry of a return that is written to a file. What can't be packed is replaced by an error that says so.
async fn stored(path: PathBuf, load: Map) -> Entry {
    let (load, packed) = match msgpack::pack(&Value::Map(load.clone())) {
        Ok(packed) => (load, packed),
        Err(e) => {
            let said = verdict::instead(&load, &format!("it can't be packed: {e}")).unwrap_or_default();
            let packed = msgpack::pack(&Value::Map(said.clone())).unwrap_or_default();
            (said, packed)
        }
    };
    let size = packed.len() as u64;
    match file::write(path.clone(), packed).await {
        Ok(()) => Entry::new(&load, Place::File(path), size),
        Err(e) => {
            // A full disk must not cost the return.
            error!("a return could not be written to {}: {e}", path.display());
            Entry::new(&load, Place::Memory(load.clone()), 0)
        }
    }
}

/// Sends a load. The outer error is that of its file.
async fn send(place: Place, link: &Link, patience: Patience) -> io::Result<Result<Value, Error>> {
    Ok(link.request(place.load().await?, Some(patience)).await)
}

async fn sleep_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn now_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
