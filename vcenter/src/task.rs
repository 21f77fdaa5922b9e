//! Tasks: waiting for their end through a property collector that all waits share, without polling; and finding out what
//! became of one whose reference or whose end has been lost.

mod find;
mod resolve;
mod trace;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::collector::{self, Collector, FilterSpec, UpdateKind};
use crate::error::{Error, Recovery, Result};
use crate::session::Session;
use crate::soap::Fault;
use crate::vim::{MoRef, Object, Value};

pub(crate) use resolve::is_forgotten;
pub use trace::Trace;

/// How long one wait for task updates lasts; after it, tasks that nothing was heard of are asked for once.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The pause after the collector could not be asked.
const PAUSE: Duration = Duration::from_millis(500);

/// `TaskInfoState`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// `queued`
    Queued,
    /// `running`
    Running,
    /// `success`
    Success,
    /// `error`
    Error,
}

impl TaskState {
    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskState::Queued => "queued",
            TaskState::Running => "running",
            TaskState::Success => "success",
            TaskState::Error => "error",
        }
    }
}

/// What a task says of itself (`TaskInfo`).
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    /// How far it has come.
    pub state: TaskState,
    /// Percent, while it runs and says.
    pub progress: Option<u8>,
    /// The method it carries out, `PowerOnVM_Task`; none for some of the vCenter's own.
    pub name: Option<String>,
    /// The name of the object it works on.
    pub entity_name: Option<String>,
    /// The method's result: the new object of a creation, for instance.
    pub result: Value,
    /// Why it failed.
    pub error: Option<Fault>,
    /// Everything else.
    pub info: Object,
}

impl TaskInfo {
    fn decode(info: Object) -> TaskInfo {
        let state = match info.str("state") {
            Some("queued") => TaskState::Queued,
            Some("success") => TaskState::Success,
            Some("error") => TaskState::Error,
            _ => TaskState::Running,
        };
        TaskInfo {
            state,
            progress: info.i64("progress").and_then(|percent| u8::try_from(percent).ok()),
            name: info.str("name").filter(|name| !name.is_empty()).map(str::to_owned),
            entity_name: info.str("entityName").filter(|name| !name.is_empty()).map(str::to_owned),
            result: info.get("result").cloned().unwrap_or_default(),
            error: info.get("error").and_then(Fault::from_value),
            info,
        }
    }

    /// Whether it has ended, well or not.
    pub fn is_over(&self) -> bool {
        matches!(self.state, TaskState::Success | TaskState::Error)
    }

    /// Whether it can be stopped.
    pub fn cancelable(&self) -> bool {
        self.info.bool("cancelable").unwrap_or(false)
    }

    /// The result of a task that has ended; its fault as [`Error::Task`].
    fn outcome(self, what: Option<&str>) -> Result<Value> {
        if self.state == TaskState::Success {
            return Ok(self.result);
        }
        let method = what.or(self.name.as_deref()).unwrap_or("Task").to_owned();
        let name = match &self.entity_name {
            Some(entity) => format!("{method} of '{entity}'"),
            None => method,
        };
        let fault = self.error.unwrap_or_else(|| {
            Fault::new("The task failed and does not say why.", Object::new("MethodFault"))
        });
        Err(Error::Task { name, fault })
    }
}

/// What is known of a task that is being followed: nothing yet, how far it is, or that it cannot be followed.
type Known = Option<Result<TaskInfo>>;

/// Follows the tasks that somebody waits for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks {
    session: Session,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Tasks that nobody waits for any more are dropped by the follower.
    followed: Mutex<HashMap<MoRef, watch::Sender<Known>>>,
    changed: Notify,
}

impl Tasks {
    /// Tasks of a session, and the loop that follows them, to be spawned by the caller.
    pub(crate) fn new(session: Session) -> (Tasks, impl Future<Output = ()> + Send) {
        let tasks = Tasks { session: session.clone(), shared: Arc::default() };
        let follower = Follower {
            session,
            shared: tasks.shared.clone(),
            collector: None,
            version: String::new(),
            filters: HashMap::new(),
        };
        (tasks, follower.run())
    }

    /// What a task says of itself now.
    pub async fn info(&self, task: &MoRef) -> Result<TaskInfo> {
        read_info(&self.session, task).await
    }

    /// Waits for a task's end, and returns its result. Survives a new login in between: the task is found again.
    ///
    /// A failed task is [`Error::Task`]; one that has not ended in time [`Error::Timeout`], and goes on.
    pub async fn wait(&self, task: &MoRef, timeout: Duration) -> Result<Value> {
        self.wait_with(task, timeout, None, |_| ()).await
    }

