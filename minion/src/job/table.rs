//! The running jobs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use salt::Map;
use salt::context::Queue;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use vcenter::Work;

use super::journal;

use super::proc::{ProcDir, ProcFile};

/// The running jobs of one minion.
#[derive(Default)]
pub struct Jobs {
    /// Which of the state runs among them wait.
    queue: Queue,
    /// Where each job has a file, if it has one.
    directory: Option<ProcDir>,
    running: Mutex<Running>,
    ended: Notify,
}

/// The entry of one running job.
pub type Ticket = u64;

#[derive(Default)]
struct Running {
    next: Ticket,
    busy: usize,
    jobs: BTreeMap<Ticket, Entry>,
}

struct Entry {
    jid: String,
    proc: Map,
    task: AbortHandle,
    file: Option<ProcFile>,
    /// It waits for its turn.
    waits: bool,
    journal: Option<(Arc<journal::Entry>, Work)>,
}

impl Entry {
    /// The job is over.
    fn over(self) {
        if let Some(file) = self.file {
            file.remove();
        }
    }
}

/// Held by the task of a job from the publication to the spooled return, however it ends.
pub struct Busy(Arc<Jobs>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.lock().busy -= 1;
        self.0.ended.notify_waiters();
    }
}

impl Jobs {
    /// Jobs with files, by which other processes see them and they those of others.
    pub fn with_files(directory: ProcDir) -> Jobs {
        Jobs { directory: Some(directory), ..Jobs::default() }
    }

    /// The queue of the state runs among them.
    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// A job has come that nobody can see yet.
    pub fn busy(self: &Arc<Jobs>) -> Busy {
        self.lock().busy += 1;
        Busy(self.clone())
    }

    /// Records a job that begins. Its record is what Salt writes into `proc/<jid>`: the publication with the `pid`.
    pub fn record(&self, jid: &str, load: &Map, task: AbortHandle) -> Ticket {
        let mut proc = Map::new().with("pid", std::process::id());
        proc.extend(load.clone());
        let file = self.directory.as_ref().and_then(|directory| directory.write(jid, &proc));
        let mut running = self.lock();
        running.next += 1;
        let ticket = running.next;
        running.jobs.insert(ticket, Entry { jid: jid.into(), proc, task, file, waits: false, journal: None });
        ticket
    }

    /// The work that a job's calls are part of, by which they are stopped if the job is killed.
    pub fn work(&self, ticket: Ticket, journal: &Arc<journal::Entry>) -> Work {
        let work = journal.work();
        if let Some(entry) = self.lock().jobs.get_mut(&ticket) {
            entry.journal = Some((journal.clone(), work.clone()));
        }
        work
    }

    /// Removes the record of a job that is over.
    pub fn remove(&self, ticket: Ticket) {
        let entry = self.lock().jobs.remove(&ticket);
        if let Some(entry) = entry {
            entry.over();
        }
    }

    /// Says of a job whether it waits for its turn.
    pub fn waits(&self, ticket: Ticket, waits: bool) {
        if let Some(entry) = self.lock().jobs.get_mut(&ticket) {
            entry.waits = waits;
        }
    }

    /// The records of all running jobs, the oldest first; those of other processes last.
    pub fn all(&self) -> Vec<Map> {
        let mut all: Vec<Map> = self.records(false);
        all.extend(self.directory.iter().flat_map(ProcDir::others));
        all
    }

    /// The records of the jobs that wait for their turn, as Salt has those of its queues.
    pub fn queued(&self) -> Vec<Map> {
        let queued = |proc: Map| proc.with("pid", 0).with("queued", true).with("queue_type", "job_queue");
        self.records(true).into_iter().map(queued).collect()
    }

    fn records(&self, waits: bool) -> Vec<Map> {
        let running = self.lock();
        running.jobs.values().filter(|entry| entry.waits == waits).map(|entry| entry.proc.clone()).collect()
    }

    /// Ends a job: it returns nothing, and the vCenter is asked to stop what it does for it. Gives the process id that Salt
    /// names in its answer; none if there is no such job. Signals other than 9 and 15 only test whether there is one.
    pub fn signal(&self, jid: &str, signal: i64) -> Option<i64> {
        let mut running = self.lock();
        let tickets: Vec<Ticket> =
            running.jobs.iter().filter(|(_, entry)| entry.jid == jid).map(|(ticket, _)| *ticket).collect();
        if tickets.is_empty() {
            return None;
        }
        if matches!(signal, 9 | 15) {
            for mut entry in tickets.iter().filter_map(|ticket| running.jobs.remove(ticket)) {
                // What is under way has to be noted before the job lets go of it.
                let stop = entry.journal.take().map(|(journal, work)| (journal, work.stop()));
                entry.task.abort();
                if let Some((journal, stop)) = stop {
                    journal.close();
                    tokio::spawn(stop);
                }
                entry.over();
            }
        }
        Some(std::process::id().into())
    }

    /// Waits until no job runs and all their returns are in the spool.
    pub async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.lock().busy == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Ends all jobs. What the vCenter does for them goes on, and the next start finds out what has become of it.
    pub fn abort_all(&self) {
        for (_, entry) in std::mem::take(&mut self.lock().jobs) {
            entry.task.abort();
            entry.over();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::map;

    #[tokio::test]
    async fn a_killed_job_is_gone_at_once() {
        let jobs = Arc::new(Jobs::default());
        let busy = jobs.busy();
        let task = tokio::spawn(async move {
            let _busy = busy;
            std::future::pending::<()>().await;
        });
        jobs.record("7", &map! { "fun" => "test.sleep" }, task.abort_handle());
        assert_eq!(jobs.all()[0].get_str("fun"), Some("test.sleep"));
        assert_eq!(jobs.signal("8", 9), None);
        assert_eq!(jobs.signal("7", 0), Some(std::process::id().into()));
        assert_eq!(jobs.all().len(), 1, "signal 0 ends nothing");
        assert!(jobs.signal("7", 15).is_some());
        assert!(jobs.all().is_empty());
        assert!(task.await.is_err_and(|e| e.is_cancelled()));
        jobs.idle().await;
    }
}
