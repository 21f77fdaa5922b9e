//! ZeroMQ's protocol, as far as a minion needs it: a SUB and a REQ client of ZMTP 3.1 over TCP, mechanism NULL.
//!
//! The client is our own because a master's heartbeats (on by default in 3006 and 3008) break the pure Rust crate
//! `zeromq`: its SUB drops the connection at each PING and its REQ pairs every later reply with the wrong request
//! (`tests/why.rs` shows both).

mod codec;
mod link;
mod req;
mod sub;
#[cfg(any(test, feature = "fuzzing"))]
pub use codec::fuzz;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{Config, Error, Greeting, Subscriber, Transport};

/// The transport `zeromq`. Must be made within a tokio runtime.
pub struct Zmtp {
    host: String,
    config: Arc<Config>,
    requests: req::Pool,
}

impl Zmtp {
    /// Makes the transport to a master; nothing is dialled before it is needed.
    pub fn new(host: &str, ret_port: u16, config: Config) -> Zmtp {
        let config = Arc::new(config);
        Zmtp { host: host.to_owned(), requests: req::Pool::new(host, ret_port, config.clone()), config }
    }
}

impl Transport for Zmtp {
    fn request(&self, envelope: Bytes, timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(self.requests.request(envelope, timeout))
    }

    /// Masters do not ask who subscribes here.
    fn subscribe(&self, port: u16, topics: Vec<String>, _greeting: Greeting) -> Box<dyn Subscriber> {
        Box::new(sub::Sub::follow(&self.host, port, topics, self.config.clone()))
    }
}
