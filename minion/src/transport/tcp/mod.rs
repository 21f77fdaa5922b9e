//! Salt's transport `tcp` (`salt/transport/tcp.py`): msgpack frames on one connection for requests, told apart by
//! numbers, and one for publishes, on which the minion says who it is.

mod frame;
mod requests;
mod subscription;
#[cfg(any(test, feature = "fuzzing"))]
pub use frame::fuzz;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;

pub(super) use frame::string;

use super::{Config, Error, Greeting, Subscriber, Transport};

/// The transport `tcp`. Must be made within a tokio runtime.
pub struct Tcp {
    host: String,
    config: Arc<Config>,
    requests: requests::Requests,
}

impl Tcp {
    /// Makes the transport to a master; nothing is dialled before it is needed.
    pub fn new(host: &str, ret_port: u16, config: Config) -> Tcp {
        let config = Arc::new(config);
        let requests = requests::Requests::new(host, ret_port, config.clone());
        Tcp { host: host.to_owned(), requests, config }
    }
}

impl Transport for Tcp {
    fn request(&self, envelope: Bytes, timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(self.requests.request(envelope, timeout))
    }

    /// Topics are the master's business here: it knows who we are by the greeting.
    fn subscribe(&self, port: u16, _topics: Vec<String>, greeting: Greeting) -> Box<dyn Subscriber> {
        Box::new(subscription::Subscription::follow(&self.host, port, greeting, self.config.clone()))
    }
}
