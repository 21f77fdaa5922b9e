//! The publish side: a subscription that reconnects for as long as it lives.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{debug, info};

use super::link::{Incoming, Link, Role};
use crate::transport::backoff::Backoff;
use crate::transport::dial::dial;
use crate::transport::queue::Queue;
use crate::transport::{Config, Error, SubEvent, Subscriber};

/// A subscription. Its task ends when this is dropped.
pub(super) struct Sub {
    queue: Arc<Queue>,
    _task: JoinSet<()>,
}

impl Sub {
    pub(super) fn new(host: &str, port: u16, topics: Vec<String>, config: Arc<Config>) -> Sub {
        let queue = Arc::new(Queue::new(config.queue_messages, config.queue_bytes));
        let reader = Reader { host: host.to_owned(), port, topics, config, queue: queue.clone() };
        let mut task = JoinSet::new();
        task.spawn(reader.run());
        Sub { queue, _task: task }
    }
}

impl Subscriber for Sub {
    fn next(&mut self) -> BoxFuture<'_, SubEvent> {
        Box::pin(self.queue.next())
    }
}

struct Reader {
    host: String,
    port: u16,
    topics: Vec<String>,
    config: Arc<Config>,
    queue: Arc<Queue>,
}

impl Reader {
    async fn run(self) {
        let Config { recon_default, recon_max, recon_randomize, .. } = *self.config;
        let mut backoff = Backoff::new(recon_default, recon_max, recon_randomize);
        loop {
            match self.connect().await {
                Ok(mut link) => {
                    info!(master = %self.host, port = self.port, "subscribed");
                    self.queue.connected();
                    let since = Instant::now();
                    let why = self.read(&mut link).await;
                    drop(link);
                    info!(master = %self.host, port = self.port, "subscription lost: {why}");
                    self.queue.disconnected(why);
                    // A peer that takes us and breaks the protocol at once is dialled ever more slowly too.
                    if since.elapsed() > recon_max {
                        backoff.reset();
                    }
                }
                Err(why) => debug!(master = %self.host, port = self.port, "cannot subscribe: {why}"),
            }
            sleep(backoff.next()).await;
        }
    }

    async fn connect(&self) -> Result<Link, Error> {
        let stream = dial(&self.host, self.port, self.config.source_publish_port, &self.config).await?;
        let mut link = Link::open(stream, Role::Sub, &self.config.publish_identity, &self.config).await?;
        if self.topics.is_empty() {
            link.subscribe("").await?;
        }
        for topic in &self.topics {
            link.subscribe(topic).await?;
        }
        Ok(link)
    }

    /// Reads until the link is of no use any more, and returns why.
    async fn read(&self, link: &mut Link) -> Error {
        let mut ticks = interval(self.config.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            let done = tokio::select! {
                incoming = link.recv() => match incoming {
                    Ok(Incoming::Message(parts)) => {
                        self.take(parts);
                        Ok(())
                    }
                    Ok(Incoming::Command(command)) => link.answer(command).await,
                    Err(e) => Err(e),
                },
                _ = ticks.tick() => link.beat().await,
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    /// Queues a message: one frame without filtering, topic and payload with it. Subscriptions are prefixes, so a
    /// topic that merely begins like ours comes too, and is dropped here. A master that filters is understood by a
    /// minion that does not: it hears everything.
    fn take(&self, mut parts: Vec<Bytes>) {
        let all = self.topics.is_empty();
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(payload), None, None) if all => self.queue.message(payload),
            (Some(payload), Some(topic), None) => {
                if all || self.topics.iter().any(|ours| ours.as_bytes() == topic) {
                    self.queue.message(payload);
                }
            }
            _ => debug!(master = %self.host, "a message whose frames do not fit zmq_filtering is dropped"),
        }
    }
}
