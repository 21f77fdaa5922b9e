//! The progress of the vCenter's tasks, as events of the job that waits for them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use salt::context::Identity;
use salt::{Map, Value, map};
use tokio::time::Instant;
use tracing::debug;
use vcenter::task::TaskInfo;
use vcenter::work::Intent;

use crate::settings::Settings;

/// A job tells no more often.
const PACE: Duration = Duration::from_secs(1);

/// The progress of one job.
pub struct Progress {
    identity: Arc<Identity>,
    jid: String,
    number: AtomicU64,
    told: Mutex<Option<(Instant, Map)>>,
}

impl Progress {
    /// Of this job.
    pub fn new(identity: Arc<Identity>, jid: &str) -> Progress {
        Progress { identity, jid: jid.into(), number: AtomicU64::new(0), told: Mutex::default() }
    }

    /// Fires `salt/job/<jid>/prog/<id>/<n>`, `n` from 0, unless the last one was a moment ago. The end of a task is not told:
    /// that is the job's own matter. The data has no `return`, which the `salt` command would take for the job's.
    pub fn tell(&self, intent: &Intent, info: &TaskInfo) {
        if info.is_over() || self.jid == "req" || self.identity.opts().flag("local", false) {
            return;
        }
        let task = map! {
            "operation" => intent.op_id.as_str(),
            "method" => intent.method.as_str(),
            "object" => intent.object.to_string(),
            "name" => intent.name.as_str(),
            "state" => info.state.as_str(),
            "progress" => info.progress.map_or(Value::None, |percent| i64::from(percent).into()),
        };
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let again = told.as_ref().is_some_and(|(when, what)| when.elapsed() < PACE || *what == task);
            if again {
                return;
            }
            *told = Some((Instant::now(), task.clone()));
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let tag = format!("salt/job/{}/prog/{}/{number}", self.jid, self.identity.id());
        let (identity, jid) = (self.identity.clone(), self.jid.clone());
        tokio::spawn(async move {
            let data = map! { "task" => task };
            if let Err(e) = identity.master().fire_event(tag, data, Some(map! { "jid" => jid })).await {
                debug!("the progress of a task did not reach the master: {e}");
            }
        });
    }
}