    /// As [`Tasks::wait`], telling each change on the way. `what` names the task in errors, where it is better known than
    /// by the task itself.
    pub async fn wait_with(
        &self,
        task: &MoRef,
        timeout: Duration,
        what: Option<&str>,
        progress: impl FnMut(&TaskInfo),
    ) -> Result<Value> {
        match tokio::time::timeout(timeout, self.follow(task, progress)).await {
            Ok(info) => info?.outcome(what),
            Err(_) => Err(Error::Timeout {
                what: what.map_or_else(|| task.to_string(), str::to_owned),
                after: timeout,
            }),
        }
    }

    /// Asks the vCenter to stop a task (`CancelTask`), which then ends with the fault `RequestCanceled`.
    pub async fn cancel(&self, task: &MoRef) -> Result<()> {
        self.session.call(task, "CancelTask", ()).await.map(drop)
    }

    async fn follow(&self, task: &MoRef, mut progress: impl FnMut(&TaskInfo)) -> Result<TaskInfo> {
        // Many tasks are over by now, and then one question is all it takes.
        match read_info(&self.session, task).await {
            Ok(info) => {
                progress(&info);
                if info.is_over() {
                    return Ok(info);
                }
            }
            Err(error) if error.recovery() == Recovery::Retry => {}
            Err(error) => return Err(error),
        }
        let mut known = self.shared.follow(task);
        loop {
            let info = known.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
            let Some(info) = info.transpose()? else { return Err(Error::Closed) };
            progress(&info);
            if info.is_over() {
                return Ok(info);
            }
            if known.changed().await.is_err() {
                return Err(Error::Closed);
            }
        }
    }
}

