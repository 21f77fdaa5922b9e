//! How much is asked of the server at once. Who must wait is served in the order of coming; reads and writes wait in lanes
//! of their own, so that neither holds up the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::patience::Patience;
use crate::{Error, Result};

/// How much may be under way at once. What is above waits for its turn.
///
/// The defaults are what a vCenter does at once without queueing for long itself; at least one is always let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that read, as `RetrievePropertiesEx` and `QueryPerf`; 16 by default.
    pub reads: usize,
    /// All other calls; 8 by default. One that starts a task lasts only until the task is started.
    pub writes: usize,
    /// Tasks that somebody here waits for; 32 by default.
    pub tasks: usize,
    /// Those of them that work on one host's virtual machines; 8 by default, which is what a host does at once of the
    /// costly ones. Who waits for a host takes no place from those who go to others.
    pub tasks_per_host: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reads: 16, writes: 8, tasks: 32, tasks_per_host: 8 }
    }
}

/// Where a call waits for its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// With those that read.
    Read,
    /// With those that change something.
    Write,
    /// With the tasks.
    Task,
    /// Nowhere: it lasts long and costs nothing, or ends what others wait for.
    Free,
}

/// The leave to go ahead, until it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

/// The lanes of one session.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    tasks: Arc<Semaphore>,
    /// The lanes of hosts that somebody goes to.
    hosts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Admission {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            reads: lane(limits.reads),
            writes: lane(limits.writes),
            tasks: lane(limits.tasks),
            hosts: Mutex::default(),
        }
    }

    /// Waits until it is the turn of a task on a host, before that of the task itself.
    ///
    /// # Errors
    ///
    /// As those of [`Admission::turn`].
    pub async fn host_turn(&self, host: &str, what: &str, timeout: Duration) -> Result<Turn> {
        let limit = self.limits.tasks_per_host;
        let own = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.retain(|_, lane| lane.strong_count() > 0);
            match hosts.get(host).and_then(Weak::upgrade) {
                Some(lane) => lane,
                None => {
                    let fresh = lane(limit);
                    hosts.insert(host.to_owned(), Arc::downgrade(&fresh));
                    fresh
                }
            }
        };
        wait(own, limit, what, timeout).await
    }

    /// Waits until it is `what`'s turn.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if that takes longer than `timeout`; nothing was sent then.
    pub async fn turn(&self, lane: Lane, what: &str, timeout: Duration) -> Result<Turn> {
        let (semaphore, limit) = match lane {
            Lane::Read => (&self.reads, self.limits.reads),
            Lane::Write => (&self.writes, self.limits.writes),
            Lane::Task => (&self.tasks, self.limits.tasks),
            Lane::Free => return Ok(Turn(None)),
        };
        wait(semaphore.clone(), limit, what, timeout).await
    }
}

fn lane(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)))
}

async fn wait(lane: Arc<Semaphore>, limit: usize, what: &str, timeout: Duration) -> Result<Turn> {
    match tokio::time::timeout(timeout, lane.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(Turn(Some(permit))),
        Ok(Err(_)) => Err(Error::Closed),
        Err(_) => Err(Error::Busy { what: what.to_owned(), limit: limit.max(1), after: timeout }),
    }
}

impl Lane {
    /// The lane of the SOAP method `method`. The API does not say which methods only read; their names do.
    pub fn of(kind: &str, method: &str) -> Self {
        const FREE: [&str; 7] = [
            "WaitForUpdatesEx",
            "WaitForUpdates",
            "CheckForUpdates",
            "CancelWaitForUpdates",
            "CancelTask",
            "SessionIsActive",
            "TerminateSession",
        ];
        const READS: [&str; 15] = [
            "Retrieve", "Continue", "Query", "Find", "Fetch", "Get", "List", "Read", "Lookup", "Has",
            "Check", "Validate", "Current", "Browse", "Estimate",
        ];
        // Filters and views live in the session and change nothing in the vCenter.
        const OF_READING: [&str; 5] =
            ["PropertyCollector", "PropertyFilter", "ViewManager", "ContainerView", "ListView"];
        if FREE.contains(&method) {
            return Self::Free;
        }
        if method.ends_with("_Task") {
            return Self::Write;
        }
        let bare = ["Pbm", "Vsan", "Vslm", "Sms"].iter().find_map(|service| method.strip_prefix(service));
        let bare = bare.unwrap_or(method);
        match OF_READING.contains(&kind) || READS.iter().any(|verb| bare.starts_with(verb)) {
            true => Self::Read,
            false => Self::Write,
        }
    }

