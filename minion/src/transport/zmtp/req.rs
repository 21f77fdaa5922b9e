//! The request side: a few slots, each a connection in lock-step.
//!
//! A master's pooled router (3008) wants exactly `["", payload]`, so a reply carries nothing that names its request:
//! only the order does. A connection is therefore given up as soon as a reply may still be on its way to nobody:
//! after a timeout and when the caller went away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tracing::debug;

use super::link::{Incoming, Link, Role};
use crate::transport::backoff::Backoff;
use crate::transport::dial::dial;
use crate::transport::{Config, Error};

/// Salt's clients reconnect within libzmq's `RECONNECT_IVL` 100 ms to `RECONNECT_IVL_MAX` 5 s.
const RECONNECT: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);
/// Requests that wait for a slot before callers themselves have to wait.
const WAITING: usize = 64;

/// The slots. They end when this is dropped.
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
    _slots: JoinSet<()>,
}

struct Job {
    envelope: Bytes,
    deadline: Instant,
    answer: oneshot::Sender<Result<Bytes, Error>>,
}

impl Pool {
    pub(super) fn new(host: &str, port: u16, config: Arc<Config>) -> Pool {
        let (jobs, queue) = mpsc::channel(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        // Two connections cannot share a local port.
        let slots = if config.source_ret_port == 0 { config.request_slots.max(1) } else { 1 };
        let mut tasks = JoinSet::new();
        for n in 0..slots {
            let slot = Slot {
                host: host.to_owned(),
                port,
                identity: config.request_identity.as_ref().map(|id| format!("{id}{n}")).unwrap_or_default(),
                config: config.clone(),
                queue: queue.clone(),
            };
            tasks.spawn(slot.run());
        }
        Pool { jobs, _slots: tasks }
    }

    pub(super) async fn request(&self, envelope: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let (answer, wait) = oneshot::channel();
        match timeout_at(deadline, self.jobs.send(Job { envelope, deadline, answer })).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Error::Lost("the transport has ended".into())),
            Err(_) => return Err(Error::Timeout),
        }
        // The slot keeps the deadline too, with the better error; this one covers the wait for a slot.
        match timeout_at(deadline + Duration::from_millis(250), wait).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Lost("the transport has ended".into())),
            Err(_) => Err(Error::Timeout),
        }
    }
}

struct Slot {
    host: String,
    port: u16,
    identity: String,
    config: Arc<Config>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
}

impl Slot {
    async fn run(self) {
        let mut link = None;
        while let Some(mut job) = self.wait(&mut link).await {
            if job.answer.is_closed() {
                continue;
            }
            if Instant::now() >= job.deadline {
                let _ = job.answer.send(Err(Error::Timeout));
                continue;
            }
            let (deadline, envelope) = (job.deadline, std::mem::take(&mut job.envelope));
            let result = tokio::select! {
                result = self.serve(&mut link, envelope, deadline) => result,
                () = job.answer.closed() => Err(Error::Timeout),
            };
            // Whatever went wrong, a reply could still come: never meet it.
            if result.is_err() {
                link = None;
            }
            // The caller may be gone by now, and with it the need for an answer.
            let _ = job.answer.send(result);
        }
    }

    /// Waits for a job, and keeps an idle connection alive meanwhile.
    async fn wait(&self, link: &mut Option<Link>) -> Option<Job> {
        let next = async { self.queue.lock().await.recv().await };
        tokio::pin!(next);
        if let Some(open) = link {
            // A connection that is found dead now must not get the job.
            let why = tokio::select! {
                biased;
                why = idle(open, self.config.heartbeat) => why,
                job = &mut next => return job,
            };
            debug!(master = %self.host, "request connection closed while idle: {why}");
            *link = None;
        }
        next.await
    }

    async fn serve(
        &self,
        link: &mut Option<Link>,
        envelope: Bytes,
        deadline: Instant,
    ) -> Result<Bytes, Error> {
        if link.is_none() {
            *link = Some(self.connect(deadline).await?);
        }
        let open = link.as_mut().ok_or(Error::Timeout)?;
        match timeout_at(deadline, exchange(open, envelope, self.config.heartbeat)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Dials until the deadline; the last failure says more than "no answer in time".
    async fn connect(&self, deadline: Instant) -> Result<Link, Error> {
        let mut backoff = Backoff::new(RECONNECT, RECONNECT_MAX, true);
        let mut failure = Error::Timeout;
        let attempts = async {
            loop {
                match self.dial().await {
                    Ok(link) => return link,
                    Err(e) => failure = e,
                }
                sleep(backoff.next()).await;
            }
        };
        match timeout_at(deadline, attempts).await {
            Ok(link) => Ok(link),
            Err(_) => Err(failure),
        }
    }

    async fn dial(&self) -> Result<Link, Error> {
        let stream = dial(&self.host, self.port, self.config.source_ret_port, &self.config).await?;
        Link::open(stream, Role::Req, &self.identity, &self.config).await
    }
}

/// Sends a request and reads its reply.
async fn exchange(link: &mut Link, envelope: Bytes, heartbeat: Duration) -> Result<Bytes, Error> {
    link.send(vec![Bytes::new(), envelope]).await?;
    let mut parts = live(link, heartbeat).await?;
    match (parts.pop(), parts.pop(), parts.pop()) {
        (Some(reply), Some(delimiter), None) if delimiter.is_empty() => Ok(reply),
        _ => Err(Error::Protocol("a reply that is not an empty frame and a payload".into())),
    }
}

/// Watches a connection that has nothing to say. Returns why it is of no use any more.
async fn idle(link: &mut Link, heartbeat: Duration) -> Error {
    match live(link, heartbeat).await {
        Ok(_) => Error::Protocol("a reply that nobody asked for".into()),
        Err(e) => e,
    }
}

/// The next message, with heartbeats in both directions meanwhile. Cancelling it costs the connection at most: a link
/// refuses to write after a write that was cut off.
async fn live(link: &mut Link, heartbeat: Duration) -> Result<Vec<Bytes>, Error> {
    let mut ticks = interval(heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            incoming = link.recv() => match incoming? {
                Incoming::Message(parts) => return Ok(parts),
                Incoming::Command(command) => link.answer(command).await?,
            },
            _ = ticks.tick() => link.beat().await?,
        }
    }
}
