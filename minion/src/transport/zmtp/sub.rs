//! The publish side.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::link::{Incoming, Link, Role};
use crate::transport::dial::dial;
use crate::transport::follow::{Follow, Source};
use crate::transport::queue::Queue;
use crate::transport::{Config, Error};

/// What it takes to subscribe.
pub(super) struct Sub {
    host: String,
    port: u16,
    topics: Vec<String>,
    config: Arc<Config>,
}

impl Sub {
    /// Subscribes in a task of its own.
    pub(super) fn follow(host: &str, port: u16, topics: Vec<String>, config: Arc<Config>) -> Follow {
        let source = Sub { host: host.to_owned(), port, topics, config: config.clone() };
        Follow::new(format!("{host}:{port}"), source, config.recon_default, None, &config)
    }
}

impl Source for Sub {
    type Link = Link;

    async fn open(&self, _again: bool) -> Result<Link, Error> {
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

    async fn read(&self, mut link: Link, queue: &Queue) -> Error {
        let mut ticks = interval(self.config.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            let done = tokio::select! {
                incoming = link.recv() => match incoming {
                    Ok(Incoming::Message(parts)) => {
                        self.take(parts, queue);
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
}

impl Sub {
    /// Queues a message: one frame without filtering, topic and payload with it. Subscriptions are prefixes, so a
    /// topic that merely begins like ours comes too, and is dropped here. A master that filters is understood by a
    /// minion that does not: it hears everything.
    fn take(&self, mut parts: Vec<Bytes>, queue: &Queue) {
        let all = self.topics.is_empty();
        match (parts.pop(), parts.pop(), parts.pop()) {
            (Some(payload), None, None) if all => queue.message(payload),
            (Some(payload), Some(topic), None) => {
                if all || self.topics.iter().any(|ours| ours.as_bytes() == topic) {
                    queue.message(payload);
                }
            }
            _ => debug!(master = %self.host, "a message whose frames do not fit zmq_filtering is dropped"),
        }
    }
}
