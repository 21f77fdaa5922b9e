//! Finding a task again by what was asked, when its reference has been lost.
//!
//! A task tells the id that its call came with (`TaskInfo.activationId`, vSphere API 6.0). A server that does not keep that
//! can be asked for what it does for this user, on this object, by this method, since then; that counts only if it is one.

use crate::collector::{self, FilterSpec};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::vim::{Args, MoRef, Object, Value};
use crate::work::Intent;

use super::TaskInfo;

/// How far our clock and the vCenter's may be apart.
const SKEW: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// Tasks of the past that are looked at, at most: one object is not given more in such a time.
const PAST: i32 = 200;

/// The task that an intent has become: among the recent ones (some 200, of ten minutes), else in the history.
pub(super) async fn find(session: &Session, intent: &Intent) -> Result<Option<TaskInfo>> {
    let user = session.user_session().await?.str("userName").map(str::to_owned);
    let pick = |tasks: Vec<TaskInfo>| pick(tasks, intent, user.as_deref());
    match pick(recent(session).await?) {
        Some(task) => Ok(Some(task)),
        None => match past(session, intent).await {
            Ok(tasks) => Ok(pick(tasks)),
            // An ESXi host has no history.
            Err(Error::Unsupported { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    }
}

/// `TaskManager.recentTask`
async fn recent(session: &Session) -> Result<Vec<TaskInfo>> {
    let manager = session.service("taskManager").await?;
    let spec = FilterSpec::new().through(&manager, "recentTask").properties("Task", &["info"]);
    let found = collector::retrieve(session, &spec).await?;
    let infos = found.into_iter().filter_map(|task| task.properties.into_iter().next()?.1.into_object());
    Ok(infos.map(TaskInfo::decode).collect())
}

/// `TaskManager.CreateCollectorForTasks`, the newest first.
async fn past(session: &Session, intent: &Intent) -> Result<Vec<TaskInfo>> {
    let manager = session.service("taskManager").await?;
    let mut filter = Object::new("TaskFilterSpec");
    match &intent.entity {
        Some(entity) => {
            let entity = Object::new("TaskFilterSpecByEntity").set("entity", entity).set("recursion", "self");
            filter = filter.set("entity", entity);
            if let Some(since) = intent.since.timestamp() {
                let time = Object::new("TaskFilterSpecByTime")
                    .set("timeType", "queuedTime")
                    .set("beginTime", crate::vim::DateTime::from(since - SKEW));
                filter = filter.set("time", time);
            }
        }
        None => filter = filter.set("activationId", [intent.op_id.as_str()]),
    }
    let args = Args::new().set("filter", filter);
    let made = session.call(&manager, "CreateCollectorForTasks", args).await?;
    let Some(collector) = made.as_moref() else { return Ok(Vec::new()) };
    let args = Args::new().set("maxCount", PAST);
    let tasks = session.call(collector, "ReadNextTasks", args).await;
    if let Err(error) = session.call(collector, "DestroyCollector", ()).await {
        tracing::debug!(%error, "a history collector was not there any more");
    }
    Ok(tasks?.into_list().into_iter().filter_map(Value::into_object).map(TaskInfo::decode).collect())
}

/// The one that carries the id, else the only one that could be it.
fn pick(tasks: Vec<TaskInfo>, intent: &Intent, user: Option<&str>) -> Option<TaskInfo> {
    let (mut named, mut likely): (Vec<TaskInfo>, Vec<TaskInfo>) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.info.str("activationId").filter(|id| !id.is_empty()) {
            Some(id) if id == intent.op_id => named.push(task),
            // It came out of another call.
            Some(_) => {}
            None if could_be(&task, intent, user) => likely.push(task),
            None => {}
        }
    }
    match (named.pop(), likely.len()) {
        (Some(task), _) => Some(task),
        (None, 1) => likely.pop(),
        (None, _) => None,
    }
}

fn could_be(task: &TaskInfo, intent: &Intent, user: Option<&str>) -> bool {
    let same_entity = intent.entity.is_some() && task.info.moref("entity") == intent.entity.as_ref();
    let same_method = task.name.as_deref() == Some(&*intent.method);
    let of_ours = match task.info.str("reason.userName") {
        Some(name) => user.is_some_and(|user| user.eq_ignore_ascii_case(name)),
        None => false,
    };
    let queued = match task.info.get("queueTime") {
        Some(Value::DateTime(moment)) => moment.timestamp(),
        _ => None,
    };
    let since = intent.since.timestamp().map(|since| since - SKEW);
    same_entity && same_method && of_ours && queued.is_some() && queued >= since
}

impl TaskInfo {
    /// The task.
    pub(super) fn task(&self) -> Option<&MoRef> {
        self.info.moref("task")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Trace;
    use crate::vim::DateTime;

    fn intent() -> Intent {
        let vm = MoRef::new("VirtualMachine", "vm-1");
        Intent {
            op_id: "job-1".into(),
            vcenter: String::new(),
            object: vm.clone(),
            entity: Some(vm),
            name: "vm01".into(),
            method: "PowerOnVM_Task".into(),
            since: DateTime::new("2026-11-22T12:00:00Z"),
            trace: Trace::Nothing,
            remark: Vec::new(),
        }
    }

    fn task(id: &str, activation: Option<&str>, vm: &str, queued: &str) -> TaskInfo {
        let reason = Object::new("TaskReasonUser").set("userName", "DOM\\me");
        TaskInfo::decode(
            Object::new("TaskInfo")
                .set("task", MoRef::new("Task", id))
                .set("state", "running")
                .set("name", "PowerOnVM_Task")
                .set("entity", MoRef::new("VirtualMachine", vm))
                .set("queueTime", DateTime::new(queued))
                .set("reason", reason)
                .set("activationId", activation.map_or(Value::Null, Value::from)),
        )
    }

    #[test]
    fn the_id_decides_where_there_is_one() {
        let now = "2026-11-22T12:00:01Z";
        let found = |tasks: Vec<TaskInfo>| {
            pick(tasks, &intent(), Some("dom\\ME")).and_then(|task| Some(task.task()?.id().to_owned()))
        };
        let id = |id: &str, activation| task(id, activation, "vm-1", now);
        assert_eq!(found(vec![id("a", Some("job-2")), id("b", Some("job-1"))]).as_deref(), Some("b"));
        assert_eq!(found(vec![id("a", Some("job-2"))]), None);
        assert_eq!(found(vec![id("a", None), id("b", Some("job-2"))]).as_deref(), Some("a"));
        assert_eq!(found(vec![id("a", None), id("b", None)]), None, "either could be it");
        assert_eq!(found(vec![task("a", None, "vm-2", now)]), None, "another machine");
        assert_eq!(found(vec![task("a", None, "vm-1", "2026-11-22T11:00:00Z")]), None, "too old");
        assert_eq!(pick(vec![id("a", None)], &intent(), Some("dom\\other")), None, "another user");
    }
}
