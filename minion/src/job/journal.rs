//! What the running jobs are, and what they have asked of the vCenter, on disk: a minion that is ended in the middle of a job,
//! however that happens, finds out at its next start what has become of it, and returns that (`resume.rs`).
//!
//! A file a job, of records that are only appended, each with its length before it:
//!
//! | record | when | before the job goes on it is |
//! |---|---|---|
//! | `accepted`, with the publication | the job begins | written |
//! | `intent`, with all of [`Intent`] | something that changes the vCenter is about to be sent | on the disk itself |
//! | `task`, with the task's reference | the vCenter has made a task of it | written |
//! | `end`, with the error if it is one | that is over | written |
//!
//! What is written outlives the process; only the intent has to outlive the machine, for all else can be found by it. The
//! file goes when the return is in the spool.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use salt::context::Identity;
use salt::{Map, Value, map, msgpack};
use tracing::{debug, error, warn};
use vcenter::task::TaskInfo;
use vcenter::vim::DateTime;
use vcenter::work::{Intent, Witness};
use vcenter::{MoRef, Work};

use super::progress::Progress;

/// No record of ours is larger; a longer one is not ours.
const LARGEST: u32 = 64 << 20;

/// The journal of one minion of one master.
pub struct Journal {
    directory: PathBuf,
    counter: AtomicU64,
}

/// A job that an earlier process has left.
#[derive(Debug)]
pub struct Left {
    path: PathBuf,
    /// The publication.
    pub load: Map,
    /// What it has asked, in order.
    pub steps: Vec<Past>,
}

/// Something that was asked.
#[derive(Debug)]
pub struct Past {
    /// What.
    pub intent: Intent,
    /// The task that was made of it, if that was known.
    pub task: Option<MoRef>,
    /// How it ended, if that was known: well, or with these words.
    pub end: Option<Result<(), String>>,
}

impl Journal {
    /// Opens the journal in a directory, with the jobs that an earlier process has left there.
    ///
    /// # Errors
    /// The directory can't be made or read.
    pub fn open(directory: &Path) -> io::Result<(Arc<Journal>, Vec<Left>)> {
        std::fs::create_dir_all(directory)?;
        let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
            .map(|file| file.map(|file| file.path()))
            .filter(|path| path.as_ref().map_or(true, |path| path.extension().is_some_and(|e| e == "job")))
            .collect::<io::Result<_>>()?;
        files.sort();
        let mut left = Vec::new();
        for path in files {
            match std::fs::read(&path).map(|bytes| read(&path, &bytes)) {
                Ok(Some(one)) => left.push(one),
                _ => {
                    // Not even who asked is known: the process died while it accepted the job.
                    warn!("the journal {} can't be read and is dropped", path.display());
                    remove(&path);
                }
            }
        }
        Ok((Arc::new(Journal { directory: directory.into(), counter: AtomicU64::new(0) }), left))
    }

    /// Takes a job down. It runs as the work that the entry gives, and is closed at its end.
    pub async fn accept(&self, identity: &Arc<Identity>, jid: &str, load: &Map) -> Arc<Entry> {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let path = self.directory.join(format!("{:020}-{number:06}.job", nanos.as_nanos()));
        let record = map! { "step" => "accepted", "load" => load.clone() };
        let at = path.clone();
        let made = tokio::task::spawn_blocking(move || create(&at, &record)).await;
        let file = match made.map_err(io::Error::other).flatten() {
            Ok(file) => Some(Arc::new(file)),
            Err(e) => {
                error!("the job {jid} can't be put down in {}: {e}", path.display());
                None
            }
        };
        let progress = Progress::new(identity.clone(), jid);
        // The time keeps jobs apart whose jid the master has yet to make.
        let id = format!("{jid}-{:x}", (nanos.as_nanos() as u64) ^ (number << 48));
        Arc::new(Entry { id, path, file: Mutex::new(file), progress })
    }
}

/// The journal of one job.
pub struct Entry {
    id: String,
    path: PathBuf,
    /// None if it could not be made, or is closed.
    file: Mutex<Option<Arc<File>>>,
    progress: Progress,
}

