//! On whose behalf the vCenter is asked: an id that stands in its logs, and a witness of everything that changes something.
//!
//! Whoever must not lose what it has asked for, whatever happens to its process or to the connection, runs its work under a
//! [`Witness`]: it hears of each change before that is sent, and of the task as soon as there is one. [`Client::resolve`]
//! finds out later, from what the witness has kept, what has become of it.
//!
//! [`Client::resolve`]: crate::Client::resolve

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;

use crate::error::{Error, Result};
use crate::task::{TaskInfo, Tasks, Trace};
use crate::vim::{Args, DateTime, MoRef};

tokio::task_local! {
    static WORK: Work;
}

/// A piece of work that calls are made for. Cheap to clone.
#[derive(Clone)]
pub struct Work(Arc<Inner>);

struct Inner {
    id: String,
    steps: AtomicU32,
    witness: Option<Arc<dyn Witness>>,
    remark: Mutex<Vec<u8>>,
    under_way: Mutex<BTreeMap<String, UnderWay>>,
}

#[derive(Clone)]
struct UnderWay {
    tasks: Tasks,
    intent: Intent,
    task: Option<MoRef>,
}

/// Something that is about to be asked of the vCenter and changes something there.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Its id, which no other one has: `operationID` and `activationId` of the call, and so of the task.
    pub op_id: String,
    /// The instance UUID of the vCenter.
    pub vcenter: String,
    /// The object whose method is called.
    pub object: MoRef,
    /// The managed entity that the task is shown with, where that is known: the object, if it is one.
    pub entity: Option<MoRef>,
    /// The entity's name, or the object as text.
    pub name: String,
    /// The method.
    pub method: String,
    /// When it was asked, by our clock.
    pub since: DateTime,
    /// What it leaves behind where it succeeds.
    pub trace: Trace,
    /// What [`Work::remark`] has said of it.
    pub remark: Vec<u8>,
}

impl Intent {
    /// `PowerOnVM_Task of 'vm01'`
    pub fn what(&self) -> String {
        format!("{} of '{}'", self.method, self.name)
    }
}

/// One who must hear of what is asked.
pub trait Witness: Send + Sync {
    /// Something is about to be asked. It is sent only after this has come back well: what must outlive the process is on
    /// disk by then. The error says why it is not.
    fn intends<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<(), String>>;

    /// The vCenter has made a task of it.
    fn started<'a>(&'a self, intent: &'a Intent, task: &'a MoRef) -> BoxFuture<'a, ()>;

    /// The task has got somewhere.
    fn proceeds(&self, intent: &Intent, info: &TaskInfo);

    /// It is over.
    fn ended<'a>(&'a self, intent: &'a Intent, outcome: Result<(), &'a Error>) -> BoxFuture<'a, ()>;
}

impl Work {
    /// Work under an id that nobody is told of but the vCenter.
    pub fn new(id: impl Into<String>) -> Work {
        Work::build(id.into(), None)
    }

    /// Work with a witness. The id must differ from that of any other work.
    pub fn witnessed(id: impl Into<String>, witness: Arc<dyn Witness>) -> Work {
        Work::build(id.into(), Some(witness))
    }

    fn build(id: String, witness: Option<Arc<dyn Witness>>) -> Work {
        let (steps, remark, under_way) = (AtomicU32::new(0), Mutex::default(), Mutex::default());
        Work(Arc::new(Inner { id, steps, witness, remark, under_way }))
    }

    /// The work that is running here.
    pub fn current() -> Option<Work> {
        WORK.try_with(Clone::clone).ok()
    }

    /// Does something as part of this work. What is spawned from inside is not part of it.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        WORK.scope(self.clone(), work).await
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Says something of what is asked next ([`Intent::remark`]), for whoever resolves it one day.
    pub fn remark(&self, remark: Vec<u8>) {
        *locked(&self.0.remark) = remark;
    }

    /// Takes down what is under way at this moment; the future asks the vCenter to stop that (`CancelTask`), where it can be
    /// stopped. To be called before the work is dropped, and to be awaited after.
    pub fn stop(&self) -> impl Future<Output = ()> + Send + use<> {
        let all: Vec<UnderWay> = locked(&self.0.under_way).values().cloned().collect();
        async move {
            for UnderWay { tasks, intent, task } in all {
                match tasks.stop(&intent, task).await {
                    Ok(true) => tracing::info!("The vCenter was asked to stop {}", intent.what()),
                    Ok(false) => tracing::info!("{} goes on: it cannot be stopped", intent.what()),
                    Err(error) => tracing::warn!("{} could not be stopped: {error}", intent.what()),
                }
            }
        }
    }
}

/// Work that nobody has named.
impl Default for Work {
    fn default() -> Self {
        Work::new(format!("{:016x}", RandomState::new().hash_one(std::process::id())))
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Work").field(&self.0.id).finish()
    }
}

/// One change, from before it is sent to its end. Dropped before that, it is not over: its witness hears nothing more.
pub(crate) struct Step {
    work: Work,
    intent: Intent,
}

/// What a step is about.
pub(crate) struct About<'a> {
    pub vcenter: &'a str,
    pub object: &'a MoRef,
    pub entity: Option<MoRef>,
    pub name: Option<String>,
    pub method: &'a str,
    pub args: &'a Args,
}

impl Step {
    /// Tells the witness of the work that is running, and begins.
    pub async fn begin(tasks: &Tasks, about: About<'_>) -> Result<Step> {
        let work = Work::current().unwrap_or_default();
        let number = work.0.steps.fetch_add(1, Ordering::Relaxed) + 1;
        let intent = Intent {
            op_id: format!("{}-{number}", work.id()),
            vcenter: about.vcenter.to_owned(),
            object: about.object.clone(),
            entity: about.entity,
            name: about.name.unwrap_or_else(|| about.object.to_string()),
            method: about.method.to_owned(),
            since: jiff::Timestamp::now().into(),
            trace: Trace::of(about.method, about.args),
            remark: std::mem::take(&mut locked(&work.0.remark)),
        };
        if let Some(witness) = &work.0.witness {
            witness
                .intends(&intent)
                .await
                .map_err(|reason| Error::NotRecorded { what: intent.what(), reason })?;
        }
        let under_way = UnderWay { tasks: tasks.clone(), intent: intent.clone(), task: None };
        locked(&work.0.under_way).insert(intent.op_id.clone(), under_way);
        Ok(Step { work, intent })
    }

    /// What was intended.
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// There is a task.
    pub async fn started(&self, task: &MoRef) {
        if let Some(entry) = locked(&self.work.0.under_way).get_mut(&self.intent.op_id) {
            entry.task = Some(task.clone());
        }
        if let Some(witness) = &self.work.0.witness {
            witness.started(&self.intent, task).await;
        }
    }

    /// The task has got somewhere.
    pub fn proceeds(&self, info: &TaskInfo) {
        let percent = info.progress.map(|percent| format!(" {percent} %")).unwrap_or_default();
        tracing::debug!(
            op_id = self.intent.op_id,
            "{}: {}{percent}",
            self.intent.what(),
            info.state.as_str()
        );
        if let Some(witness) = &self.work.0.witness {
            witness.proceeds(&self.intent, info);
        }
    }

    /// It is over.
    pub async fn end<T>(self, outcome: Result<T>) -> Result<T> {
        if let Some(witness) = &self.work.0.witness {
            witness.ended(&self.intent, outcome.as_ref().map(drop)).await;
        }
        outcome
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        locked(&self.work.0.under_way).remove(&self.intent.op_id);
    }
}

/// Nothing panics while it holds one of these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
