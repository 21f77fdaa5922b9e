//! The master of the moment, as everybody but the loop sees it: a channel that may be gone for a while and that may be
//! another one when it comes back.

use std::sync::{Arc, PoisonError, RwLock};

use salt::{Map, Value};
use tokio::sync::{mpsc, watch};

use crate::channel::{AuthOutcome, Error};
use crate::connection::{Channel, Patience};

/// A handle on the master of the moment.
pub struct Link {
    channel: RwLock<Option<Arc<dyn Channel>>>,
    online: watch::Sender<bool>,
    refused: mpsc::UnboundedSender<AuthOutcome>,
}

impl Link {
    /// A link without a master yet. What masters say to requests that they do not authenticate any more goes to
    /// `refused`.
    pub fn new(refused: mpsc::UnboundedSender<AuthOutcome>) -> Arc<Link> {
        Arc::new(Link { channel: RwLock::default(), online: watch::Sender::new(false), refused })
    }

    /// There is a master.
    pub fn up(&self, channel: Arc<dyn Channel>) {
        *self.channel.write().unwrap_or_else(PoisonError::into_inner) = Some(channel);
        self.online.send_replace(true);
    }

    /// The master is gone. Requests still go to it, since it may only be the publish connection that is lost.
    pub fn down(&self) {
        self.online.send_replace(false);
    }

    /// True while the minion is authenticated.
    pub fn is_up(&self) -> bool {
        *self.online.borrow()
    }

    /// Waits until the minion is authenticated.
    pub async fn wait_up(&self) {
        // The sender lives in self, so this can't fail.
        let _ = self.online.subscribe().wait_for(|up| *up).await;
    }

    /// The channel to the master.
    ///
    /// # Errors
    /// [`Error::SignedOut`] before the first connection.
    pub fn channel(&self) -> Result<Arc<dyn Channel>, Error> {
        self.channel.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Error::SignedOut)
    }

    /// A load and its decrypted reply.
    pub async fn request(&self, load: Map, patience: Option<Patience>) -> Result<Value, Error> {
        self.noted(self.channel()?.request(load, patience).await)
    }

    /// The same with the values of the reply left as bytes.
    pub async fn request_bytes(&self, load: Map) -> Result<Value, Error> {
        self.noted(self.channel()?.request_bytes(load).await)
    }

    /// The private reply to `_pillar`.
    pub async fn pillar(&self, load: Map) -> Result<Value, Error> {
        self.noted(self.channel()?.pillar(load).await)
    }

    fn noted(&self, answer: Result<Value, Error>) -> Result<Value, Error> {
        if let Err(Error::Unauthenticated(outcome)) = &answer {
            // Nobody listens any more when the minion is about to end.
            let _ = self.refused.send(outcome.clone());
        }
        answer
    }
}

/// What a function sees of a channel's error: Salt's exception.
pub fn exception(error: Error) -> salt::Error {
    match error {
        Error::Timeout => salt::Error::exception("salt.exceptions.SaltReqTimeoutError", "Message timed out"),
        Error::Unauthenticated(outcome) => salt::Error::exception("salt.exceptions.SaltClientError", outcome),
        other => salt::Error::exception("salt.exceptions.SaltClientError", other),
    }
}