    /// How long to go on with a call of this lane that the server is too busy for. Who waits for updates has ways of
    /// its own to come back, and must know at once that it was not heard.
    pub fn patience(self, timeout: Duration) -> Patience {
        if self == Self::Free { Patience::once(timeout) } else { Patience::new(timeout) }
    }
}

/// Whether a fault of a call says that the server has refused it because too much is under way.
///
/// Those are no errors of what was asked, and nothing has been done. `TooManyHosts` and its like are not among them: they
/// are limits of licences and of products, which waiting does not change.
pub fn is_refusal(fault: &crate::Fault) -> bool {
    ["TooManyConcurrentNativeClones", "TooManyGuestLogons"].iter().any(|kind| fault.is(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_name_says_what_reads() {
        for (kind, method, lane) in [
            ("PropertyCollector", "RetrievePropertiesEx", Lane::Read),
            ("PropertyCollector", "CreateFilter", Lane::Read),
            ("PropertyCollector", "WaitForUpdatesEx", Lane::Free),
            ("PerformanceManager", "QueryPerf", Lane::Read),
            ("PbmProfileProfileManager", "PbmQueryProfile", Lane::Read),
            ("PbmProfileProfileManager", "PbmCreate", Lane::Write),
            ("VirtualMachine", "PowerOnVM_Task", Lane::Write),
            ("HostDatastoreBrowser", "SearchDatastore_Task", Lane::Write),
            ("Folder", "CreateDatacenter", Lane::Write),
            ("Task", "CancelTask", Lane::Free),
        ] {
            assert_eq!(Lane::of(kind, method), lane, "{kind}.{method}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_lane_has_its_own_turns() {
        let admission = Admission::new(Limits { reads: 1, writes: 1, tasks: 0, tasks_per_host: 1 });
        let write = admission.turn(Lane::Write, "a", SHORT).await.unwrap();
        let error = admission.turn(Lane::Write, "PowerOnVM_Task", SHORT).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "PowerOnVM_Task was not sent: for 0.02 s as much was under way as is allowed at once (1)"
        );
        assert_eq!(error.recovery(), crate::Recovery::Retry);
        // Writes that pile up do not hold up who reads.
        let _read = admission.turn(Lane::Read, "b", SHORT).await.unwrap();
        let _task = admission.turn(Lane::Task, "c", SHORT).await.expect("one always gets through");
        drop(write);
        admission.turn(Lane::Write, "d", SHORT).await.unwrap();
        let _free = [
            admission.turn(Lane::Free, "e", SHORT).await.unwrap(),
            admission.turn(Lane::Free, "e", SHORT).await.unwrap(),
        ];
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_host_holds_up_nobody_elses() {
        let admission = Admission::new(Limits { tasks: 2, tasks_per_host: 1, ..Limits::default() });
        let one = admission.host_turn("host-1", "a", SHORT).await.unwrap();
        assert!(matches!(admission.host_turn("host-1", "b", SHORT).await, Err(Error::Busy { limit: 1, .. })));
        let _other = admission.host_turn("host-2", "c", SHORT).await.unwrap();
        drop(one);
        admission.host_turn("host-1", "d", SHORT).await.unwrap();
    }

    #[tokio::test]
    async fn who_comes_first_is_served_first() {
        let admission = Arc::new(Admission::new(Limits { reads: 2, ..Limits::default() }));
        let first = [
            admission.turn(Lane::Read, "x", LONG).await.unwrap(),
            admission.turn(Lane::Read, "x", LONG).await.unwrap(),
        ];
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for number in 0..10 {
            let (admission, served) = (admission.clone(), served.clone());
            waiting.spawn(async move {
                let turn = admission.turn(Lane::Read, "x", LONG).await.unwrap();
                served.lock().unwrap().push(number);
                drop(turn);
            });
            tokio::task::yield_now().await;
        }
        drop(first);
        waiting.join_all().await;
        assert_eq!(*served.lock().unwrap(), (0..10).collect::<Vec<_>>());
    }
}
