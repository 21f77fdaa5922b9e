//! `transport: detect`: the transports in turn, until a master answers in one of them.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tracing::{debug, info};

use super::{Error, Greeting, Subscriber, Transport};

/// How long the master has in each transport.
const PATIENCE: Duration = Duration::from_secs(1);

/// A transport with its name.
pub type Candidate = (&'static str, Box<dyn Transport>);

/// Any of several transports: the first in which a request is answered is kept.
pub struct Detect {
    candidates: [Candidate; 3],
    /// The index of the one that is kept.
    chosen: OnceLock<usize>,
    /// One at a time tries.
    trying: Mutex<()>,
}

impl Detect {
    /// Of these, with their names, in this order.
    pub fn new(candidates: [Candidate; 3]) -> Detect {
        Detect { candidates, chosen: OnceLock::new(), trying: Mutex::new(()) }
    }

    fn chosen(&self) -> Option<&dyn Transport> {
        let (_, transport) = self.candidates.get(*self.chosen.get()?)?;
        Some(&**transport)
    }

    async fn detect(&self, envelope: Bytes, timeout: Duration) -> Result<Bytes, Error> {
        if let Some(transport) = self.chosen() {
            return transport.request(envelope, timeout).await;
        }
        let trying = self.trying.lock().await;
        if let Some(transport) = self.chosen() {
            drop(trying);
            return transport.request(envelope, timeout).await;
        }
        let mut failure = Error::Timeout;
        for (at, (name, transport)) in self.candidates.iter().enumerate() {
            match transport.request(envelope.clone(), timeout.min(PATIENCE)).await {
                Ok(answer) => {
                    info!("the master speaks {name}");
                    let _ = self.chosen.set(at);
                    return Ok(answer);
                }
                Err(why) => {
                    debug!("the master does not answer in {name}: {why}");
                    failure = why;
                }
            }
        }
        Err(failure)
    }
}

impl Transport for Detect {
    fn request(&self, envelope: Bytes, timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(self.detect(envelope, timeout))
    }

    /// Before the first answer, that is before anybody can know the port, this is the first transport.
    fn subscribe(&self, port: u16, topics: Vec<String>, greeting: Greeting) -> Box<dyn Subscriber> {
        match self.chosen() {
            Some(transport) => transport.subscribe(port, topics, greeting),
            None => self.candidates[0].1.subscribe(port, topics, greeting),
        }
    }
}
