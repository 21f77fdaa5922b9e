//! The life of a link to a publish port: opened, read, opened again.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::backoff::Backoff;
use super::queue::Queue;
use super::{Config, Error, SubEvent, Subscriber};

/// What a transport knows about publish links.
pub(super) trait Source: Send + 'static {
    /// An open link.
    type Link: Send;

    /// Opens a link, up to where messages come. `again` is false for the first that this source opens.
    fn open(&self, again: bool) -> impl Future<Output = Result<Self::Link, Error>> + Send;

    /// Moves what comes into the queue until the link is of no use any more, and returns why.
    fn read(&self, link: Self::Link, queue: &Queue) -> impl Future<Output = Error> + Send;
}

/// Follows a source in a task of its own, which ends when this is dropped.
pub(super) struct Follow {
    queue: Arc<Queue>,
    _task: JoinSet<()>,
}

impl Follow {
    /// Begins. `least` is the first wait before a link is opened again; waits grow up to `recon_max`. With `redial` a
    /// master that cannot be reached at all is tried at that even pace instead.
    pub(super) fn new(
        master: String,
        source: impl Source + Sync,
        least: Duration,
        redial: Option<Duration>,
        config: &Config,
    ) -> Follow {
        let queue = Arc::new(Queue::new(config.queue_messages, config.queue_bytes));
        let backoff = Backoff::new(least, config.recon_max, config.recon_randomize);
        let mut task = JoinSet::new();
        task.spawn(run(master, source, queue.clone(), backoff, redial, config.recon_max));
        Follow { queue, _task: task }
    }
}

impl Subscriber for Follow {
    fn next(&mut self) -> BoxFuture<'_, SubEvent> {
        Box::pin(self.queue.next())
    }
}

async fn run(
    master: String,
    source: impl Source + Sync,
    queue: Arc<Queue>,
    mut backoff: Backoff,
    redial: Option<Duration>,
    settled: Duration,
) {
    let mut again = false;
    loop {
        let pause = match source.open(again).await {
            Ok(link) => {
                info!(%master, "subscribed");
                again = true;
                queue.connected();
                let since = Instant::now();
                let why = source.read(link, &queue).await;
                info!(%master, "subscription lost: {why}");
                queue.disconnected(why);
                // A peer that takes us and breaks the protocol at once is dialled ever more slowly too.
                if since.elapsed() > settled {
                    backoff.reset();
                }
                backoff.next()
            }
            Err(why) => {
                debug!(%master, "cannot subscribe: {why}");
                match (redial, why) {
                    (Some(pause), Error::Connect { .. } | Error::Resolve { .. }) => pause,
                    _ => backoff.next(),
                }
            }
        };
        sleep(pause).await;
    }
}