impl Entry {
    /// The work that the job's calls are part of.
    pub fn work(self: &Arc<Entry>) -> Work {
        Work::witnessed(self.id.as_str(), self.clone())
    }

    /// The job is over, and nobody will ask for it any more.
    pub fn close(&self) {
        if self.file.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            remove(&self.path);
        }
    }

    async fn append(&self, record: Map, durable: bool) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let file = file.ok_or_else(|| io::Error::other("the job's journal is not there"))?;
        let directory = self.path.parent().map(Path::to_path_buf);
        let written = tokio::task::spawn_blocking(move || {
            (&*file).write_all(&framed(&record)?)?;
            if durable {
                file.sync_all()?;
                // The file's name has to be there, too.
                directory.map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
            }
            Ok(())
        });
        written.await.map_err(io::Error::other).flatten()
    }

    async fn note(&self, record: Map) {
        if let Err(e) = self.append(record, false).await {
            warn!("the journal {} can't be written: {e}", self.path.display());
        }
    }
}

impl Witness for Entry {
    fn intends<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<(), String>> {
        async move { self.append(of_intent(intent), true).await.map_err(|e| e.to_string()) }.boxed()
    }

    fn started<'a>(&'a self, intent: &'a Intent, task: &'a MoRef) -> BoxFuture<'a, ()> {
        let record = map! { "step" => "task", "op_id" => intent.op_id.as_str(), "task" => task.to_string() };
        self.note(record).boxed()
    }

    fn proceeds(&self, intent: &Intent, info: &TaskInfo) {
        self.progress.tell(intent, info);
    }

    fn ended<'a>(&'a self, intent: &'a Intent, outcome: Result<(), &'a vcenter::Error>) -> BoxFuture<'a, ()> {
        let error = outcome.err().map(ToString::to_string);
        let record = map! { "step" => "end", "op_id" => intent.op_id.as_str(), "error" => error };
        self.note(record).boxed()
    }
}

impl Left {
    /// It has been returned.
    pub fn close(&self) {
        remove(&self.path);
    }
}

fn create(path: &Path, record: &Map) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(&framed(record)?)?;
    Ok(file)
}

fn remove(path: &Path) {
    if let Err(e) = std::fs::remove_file(path) {
        warn!("the journal {} can't be removed: {e}", path.display());
    }
}

fn framed(record: &Map) -> io::Result<Vec<u8>> {
    let bytes = msgpack::pack_modern(&Value::Map(record.clone())).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LARGEST);
    let length = length.ok_or_else(|| io::Error::other("the record is too large"))?;
    Ok([&length.to_be_bytes()[..], &bytes].concat())
}

/// The records up to the end, or to one that was cut off.
fn records(mut bytes: &[u8]) -> Vec<Map> {
    let mut found = Vec::new();
    loop {
        let mut length = [0; 4];
        if bytes.read_exact(&mut length).is_err() {
            return found;
        }
        let Some((record, rest)) = bytes.split_at_checked(u32::from_be_bytes(length) as usize) else {
            return found;
        };
        match msgpack::unpack_modern(record) {
            Ok(Value::Map(record)) => found.push(record),
            _ => return found,
        }
        bytes = rest;
    }
}

fn read(path: &Path, bytes: &[u8]) -> Option<Left> {
    let mut records = records(bytes).into_iter();
    let load = records.next()?.remove("load")?;
    let Value::Map(load) = load else { return None };
    let mut left = Left { path: path.into(), load, steps: Vec::new() };
    for record in records {
        let op_id = record.get_str("op_id").unwrap_or_default();
        let known = left.steps.iter_mut().find(|step| step.intent.op_id == op_id);
        match (record.get_str("step"), known) {
            (Some("intent"), _) => match intent_of(&record) {
                Some(intent) => left.steps.push(Past { intent, task: None, end: None }),
                None => warn!("{} has an intent that can't be read", path.display()),
            },
            (Some("task"), Some(past)) => {
                past.task = record.get_str("task").and_then(|task| task.parse().ok())
            }
            (Some("end"), Some(past)) => {
                past.end = Some(record.get_str("error").map_or(Ok(()), |error| Err(error.to_string())));
            }
            (step, _) => debug!("{} has a record that means nothing: {step:?}", path.display()),
        }
    }
    Some(left)
}

