//! The publish side.

use std::sync::Arc;

use tracing::debug;

use super::{Socket, connect, receive};
use crate::transport::follow::{Follow, Source};
use crate::transport::queue::Queue;
use crate::transport::{Config, Error, tcp};

/// What it takes to subscribe.
pub(super) struct Subscription {
    host: String,
    port: u16,
    config: Arc<Config>,
}

impl Subscription {
    /// Subscribes in a task of its own.
    pub(super) fn follow(host: &str, port: u16, config: Arc<Config>) -> Follow {
        let source = Subscription { host: host.to_owned(), port, config: config.clone() };
        let pause = config.tcp_reconnect_backoff;
        Follow::new(format!("{host}:{port}"), source, pause, Some(pause), &config)
    }
}

impl Source for Subscription {
    type Link = Socket;

    async fn open(&self, _again: bool) -> Result<Socket, Error> {
        connect(&self.host, self.port, self.config.source_publish_port, &self.config).await
    }

    /// Messages are packed twice. The master reads nothing from this socket, not even a ping: only the system's
    /// keepalive finds out that it is gone.
    async fn read(&self, mut socket: Socket, queue: &Queue) -> Error {
        loop {
            match receive(&mut socket).await {
                Ok(packed) => match tcp::string(packed) {
                    Some(message) => queue.message(message),
                    None => {
                        debug!(master = %self.host, "a published message that is not packed twice is dropped")
                    }
                },
                Err(why) => return why,
            }
        }
    }
}
