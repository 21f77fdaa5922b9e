//! Jobs as they are published: verified, decrypted, in order.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use salt::{Map, Value, msgpack};
use sha1::{Digest, Sha1};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::debug;

use super::greeting::greeting;
use super::request::unpack_bytes;
use super::session::{Credentials, Session};
use super::wire::{bytes, text};
use super::{AuthOutcome, Error};
use crate::crypt::{OpenError, SigningAlgorithm};
use crate::transport::{SubEvent, Subscriber};

/// How long undecryptable publishes are dropped without a question after an `_auth` that brought no new keys: else
/// anybody who can write to the publish connection could make us ask the master without end.
const QUIET: Duration = Duration::from_secs(10);

/// Something that happened on the publish side.
#[derive(Debug, Clone, PartialEq)]
pub enum PubEvent {
    /// The subscription is up.
    Connected,
    /// The connection is lost; it comes back by itself.
    Disconnected,
    /// The load of a job, for whichever minion it may be. The serial number is taken out.
    Job(Map),
    /// A message that was not believed. With [`Error::Unauthenticated`] the master does not accept us any more.
    Dropped(Error),
}

/// A subscription to a master's jobs. Messages wait in a queue of the transport, bounded by
/// [`crate::transport::Config::queue_messages`] and `queue_bytes`; what does not fit is dropped and told.
pub struct Publications {
    events: mpsc::Receiver<PubEvent>,
    told_end: bool,
    _task: JoinSet<()>,
}

impl Publications {
    pub(super) fn new(session: Arc<Session>, port: u16) -> Publications {
        let topics = match session.config.zmq_filtering {
            true => vec!["broadcast".to_owned(), topic(&session.config.id)],
            false => Vec::new(),
        };
        let subscriber = session.transport.subscribe(port, topics, greeting(session.clone()));
        let (sender, events) = mpsc::channel(16);
        let mut task = JoinSet::new();
        // A task of its own: a caller that cancels `next` must not cut an `_auth` short.
        task.spawn(Decoder { session, quiet_until: None }.run(subscriber, sender));
        Publications { events, told_end: false, _task: task }
    }

    /// The next event. Cancel-safe; never ends.
    pub async fn next(&mut self) -> PubEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The task ends only with its runtime, or by a panic in a library. Tell it as a loss, once.
            None if !std::mem::replace(&mut self.told_end, true) => PubEvent::Disconnected,
            None => std::future::pending().await,
        }
    }
}

/// The topic of an id: its SHA-1 in hexadecimal.
fn topic(id: &str) -> String {
    Sha1::digest(id).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) struct Decoder {
    pub(super) session: Arc<Session>,
    pub(super) quiet_until: Option<Instant>,
}

impl Decoder {
    async fn run(mut self, mut subscriber: Box<dyn Subscriber>, events: mpsc::Sender<PubEvent>) {
        loop {
            let event = match subscriber.next().await {
                SubEvent::Connected => PubEvent::Connected,
                SubEvent::Disconnected(why) => {
                    debug!(master = %self.session.config.master, "publish connection lost: {why}");
                    PubEvent::Disconnected
                }
                SubEvent::Overflow(lost) => PubEvent::Dropped(Error::Overflow(lost)),
                SubEvent::Message(message) => match self.decode(&message).await {
                    Ok(Some(load)) => PubEvent::Job(load),
                    Ok(None) => continue,
                    Err(e) => PubEvent::Dropped(e),
                },
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }

    /// None for a message that is no publish at all.
    pub(super) async fn decode(&mut self, message: &Bytes) -> Result<Option<Map>, Error> {
        let outer = unpack_bytes(message)?;
        if outer.get("enc").and_then(text) != Some("aes") {
            debug!(master = %self.session.config.master, "a published message that is not encrypted is ignored");
            return Ok(None);
        }
        let sealed = outer.get("load").and_then(bytes);
        let sealed = sealed.ok_or_else(|| Error::Decode("a publish without load".into()))?;
        let credentials = self.session.signed_in().await?;
        self.verify(&outer, sealed, &credentials)?;
        let (packed, credentials) = match credentials.aes.crypticle.open(None, sealed) {
            Err(OpenError::Mac) => {
                let renewed = self.renew(&credentials).await?;
                (renewed.aes.crypticle.open(None, sealed)?, renewed)
            }
            other => (other?, credentials),
        };
        let Value::Map(mut load) = msgpack::unpack(&packed).map_err(|e| Error::Decode(e.to_string()))? else {
            return Err(Error::Decode("the load of a publish is no map".into()));
        };
        // Clustered masters number nothing.
        if let Some(serial) = load.remove("serial") {
            let newer = serial.as_i64().is_some_and(|serial| credentials.aes.advance(serial));
            if !newer {
                return Err(Error::Replay("a publish with a serial number that was there before"));
            }
        }
        Ok(Some(load))
    }

    fn verify(&self, outer: &Value, sealed: &[u8], credentials: &Credentials) -> Result<(), Error> {
        let signature = outer.get("sig").filter(|sig| sig.truthy());
        let Some(signature) = signature else {
            return match self.session.config.sign_pub_messages {
                true => Err(Error::Signature("a publish is not signed, but sign_pub_messages is set")),
                false => Ok(()),
            };
        };
        let algorithm = outer.get("sig_algo").and_then(text).and_then(|name| name.parse().ok());
        let algorithm: SigningAlgorithm =
            algorithm.ok_or(Error::Signature("a publish is signed by an unknown algorithm"))?;
        match bytes(signature) {
            Some(signature) if credentials.master_key.verify(algorithm, sealed, signature) => Ok(()),
            _ => Err(Error::Signature("the master's signature of a publish does not hold")),
        }
    }

    async fn renew(&mut self, stale: &Arc<Credentials>) -> Result<Arc<Credentials>, Error> {
        if self.quiet_until.is_some_and(|until| Instant::now() < until) {
            return Err(Error::StaleKey);
        }
        let renewed = self.session.renew(stale).await;
        let in_vain = match &renewed {
            Ok(renewed) => renewed.aes.crypticle.same(&stale.aes.crypticle),
            Err(Error::Unauthenticated(AuthOutcome::Pending)) => true,
            Err(_) => false,
        };
        self.quiet_until = in_vain.then(|| Instant::now() + QUIET);
        renewed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_is_the_sha1_of_the_id() {
        assert_eq!(topic("minion"), "77e4c401984e5d311e746b4f0797a24e3276f694");
    }
}
