//! Returns on disk until the master has acknowledged them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng;
use salt::{Map, Value, msgpack};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use crate::channel::Error;
use crate::connection::Patience;
use crate::link::Link;
use crate::settings::Settings;

/// How many returns are on their way at the same time.
const ABREAST: usize = 8;
/// The pauses between two rounds of tries of one return: the first, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A return that the master refused in so many rounds in a row will not do better in the next one.
const REFUSALS: u32 = 3;

/// The spool of one master's returns.
pub struct Spool {
    /// None: nobody will ever take a return.
    directory: Option<PathBuf>,
    waiting: Mutex<BTreeMap<Ticket, Entry>>,
    wake: Notify,
    idle: Notify,
    counter: AtomicU64,
}

/// The place of a return in the order, and the stem of its file.
type Ticket = (u64, u64);

struct Entry {
    load: Map,
    file: Option<PathBuf>,
    keep: bool,
    sending: bool,
    /// When it may be tried (again).
    due: Instant,
    failures: u32,
    refusals: u32,
}

impl Entry {
    fn new(load: Map, file: Option<PathBuf>, keep: bool) -> Entry {
        Entry { load, file, keep, sending: false, due: Instant::now(), failures: 0, refusals: 0 }
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
        std::fs::create_dir_all(directory)?;
        let spool = Spool::of(Some(directory.into()));
        for file in std::fs::read_dir(directory)? {
            let path = file?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let Some(ticket) = parse_name(name) else {
                if name.ends_with(".part") {
                    // The process died while it wrote: the job's end was never promised to anybody.
                    let _ = std::fs::remove_file(&path);
                }
                continue;
            };
            match std::fs::read(&path).map(|bytes| msgpack::unpack(&bytes)) {
                Ok(Ok(Value::Map(load))) => {
                    spool.lock().insert(ticket, Entry::new(load, Some(path), true));
                }
                _ => {
                    warn!("the spooled return {} can't be read and is dropped", path.display());
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
        Ok(Arc::new(spool))
    }

    /// The spool of a minion that has no master: what is pushed is dropped.
    pub fn nowhere() -> Arc<Spool> {
        Arc::new(Spool::of(None))
    }

    fn of(directory: Option<PathBuf>) -> Spool {
        Spool {
            directory,
            waiting: Mutex::default(),
            wake: Notify::new(),
            idle: Notify::new(),
            counter: AtomicU64::new(0),
        }
    }

    /// Takes a return: when this comes back, it is on disk. `keep` false is for answers that are worth nothing later.
    pub async fn push(&self, load: Map, keep: bool) {
        let Some(directory) = &self.directory else { return };
        let ticket = (now_nanos(), self.counter.fetch_add(1, Ordering::Relaxed));
        let mut file = None;
        if keep {
            let path = directory.join(file_name(ticket));
            match write(path.clone(), &load).await {
                Ok(()) => file = Some(path),
                // A full disk must not cost the return.
                Err(e) => error!("a return could not be written to {}: {e}", directory.display()),
            }
        }
        self.lock().insert(ticket, Entry::new(load, file, keep));
        self.wake.notify_one();
    }

    /// How many returns are not acknowledged.
    pub fn len(&self) -> usize {
        self.lock().len()
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
            while sending.len() < ABREAST {
                let Some((ticket, load)) = self.next() else { break };
                let link = link.clone();
                let patience = timing.patience();
                sending.spawn(async move { (ticket, link.request(load, Some(patience)).await) });
            }
            let next_due = self.next_due();
            tokio::select! {
                Some(sent) = sending.join_next() => match sent {
                    Ok((ticket, Ok(reply))) => {
                        if reply.as_str().is_some() {
                            warn!("The master had trouble with the return of job {}, see its log", self.jid(ticket));
                        }
                        self.done(ticket).await;
                    }
                    Ok((ticket, Err(error))) => {
                        let jid = self.jid(ticket);
                        warn!("The minion failed to return the job information for job {jid}: {error}");
                        self.failed(ticket, &error).await;
                    }
                    // A task of this set neither panics nor is aborted while the set lives.
                    Err(e) => error!("sending a return ended unexpectedly: {e}"),
                },
                () = self.wake.notified(), if sending.len() < ABREAST => {}
                () = sleep_until(next_due), if sending.len() < ABREAST => {}
            }
        }
    }

    /// The oldest return that is not on its way and not waiting for its next try.
    fn next(&self) -> Option<(Ticket, Map)> {
        let now = Instant::now();
        let mut waiting = self.lock();
        let (ticket, entry) = waiting.iter_mut().find(|(_, entry)| !entry.sending && entry.due <= now)?;
        entry.sending = true;
        Some((*ticket, entry.load.clone()))
    }

    fn next_due(&self) -> Option<Instant> {
        self.lock().values().filter(|entry| !entry.sending).map(|entry| entry.due).min()
    }

    /// The master is back: what failed may be tried at once.
    fn all_due(&self) {
        let now = Instant::now();
        for entry in self.lock().values_mut() {
            entry.due = now;
        }
    }

    async fn done(&self, ticket: Ticket) {
        let file = self.lock().get(&ticket).and_then(|entry| entry.file.clone());
        if let Some(file) = file
            && let Err(e) = tokio::fs::remove_file(&file).await
        {
            warn!("the acknowledged return {} could not be removed: {e}", file.display());
        }
        self.lock().remove(&ticket);
        self.idle.notify_waiters();
    }

    async fn failed(&self, ticket: Ticket, error: &Error) {
        let drop = {
            let mut waiting = self.lock();
            let Some(entry) = waiting.get_mut(&ticket) else { return };
            entry.sending = false;
            entry.due = Instant::now() + PAUSE.saturating_mul(1 << entry.failures.min(6)).min(PAUSE_MAX);
            entry.failures += 1;
            if matches!(error, Error::Refused(_)) {
                entry.refusals += 1;
            }
            !entry.keep || entry.refusals >= REFUSALS
        };
        if drop {
            error!("The return of job {} is dropped: {error}", self.jid(ticket));
            self.done(ticket).await;
        }
    }

    fn jid(&self, ticket: Ticket) -> String {
        self.lock().get(&ticket).and_then(|e| e.load.get_str("jid")).unwrap_or_default().to_string()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Ticket, Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a load so that it is either wholly there under its name, or not at all.
async fn write(path: PathBuf, load: &Map) -> io::Result<()> {
    let bytes = msgpack::pack(&Value::Map(load.clone())).map_err(io::Error::other)?;
    let written = tokio::task::spawn_blocking(move || {
        let part = path.with_extension("part");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&part)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, &path)?;
        match path.parent() {
            Some(directory) => std::fs::File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    });
    let result = written.await.map_err(io::Error::other)?;
    debug!("spooled a return: {}", result.is_ok());
    result
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

fn file_name(ticket: Ticket) -> String {
    format!("{:020}-{:06}.p", ticket.0, ticket.1)
}

fn parse_name(name: &str) -> Option<Ticket> {
    let (time, counter) = name.strip_suffix(".p")?.split_once('-')?;
    Some((time.parse().ok()?, counter.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Scripted, eventually};
    use salt::map;
    use tokio::sync::mpsc;

    fn sample(jid: &str) -> Map {
        map! { "cmd" => "_return", "id" => "vc01", "jid" => jid, "return" => Value::Bytes(vec![0xff]) }
    }

    fn files(directory: &Path) -> usize {
        std::fs::read_dir(directory).unwrap().count()
    }

    fn link() -> Arc<Link> {
        Link::new(mpsc::unbounded_channel().0)
    }

    #[tokio::test]
    async fn a_return_survives_the_process_and_is_sent_once() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        spool.push(sample("1"), true).await;
        spool.push(sample("2"), true).await;
        spool.push(sample("3"), false).await;
        drop(spool);
        std::fs::write(directory.path().join("00000000000000000001-000001.p"), b"\xc1").unwrap();
        std::fs::write(directory.path().join("x.part"), b"").unwrap();

        let spool = Spool::open(directory.path()).unwrap();
        assert_eq!((spool.len(), files(directory.path())), (2, 2));
        let (master, link) = (Scripted::new(Map::new()), link());
        let delivery = tokio::spawn(spool.clone().deliver(link.clone(), Timing::of(&Map::new())));
        tokio::task::yield_now().await;
        assert!(master.heard().is_empty(), "nothing is sent before there is a master");
        link.up(master.clone());
        spool.drained().await;
        let jids: Vec<_> = master.heard().iter().map(|l| l.get_str("jid").unwrap().to_string()).collect();
        assert_eq!(jids, ["1", "2"]);
        assert_eq!(master.heard()[0], sample("1"));
        assert_eq!(files(directory.path()), 0);
        delivery.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_sent_again_until_it_is_refused_for_good() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        let (master, link) = (Scripted::new(Map::new()), link());
        let tries = Mutex::new(0);
        master.answers(move |load| match load.get_str("jid") {
            Some("refused") => Err(Error::Refused("bad load".into())),
            _ => {
                let mut tries = tries.lock().unwrap();
                *tries += 1;
                if *tries < 4 { Err(Error::Timeout) } else { Ok(Value::None) }
            }
        });
        link.up(master.clone());
        let delivery = tokio::spawn(spool.clone().deliver(link.clone(), Timing::of(&Map::new())));
        spool.push(sample("late"), true).await;
        spool.push(sample("refused"), true).await;
        eventually(|| spool.is_empty()).await;
        let count = |jid: &str| master.heard().iter().filter(|l| l.get_str("jid") == Some(jid)).count();
        assert_eq!((count("late"), count("refused")), (4, 3));
        assert_eq!(files(directory.path()), 0);
        delivery.abort();
    }

    #[tokio::test]
    async fn an_answer_about_jobs_is_not_worth_keeping() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::open(directory.path()).unwrap();
        let (master, link) = (Scripted::new(Map::new()), link());
        master.answers(|_| Err(Error::Timeout));
        link.up(master.clone());
        spool.push(sample("poll"), false).await;
        assert_eq!(files(directory.path()), 0);
        let delivery = tokio::spawn(spool.clone().deliver(link, Timing::of(&Map::new())));
        spool.drained().await;
        assert_eq!(master.heard().len(), 1);
        delivery.abort();
    }

    #[test]
    fn the_time_of_a_try_lies_between_the_options() {
        let timing = Timing::of(
            &map! { "return_retry_timer" => 2, "return_retry_timer_max" => 0, "return_retry_tries" => 5 },
        );
        assert_eq!(timing.patience(), Patience { timeout: Duration::from_secs(2), tries: 5 });
        let patience = Timing::of(&Map::new()).patience();
        assert!((5..=10).contains(&patience.timeout.as_secs()) && patience.tries == 3);
    }
}
