//! The request side: one connection, on which requests go out as they come and answers come back in any order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{ReadHalf, WriteHalf, split};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::frame::{self, Reader};
use crate::transport::stream::{Stream, open, write};
use crate::transport::{Config, Error};

/// Requests that wait to be written before callers themselves have to wait.
const WAITING: usize = 64;

/// The connection for requests. It ends when this is dropped.
pub(super) struct Requests {
    jobs: mpsc::Sender<Job>,
    desk: Arc<Desk>,
    _task: JoinSet<()>,
}

struct Job {
    mid: u64,
    envelope: Bytes,
}

impl Requests {
    pub(super) fn new(host: &str, port: u16, config: Arc<Config>) -> Requests {
        let (jobs, queue) = mpsc::channel(WAITING);
        let desk = Arc::new(Desk::default());
        let worker = Worker { host: host.to_owned(), port, config, desk: desk.clone(), queue };
        let mut task = JoinSet::new();
        task.spawn(worker.run());
        Requests { jobs, desk, _task: task }
    }

    pub(super) async fn request(&self, envelope: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        let deadline = Instant::now() + timeout;
        let (waiting, answer) = Waiting::new(&self.desk);
        let job = Job { mid: waiting.mid, envelope };
        let answered = async {
            self.jobs.send(job).await.ok()?;
            answer.await.ok()
        };
        match timeout_at(deadline, answered).await {
            Ok(Some(result)) => result,
            Ok(None) => Err(Error::Lost("the transport has ended".into())),
            Err(_) => Err(self.desk.gave_up(waiting.mid)),
        }
    }
}

/// A caller that waits, for as long as this lives.
struct Waiting<'a> {
    desk: &'a Desk,
    mid: u64,
}

impl Waiting<'_> {
    fn new(desk: &Desk) -> (Waiting<'_>, oneshot::Receiver<Result<Bytes, Error>>) {
        let (answer, wait) = oneshot::channel();
        let mut state = desk.lock();
        let mid = state.next;
        state.next += 1;
        state.callers.insert(mid, Caller { answer, sent: None });
        drop(state);
        (Waiting { desk, mid }, wait)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.desk.lock().callers.remove(&self.mid);
    }
}

/// Who waits for what.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    suspicion: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    callers: HashMap<u64, Caller>,
    /// When something was read last from the connection that is open.
    read: Option<Instant>,
    /// A request of this time got no answer, and nothing else came since.
    suspect: Option<Instant>,
    /// Why there is no connection.
    failure: Option<Error>,
}

struct Caller {
    answer: oneshot::Sender<Result<Bytes, Error>>,
    sent: Option<Instant>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connected(&self) {
        let mut state = self.lock();
        state.read = Some(Instant::now());
        state.suspect = None;
        state.failure = None;
    }

    /// Marks a request as sent. False if nobody waits for it any more.
    fn sent(&self, mid: u64) -> bool {
        match self.lock().callers.get_mut(&mid) {
            Some(caller) => {
                caller.sent = Some(Instant::now());
                true
            }
            None => false,
        }
    }

    /// False if nobody waits for an answer with this number (any more).
    fn answer(&self, mid: Option<u64>, body: Bytes) -> bool {
        let mut state = self.lock();
        state.read = Some(Instant::now());
        match mid.and_then(|mid| state.callers.remove(&mid)) {
            // The caller may leave at any time.
            Some(caller) => caller.answer.send(Ok(body)).is_ok(),
            None => false,
        }
    }

    /// The connection is gone, and with it the answers that it owed.
    fn lost(&self, why: &Error) {
        let mut state = self.lock();
        for (_, caller) in state.callers.extract_if(|_, caller| caller.sent.is_some()) {
            let _ = caller.answer.send(Err(why.clone()));
        }
    }

    /// There is no connection to be had. False if nobody waits for one any more.
    fn failed(&self, why: Error) -> bool {
        let mut state = self.lock();
        state.failure = Some(why);
        !state.callers.is_empty()
    }

    /// The time of a request is over: why. The last failure to connect says more than "no answer in time".
    fn gave_up(&self, mid: u64) -> Error {
        let mut state = self.lock();
        match state.callers.get(&mid).and_then(|caller| caller.sent) {
            // A connection on which nothing comes may be dead without knowing it.
            Some(sent) => {
                if state.read.is_some_and(|read| read < sent) {
                    state.suspect = Some(sent);
                    self.suspicion.notify_one();
                }
                Error::Timeout
            }
            None => state.failure.clone().unwrap_or(Error::Timeout),
        }
    }

    /// Ends when the open connection is of no use any more by all that is known.
    async fn suspected(&self) -> Error {
        loop {
            self.suspicion.notified().await;
            let state = self.lock();
            if let (Some(suspect), Some(read)) = (state.suspect, state.read)
                && read < suspect
            {
                return Error::Silent(read.elapsed());
            }
        }
    }
}

struct Worker {
    host: String,
    port: u16,
    config: Arc<Config>,
    desk: Arc<Desk>,
    queue: mpsc::Receiver<Job>,
}

impl Worker {
    async fn run(mut self) {
        // Nothing is dialled before there is something to say.
        while let Some(first) = self.queue.recv().await {
            let Some(stream) = self.connect().await else { continue };
            self.desk.connected();
            let why = self.serve(stream, first).await;
            debug!(master = %self.host, "request connection closed: {why}");
            self.desk.lost(&why);
        }
    }

    /// None when there is no connection and nobody waits for one any more.
    async fn connect(&self) -> Option<Stream> {
        loop {
            let why = match open(&self.host, self.port, self.config.source_ret_port, &self.config).await {
                Ok(stream) => return Some(stream),
                Err(why) => why,
            };
            if !self.desk.failed(why) {
                return None;
            }
            sleep(self.config.tcp_reconnect_backoff).await;
        }
    }

    async fn serve(&mut self, stream: Stream, first: Job) -> Error {
        let (read, write) = split(stream);
        let patience = self.config.write_timeout;
        let (desk, queue) = (&self.desk, &mut self.queue);
        tokio::select! {
            why = send_all(write, desk, first, queue, patience) => why,
            why = take_all(read, desk, self.config.message_limit) => why,
            why = desk.suspected() => why,
        }
    }
}

async fn send_all(
    mut stream: WriteHalf<Stream>,
    desk: &Desk,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
    patience: Duration,
) -> Error {
    let mut job = Some(first);
    while let Some(Job { mid, envelope }) = job {
        // A caller that went away wants no answer, and the master no work.
        if desk.sent(mid) {
            let message = [&frame::request(mid)[..], &envelope].concat();
            if let Err(why) = write(&mut stream, &message, patience).await {
                return why;
            }
        }
        job = queue.recv().await;
    }
    Error::Lost("the transport has ended".into())
}

async fn take_all(stream: ReadHalf<Stream>, desk: &Desk, limit: usize) -> Error {
    let mut reader = Reader::new(stream, limit);
    loop {
        match reader.next().await {
            Ok(frame) => {
                if !desk.answer(frame.mid(), frame.body) {
                    debug!("an answer that nobody waits for is dropped");
                }
            }
            Err(why) => return why,
        }
    }
}