fn of_intent(intent: &Intent) -> Map {
    map! {
        "step" => "intent",
        "op_id" => intent.op_id.as_str(),
        "vcenter" => intent.vcenter.as_str(),
        "object" => intent.object.to_string(),
        "entity" => intent.entity.as_ref().map(ToString::to_string),
        "name" => intent.name.as_str(),
        "method" => intent.method.as_str(),
        "since" => intent.since.as_str(),
        "trace" => intent.trace.to_string(),
        "remark" => Value::Bytes(intent.remark.clone()),
    }
}

fn intent_of(record: &Map) -> Option<Intent> {
    let text = |key: &str| record.get_str(key).map(str::to_string);
    Some(Intent {
        op_id: text("op_id")?,
        vcenter: text("vcenter")?,
        object: text("object")?.parse().ok()?,
        entity: text("entity").and_then(|entity| entity.parse().ok()),
        name: text("name")?,
        method: text("method")?,
        since: DateTime::new(text("since")?),
        trace: text("trace")?.parse().ok()?,
        remark: record.get("remark").and_then(Value::as_bytes).unwrap_or_default().to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::identity;
    use vcenter::task::Trace;

    fn intent(op_id: &str) -> Intent {
        let vm = MoRef::new("VirtualMachine", "vm-7");
        Intent {
            op_id: op_id.into(),
            vcenter: "uuid".into(),
            object: vm.clone(),
            entity: Some(vm),
            name: "vm01".into(),
            method: "CreateSnapshot_Task".into(),
            since: DateTime::new("2026-11-22T12:00:00Z"),
            trace: Trace::Snapshot("a".into()),
            remark: vec![0x81, 0xff],
        }
    }

    fn load(jid: &str) -> Map {
        map! { "jid" => jid, "fun" => "vmware_vm.create_snapshot", "arg" => vec!["vm01"] }
    }

    #[tokio::test]
    async fn what_a_job_has_asked_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, left) = Journal::open(directory.path()).unwrap();
        assert!(left.is_empty());
        let identity = identity(Map::new());
        let entry = journal.accept(&identity, "1", &load("1")).await;
        let (one, two, three) = (intent("1-1"), intent("1-2"), intent("1-3"));
        for intent in [&one, &two, &three] {
            entry.intends(intent).await.unwrap();
        }
        let task = MoRef::new("Task", "task-1");
        entry.started(&one, &task).await;
        entry.ended(&one, Ok(())).await;
        entry.ended(&two, Err(&vcenter::Error::Closed)).await;
        let done = journal.accept(&identity, "2", &load("2")).await;
        done.close();
        done.close();
        assert!(done.intends(&one).await.is_err(), "a job that is over asks for nothing more");
        // The process dies in the middle of a record, and while it accepts a job.
        let path = entry.path.clone();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[0, 0, 0, 9, 1]).unwrap();
        std::fs::write(directory.path().join("1.job"), [0, 0]).unwrap();
        drop(entry);

        let (_, mut left) = Journal::open(directory.path()).unwrap();
        assert_eq!(left.len(), 1);
        let left = left.remove(0);
        assert_eq!(left.load, load("1"));
        let all: Vec<_> = left.steps.iter().map(|p| (&p.intent, p.task.clone(), p.end.clone())).collect();
        let closed = Some(Err(vcenter::Error::Closed.to_string()));
        assert_eq!(all, [(&one, Some(task), Some(Ok(()))), (&two, None, closed), (&three, None, None)]);
        left.close();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn without_a_journal_nothing_is_asked() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(directory.path()).unwrap();
        directory.close().unwrap();
        let entry = journal.accept(&identity(Map::new()), "1", &load("1")).await;
        assert!(entry.intends(&intent("1-1")).await.is_err());
    }
}