impl Shared {
    fn follow(&self, task: &MoRef) -> watch::Receiver<Known> {
        let receiver =
            self.locked().entry(task.clone()).or_insert_with(|| watch::Sender::new(None)).subscribe();
        self.changed.notify_one();
        receiver
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<MoRef, watch::Sender<Known>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait; a task that is over is followed no longer.
    fn tell(&self, task: &MoRef, info: Result<TaskInfo>) {
        let over = info.as_ref().map_or(true, TaskInfo::is_over);
        let mut followed = self.locked();
        if let Some(sender) = followed.get(task) {
            sender.send_replace(Some(info));
            if over {
                followed.remove(task);
            }
        }
    }

    /// The tasks that somebody still waits for.
    fn wanted(&self) -> Vec<MoRef> {
        let mut followed = self.locked();
        followed.retain(|_, sender| sender.receiver_count() > 0);
        followed.keys().cloned().collect()
    }
}

/// One wait for updates, for all tasks that are followed.
struct Follower {
    session: Session,
    shared: Arc<Shared>,
    collector: Option<Arc<Collector>>,
    version: String,
    filters: HashMap<MoRef, MoRef>,
}

/// Nobody is left waiting for what is not coming.
impl Drop for Follower {
    fn drop(&mut self) {
        for task in self.shared.wanted() {
            self.shared.tell(&task, Err(Error::Closed));
        }
    }
}

impl Follower {
    async fn run(mut self) {
        loop {
            while self.shared.wanted().is_empty() {
                self.shared.changed.notified().await;
            }
            if let Err(error) = self.follow().await {
                tracing::debug!(%error, "cannot follow tasks");
                if error.recovery() == Recovery::Give && error.fault().is_none() {
                    // There is no session, and there will be none.
                    for task in self.shared.wanted() {
                        self.shared.tell(&task, Err(error.clone()));
                    }
                }
                if !(error.recovery() == Recovery::Retry || error.is("RequestCanceled")) {
                    // The collector and the filters went with their session, or are of no use.
                    self.forget().await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn forget(&mut self) {
        self.filters.clear();
        self.version.clear();
        // Still shared if a wait has not noticed yet; then it goes with its session.
        if let Some(collector) = self.collector.take().and_then(Arc::into_inner) {
            collector.destroy().await;
        }
    }

    /// One wait, during which tasks can join and leave.
    async fn follow(&mut self) -> Result<()> {
        let collector = match &self.collector {
            Some(collector) => collector.clone(),
            None => self.collector.insert(Arc::new(Collector::create(&self.session).await?)).clone(),
        };
        self.set_filters(&collector).await?;
        let version = self.version.clone();
        let wait = collector.wait(&version, MAX_WAIT, 100);
        tokio::pin!(wait);
        let set = loop {
            tokio::select! {
                set = &mut wait => break set?,
                () = self.shared.changed.notified() => self.set_filters(&collector).await?,
            }
        };
        let Some(set) = set else {
            // A server may have missed to tell. This is once in a long while, for tasks that take long.
            for task in self.shared.wanted() {
                self.ask(&task).await?;
            }
            return Ok(());
        };
        self.version = set.version;
        for update in set.objects {
            if update.kind == UpdateKind::Leave {
                self.ask(&update.reference).await?;
                continue;
            }
            let info = update.properties.into_iter().find(|(path, _)| &**path == "info");
            if let Some(info) = info.and_then(|(_, info)| info?.into_object()) {
                self.shared.tell(&update.reference, Ok(TaskInfo::decode(info)));
            }
        }
        self.set_filters(&collector).await
    }

    /// A filter for each task that is followed, and none for others.
    async fn set_filters(&mut self, collector: &Collector) -> Result<()> {
        let wanted = self.shared.wanted();
        let idle: Vec<MoRef> = self.filters.keys().filter(|task| !wanted.contains(task)).cloned().collect();
        for task in idle {
            if let Some(filter) = self.filters.remove(&task) {
                collector.remove(&filter).await?;
            }
        }
        for task in wanted {
            if self.filters.contains_key(&task) {
                continue;
            }
            let spec = FilterSpec::new().object(&task).properties("Task", &["info"]);
            match collector.filter(&spec).await {
                Ok(filter) => drop(self.filters.insert(task.clone(), filter)),
                Err(error) if error.fault().and_then(|fault| fault.detail().moref("obj")) == Some(&task) => {
                    self.shared.tell(&task, Err(error));
                    continue;
                }
                Err(error) => return Err(error),
            }
            // It may have ended before the filter was there, and then there is nothing more to be told.
            self.ask(&task).await?;
        }
        Ok(())
    }

    async fn ask(&self, task: &MoRef) -> Result<()> {
        match read_info(&self.session, task).await {
            Ok(info) => self.shared.tell(task, Ok(info)),
            Err(error) if collector::is_gone(&error) => self.shared.tell(task, Err(error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

async fn read_info(session: &Session, task: &MoRef) -> Result<TaskInfo> {
    let info = collector::read_property(session, task, "info").await?;
    info.into_object().map(TaskInfo::decode).ok_or_else(|| Error::Decode {
        method: "RetrievePropertiesEx".to_owned(),
        at: format!("info of {task}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(state: &str) -> Object {
        Object::new("TaskInfo").set("state", state).set("name", "PowerOnVM_Task").set("entityName", "vm01")
    }

    #[test]
    fn a_task_gives_its_result() {
        let done = TaskInfo::decode(info("success").set("result", MoRef::new("VirtualMachine", "vm-7")));
        assert!(done.is_over());
        assert_eq!(done.outcome(None).unwrap(), Value::from(MoRef::new("VirtualMachine", "vm-7")));
    }

    #[test]
    fn a_failed_task_says_what_failed_and_why() {
        let fault = Object::new("LocalizedMethodFault")
            .set("fault", Object::new("InvalidPowerState"))
            .set("localizedMessage", "The attempted operation cannot be performed");
        let failed = TaskInfo::decode(info("error").set("error", fault));
        let error = failed.outcome(None).unwrap_err();
        assert!(error.is("InvalidPowerState"));
        assert_eq!(
            error.to_string(),
            "PowerOnVM_Task of 'vm01' failed: The attempted operation cannot be performed (InvalidPowerState)"
        );
    }

    #[test]
    fn a_task_that_runs_is_not_over() {
        let running = TaskInfo::decode(info("running").set("progress", 40));
        assert_eq!((running.is_over(), running.progress), (false, Some(40)));
        assert!(!TaskInfo::decode(info("queued")).is_over());
    }

    #[test]
    fn waiters_share_what_is_told_and_leave_nothing_behind() {
        let shared = Shared::default();
        let task = MoRef::new("Task", "task-1");
        let (one, two) = (shared.follow(&task), shared.follow(&task));
        assert_eq!(shared.wanted(), std::slice::from_ref(&task));
        shared.tell(&task, Ok(TaskInfo::decode(info("success"))));
        for receiver in [&one, &two] {
            assert!(receiver.borrow().as_ref().unwrap().as_ref().unwrap().is_over());
        }
        assert!(shared.wanted().is_empty());

        let waiting = shared.follow(&task);
        drop(waiting);
        assert!(shared.wanted().is_empty(), "nobody waits any more");
    }
}
