//! The channel to one master: it authenticates both sides, encrypts requests and believes publishes only when they
//! are the master's.
//!
//! Two keys are at work (`salt/channel/client.py`): the *session* key, ours alone, for requests; and the *aes* key of
//! all minions for publishes. They change at different times, so each side renews both through the one
//! session and nobody asks twice for the same.

mod auth;
mod config;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod greeting;
mod line;
mod pillar;
mod pin;
mod publish;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salt::{Map, Value, msgpack};

pub use config::ChannelConfig;
pub use error::{AuthOutcome, Error};
pub use line::Line;
pub use publish::{PubEvent, Publications};

use self::request::Strings;
use self::session::Session;
use crate::crypt::{MinionKeys, fingerprint};
use crate::transport::Transport;

/// A handle on the channel to one master. Clones share everything.
#[derive(Clone)]
pub struct MasterChannel {
    session: Arc<Session>,
}

impl fmt::Debug for MasterChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterChannel")
            .field("master", &self.session.config.master)
            .field("authenticated", &self.authenticated())
            .finish_non_exhaustive()
    }
}

impl MasterChannel {
    /// Reads the key pair, or makes one. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Keys`] when the pki directory or a key in it is of no use.
    pub async fn open(mut config: ChannelConfig) -> Result<MasterChannel, Error> {
        let keys = MinionKeys::load_or_generate(&config.pki_dir, config.keysize).await?;
        config.network.publish_identity.clone_from(&config.id);
        config.network.request_identity = config.line.request_identity(&config.id);
        let transport = config.transport.open(&config.master, config.master_port, config.network.clone());
        MasterChannel::over(config, keys, transport)
    }

    fn over(
        config: ChannelConfig,
        keys: MinionKeys,
        transport: Box<dyn Transport>,
    ) -> Result<MasterChannel, Error> {
        Ok(MasterChannel { session: Arc::new(Session::new(config, keys, transport)?) })
    }

    /// Sends `_auth` and judges the answer. To wait while the key is pending is the caller's part.
    ///
    /// # Errors
    /// [`Error::Timeout`] and [`Error::Transport`] after all tries; [`Error::Signature`] and [`Error::Replay`] for a
    /// master that does not prove who it is; [`Error::Keys`] for a spoilt `minion_master.pub`.
    pub async fn authenticate(&self) -> Result<AuthOutcome, Error> {
        self.session.sign_in(None).await
    }

    /// True while there are keys of the master's.
    pub fn authenticated(&self) -> bool {
        self.session.credentials().is_some()
    }

    /// Drops the keys of the master's: the next request authenticates first.
    pub fn forget(&self) {
        self.session.forget();
    }

    /// Sends a load with the default patience and returns the decrypted reply.
    ///
    /// # Errors
    /// That of the last attempt. [`Error::Unauthenticated`] when the master does not accept us any more.
    pub async fn request(&self, load: Map) -> Result<Value, Error> {
        let config = &self.session.config;
        self.request_with(load, config.request_timeout, config.request_tries).await
    }

    /// The same with a timeout for each of so many attempts.
    ///
    /// # Errors
    /// As [`MasterChannel::request`].
    pub async fn request_with(&self, load: Map, timeout: Duration, tries: u32) -> Result<Value, Error> {
        self.session.request(load, timeout, tries, Strings::Guess).await
    }

    /// The same for replies with contents of files: values that are byte strings stay bytes.
    ///
    /// # Errors
    /// As [`MasterChannel::request`].
    pub async fn request_raw_bytes(&self, load: Map) -> Result<Value, Error> {
        let config = &self.session.config;
        self.session.request(load, config.request_timeout, config.request_tries, Strings::Bytes).await
    }

    /// Sends a `_pillar` load and returns the pillar, which the master signed for this request.
    ///
    /// # Errors
    /// As [`MasterChannel::request`]; [`Error::Signature`] and [`Error::Replay`] for a pillar that is not believed.
    pub async fn pillar(&self, load: Map) -> Result<Value, Error> {
        let config = &self.session.config;
        self.session.pillar(load, config.request_timeout, config.request_tries).await
    }

    /// Sends a load in clear, once, and returns the reply, which may be anybody's. For `ping`.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Transport`] and [`Error::Decode`].
    pub async fn clear(&self, load: Map, timeout: Duration) -> Result<Value, Error> {
        let answer = self.session.send_clear(load, timeout).await?;
        msgpack::unpack(&answer).map_err(|e| Error::Decode(e.to_string()))
    }

    /// Subscribes to the master's jobs.
    ///
    /// # Errors
    /// [`Error::SignedOut`] if only `_auth` can tell the port, and there was none.
    pub fn subscribe(&self) -> Result<Publications, Error> {
        let configured = self.session.config.publish_port.filter(|&port| port != 4506);
        let port = configured.or_else(|| self.session.credentials().map(|c| c.publish_port));
        Ok(Publications::new(self.session.clone(), port.ok_or(Error::SignedOut)?))
    }

    /// What the channel was told.
    pub fn config(&self) -> &ChannelConfig {
        &self.session.config
    }

    /// The minion's public key as it is sent.
    pub fn public_key(&self) -> String {
        self.session.own().keys.public_text().to_owned()
    }

    /// The fingerprint of the minion's key (`key.finger`).
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.public_key(), self.session.config.hash_type)
    }

    /// The fingerprint of the master's pinned key (`key.finger_master`); none before the first acceptance.
    pub fn master_fingerprint(&self) -> Option<String> {
        let pin = pin::read(&self.session.config.pki_dir).ok()??;
        Some(fingerprint(&pin.text, self.session.config.hash_type))
    }
}
