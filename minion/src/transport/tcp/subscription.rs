//! The publish side.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{ReadHalf, WriteHalf, split};
use tracing::debug;

use super::frame::{self, Frame, Reader};
use crate::transport::follow::{Follow, Source};
use crate::transport::queue::Queue;
use crate::transport::stream::{Stream, open, write};
use crate::transport::{Config, Error, Greeting};

/// What it takes to subscribe.
pub(super) struct Subscription {
    host: String,
    port: u16,
    greeting: Greeting,
    config: Arc<Config>,
}

/// An open link. What is written last stays here: to let go of it might close the stream.
pub(super) struct Link {
    reader: Reader<ReadHalf<Stream>>,
    _writer: WriteHalf<Stream>,
}

impl Subscription {
    /// Subscribes in a task of its own.
    pub(super) fn follow(host: &str, port: u16, greeting: Greeting, config: Arc<Config>) -> Follow {
        let source = Subscription { host: host.to_owned(), port, greeting, config: config.clone() };
        let pause = config.tcp_reconnect_backoff;
        Follow::new(format!("{host}:{port}"), source, pause, Some(pause), &config)
    }
}

impl Source for Subscription {
    type Link = Link;

    /// The master sends jobs for a glob, a list or an expression to those only that told it their id. The greeting is
    /// made when the link is up: it must be sealed with the keys that the master has by then.
    async fn open(&self, again: bool) -> Result<Link, Error> {
        let stream = open(&self.host, self.port, self.config.source_publish_port, &self.config).await?;
        let greeting = (self.greeting)(again).await.map_err(Error::Greeting)?;
        let (reader, mut writer) = split(stream);
        let message = [frame::NOTICE, &greeting].concat();
        write(&mut writer, &message, self.config.write_timeout).await?;
        Ok(Link { reader: Reader::new(reader, self.config.message_limit), _writer: writer })
    }

    async fn read(&self, mut link: Link, queue: &Queue) -> Error {
        loop {
            match link.reader.next().await {
                Ok(Frame { body, .. }) => match payload(body) {
                    Some(message) => queue.message(message),
                    None => debug!(master = %self.host, "a published frame without a message is dropped"),
                },
                Err(why) => return why,
            }
        }
    }
}

/// The message in a frame: it is the body (3006), or it is packed once more in there (3007 and later).
fn payload(body: Bytes) -> Option<Bytes> {
    match body.first()? {
        0x80..=0x8f | 0xde | 0xdf => Some(body),
        _ => frame::string(body),
    }
}
