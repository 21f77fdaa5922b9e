//! Between a template, which waits where it stands, and the functions that it calls, which are asynchronous.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jinja::{Error, Result};
use salt::Context;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::RenderError;
use crate::limits::{Limits, resident};

/// What a running template has of the minion.
pub(crate) struct Bridge {
    pub cx: Context,
    pub limits: Limits,
    handle: Handle,
    /// Closed when nobody waits for the template any more: its job was killed.
    alive: watch::Receiver<()>,
    started: Instant,
    waited: Mutex<Duration>,
    resident: Option<usize>,
}

/// Runs a renderer on a thread where it may wait.
pub(crate) async fn run<T: Send + 'static>(
    cx: &Context,
    work: impl FnOnce(Arc<Bridge>) -> std::result::Result<T, RenderError> + Send + 'static,
) -> std::result::Result<T, RenderError> {
    let cx = cx.nested().map_err(|error| RenderError::other(error.kind(), error.message()))?;
    // Held until the end; a drop before that is seen by the other side.
    let (_held, alive) = watch::channel(());
    let limits = Limits::of(&cx.opts());
    let handle = Handle::current();
    let task = tokio::task::spawn_blocking(move || {
        let waited = Mutex::new(Duration::ZERO);
        let started = Instant::now();
        work(Arc::new(Bridge { cx, limits, handle, alive, started, waited, resident: resident() }))
    });
    match task.await {
        Ok(done) => done,
        Err(error) if error.is_cancelled() => Err(RenderError::Killed),
        Err(_) => Err(RenderError::other("RuntimeError", "the renderer has failed; the log says where")),
    }
}

impl Bridge {
    /// Waits for a future.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        let began = Instant::now();
        let mut alive = self.alive.clone();
        let done = self.handle.block_on(async {
            tokio::select! {
                done = future => Some(done),
                _ = alive.changed() => None,
            }
        });
        *self.waited.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
        done.ok_or_else(killed)
    }

    /// Whether the template may go on.
    pub fn watch(&self) -> Result<()> {
        if self.alive.has_changed().is_err() {
            return Err(killed());
        }
        let waited = *self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        if self.started.elapsed().saturating_sub(waited) > self.limits.time {
            let seconds = self.limits.time.as_secs_f64();
            return Err(Error::python(
                "TemplateRuntimeError",
                format!("the template takes more than {seconds} seconds (template_timeout)"),
            ));
        }
        if let (Some(before), Some(now)) = (self.resident, resident())
            && now.saturating_sub(before) > self.limits.memory
        {
            let mib = self.limits.memory >> 20;
            return Err(Error::python(
                "MemoryError",
                format!("the template takes more than {mib} MiB of memory (template_memory)"),
            ));
        }
        Ok(())
    }

    /// Whether the job of the template was killed.
    pub fn is_killed(&self) -> bool {
        self.alive.has_changed().is_err()
    }
}

fn killed() -> Error {
    Error::python("SystemExit", "the job was killed")
}
