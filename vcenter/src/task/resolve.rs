//! What has become of something that was asked, found out by looking; it is never asked again.

use std::time::Duration;

use tokio::time::Instant;

use super::find::find;
use super::trace::Sight;
use super::{TaskInfo, Tasks};
use crate::collector;
use crate::error::{Error, Recovery, Result};
use crate::vim::{MoRef, Value};
use crate::work::Intent;

/// How long a request may still be on its way in a vCenter that answers others, after its connection was lost.
const LATE: Duration = Duration::from_secs(5);

/// The pauses between two looks, from the first to the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Tasks {
    /// Finds out what has become of an intent: by its task, if that is known; else by the task that carries its id; else by
    /// what it leaves behind. `why` says how it came to be doubtful.
    ///
    /// # Errors
    ///
    /// What the task ended with; [`Error::Lost`] if it was not carried out, or if that cannot be told;
    /// [`Error::Timeout`] if it goes on longer than that.
    pub async fn resolve(
        &self,
        intent: &Intent,
        task: Option<&MoRef>,
        why: &str,
        timeout: Duration,
        mut progress: impl FnMut(&TaskInfo),
    ) -> Result<Value> {
        let deadline = Instant::now() + timeout;
        if let Some(task) = task {
            match self.end_of(intent, task, deadline, &mut progress).await {
                Err(error) if is_forgotten(&error) => {}
                other => return other,
            }
        }
        let lost = |done: Option<bool>, more: &str| {
            Err(Error::Lost { what: intent.what(), done, reason: format!("{why}{more}") })
        };
        let found = match self.search(intent, deadline).await {
            Ok(found) => found,
            Err(error) => return lost(None, &format!("; and the vCenter cannot be asked: {error}")),
        };
        if let Some(info) = found {
            if info.is_over() {
                return info.outcome(Some(&intent.method));
            }
            if let Some(task) = info.task() {
                match self.end_of(intent, task, deadline, &mut progress).await {
                    Err(error) if is_forgotten(&error) => {}
                    other => return other,
                }
            }
        }
        match self
            .patiently(deadline, || intent.trace.look(&self.session, &intent.object, &intent.since))
            .await
        {
            Ok(Sight::Done(result)) => Ok(result),
            Ok(Sight::NotDone) => lost(Some(false), "; and the vCenter knows nothing of it"),
            Ok(Sight::Unclear) => lost(None, "; and the vCenter knows no such task"),
            Err(error) => lost(None, &format!("; and the vCenter cannot be asked: {error}")),
        }
    }

    /// Asks the vCenter to stop a task that may not even be known yet. False if it cannot be stopped, or is over.
    pub(crate) async fn stop(&self, intent: &Intent, task: Option<MoRef>) -> Result<bool> {
        let info = match task {
            Some(task) => Some(self.info(&task).await?),
            None => self.search(intent, Instant::now() + LATE).await?,
        };
        let Some(info) = info.filter(|info| !info.is_over() && info.cancelable()) else { return Ok(false) };
        let Some(task) = info.task() else { return Ok(false) };
        self.cancel(task).await?;
        Ok(true)
    }

    async fn end_of(
        &self,
        intent: &Intent,
        task: &MoRef,
        deadline: Instant,
        progress: &mut impl FnMut(&TaskInfo),
    ) -> Result<Value> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.wait_with(task, left, Some(&intent.method), progress).await
    }

    /// Looks for the task, until the vCenter has had the time to make one of a request that was on its way.
    async fn search(&self, intent: &Intent, deadline: Instant) -> Result<Option<TaskInfo>> {
        let mut late = None;
        let mut pause = PAUSE;
        loop {
            let found = self.patiently(deadline, || find(&self.session, intent)).await?;
            // It counts from the first answer: a vCenter that was away has had no time at all.
            let late = *late.get_or_insert_with(|| (Instant::now() + LATE).min(deadline));
            if found.is_some() || Instant::now() >= late {
                return Ok(found);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reading may be repeated as often as one likes; it is, while the vCenter is away.
    async fn patiently<T, F: Future<Output = Result<T>>>(
        &self,
        deadline: Instant,
        mut read: impl FnMut() -> F,
    ) -> Result<T> {
        let mut pause = PAUSE;
        loop {
            let error = match read().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let passes = matches!(error.recovery(), Recovery::Retry | Recovery::Relogin | Recovery::Resync)
                || matches!(error, Error::Decode { .. });
            if !passes || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, "cannot look now what has become of something, looking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether an error says that the task is not there any more, and not that it failed so.
pub(crate) fn is_forgotten(error: &Error) -> bool {
    matches!(error, Error::Fault(_)) && collector::is_gone(error)
}
