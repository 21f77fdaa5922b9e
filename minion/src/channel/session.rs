//! The keys of a master, shared by requests and publishes, and the one way to renew them.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use salt::{Map, Value, msgpack};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::auth::{Ask, Granted, Verdict};
use super::{AuthOutcome, ChannelConfig, Error, pin, wire};
use crate::crypt::{Crypticle, MinionKeys, PublicKey, Secret, Version};
use crate::transport::Transport;

/// What all parts of a channel share.
pub(super) struct Session {
    pub(super) config: ChannelConfig,
    own: RwLock<Arc<Own>>,
    pub(super) transport: Box<dyn Transport>,
    token: Secret<String>,
    credentials: RwLock<Option<Arc<Credentials>>>,
    /// How many sign-ins have ended. Kept beside the lock, so that it can be read before waiting for it.
    ended: Mutex<u64>,
    /// Held during a sign-in; holds how the last one ended.
    last: tokio::sync::Mutex<Result<AuthOutcome, Error>>,
}

/// The minion's own keys.
pub(super) struct Own {
    pub(super) keys: MinionKeys,
    /// The proof of identity in each request: deterministic, so made once.
    pub(super) tok: Secret<Vec<u8>>,
    /// The file that they were read from, as it was then.
    version: Option<Version>,
}

impl Own {
    fn new(keys: MinionKeys, version: Option<Version>) -> Result<Arc<Own>, Error> {
        Ok(Arc::new(Own { tok: Secret::new(keys.sign_x931(b"salt")?), keys, version }))
    }
}

/// The keys that one `_auth` brought. An exchange keeps those that it began with.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) aes: Arc<PublishKey>,
    pub(super) session: Crypticle,
    pub(super) publish_port: u16,
    pub(super) master_key: PublicKey,
}

/// The key of publishes with the last serial number seen under it.
#[derive(Debug)]
pub(super) struct PublishKey {
    pub(super) crypticle: Crypticle,
    serial: Mutex<i64>,
}

impl PublishKey {
    pub(super) fn new(crypticle: Crypticle) -> Arc<PublishKey> {
        Arc::new(PublishKey { crypticle, serial: Mutex::new(0) })
    }

    /// True, and remembered, if the serial number is greater than all before it.
    pub(super) fn advance(&self, serial: i64) -> bool {
        let mut last = self.serial.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = serial > *last;
        if newer {
            *last = serial;
        }
        newer
    }
}

impl Session {
    pub(super) fn new(
        config: ChannelConfig,
        keys: MinionKeys,
        transport: Box<dyn Transport>,
    ) -> Result<Session, Error> {
        let own = Own::new(keys, MinionKeys::version(&config.pki_dir))?;
        Ok(Session {
            config,
            own: RwLock::new(own),
            transport,
            token: Crypticle::generate().1,
            credentials: RwLock::default(),
            ended: Mutex::default(),
            last: tokio::sync::Mutex::new(Err(Error::SignedOut)),
        })
    }

    /// The minion's own keys at this moment.
    pub(super) fn own(&self) -> Arc<Own> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over the key pair of the pki directory if it is another than that in use: somebody has put it there, or
    /// `saltutil.regen_keys` has made it.
    async fn refresh_own(&self) -> Result<Arc<Own>, Error> {
        let own = self.own();
        let pki_dir = &self.config.pki_dir;
        if own.version == MinionKeys::version(pki_dir) {
            return Ok(own);
        }
        let keys = MinionKeys::load_or_generate(pki_dir, self.config.keysize).await?;
        if keys.public_text() != own.keys.public_text() {
            info!(master = %self.config.master, "the key pair of the minion is a new one");
        }
        let own = Own::new(keys, MinionKeys::version(pki_dir))?;
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own.clone();
        Ok(own)
    }

    pub(super) fn credentials(&self) -> Option<Arc<Credentials>> {
        self.credentials.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn forget(&self) {
        self.set(None);
    }

    /// The keys, after an `_auth` if there are none.
    pub(super) async fn signed_in(&self) -> Result<Arc<Credentials>, Error> {
        match self.credentials() {
            Some(credentials) => Ok(credentials),
            None => self.keys_of(self.sign_in(None).await?),
        }
    }

    /// Newer keys than those that turned out to be stale.
    pub(super) async fn renew(&self, stale: &Arc<Credentials>) -> Result<Arc<Credentials>, Error> {
        self.keys_of(self.sign_in(Some(stale)).await?)
    }

    /// Authenticates. One at a time: who waits for another's `_auth` takes its result, whatever it is, instead of
    /// asking the master the same again.
    pub(super) async fn sign_in(&self, stale: Option<&Arc<Credentials>>) -> Result<AuthOutcome, Error> {
        let before = *self.ended();
        let mut last = self.last.lock().await;
        if *self.ended() != before {
            return last.clone();
        }
        if let (Some(stale), Some(current)) = (stale, self.credentials())
            && !Arc::ptr_eq(stale, &current)
        {
            let publish_port = current.publish_port;
            return Ok(AuthOutcome::Accepted { publish_port, renewed: true });
        }
        let result = self.authenticate().await;
        match &result {
            Ok(outcome) if outcome.accepted() => info!(master = %self.config.master, "{outcome}"),
            Ok(outcome) => warn!(master = %self.config.master, "{outcome}"),
            Err(e) => warn!(master = %self.config.master, "authentication failed: {e}"),
        }
        last.clone_from(&result);
        *self.ended() += 1;
        result
    }

    /// Sends a clear load and returns the packed answer. A new nonce in each attempt is the caller's business.
    pub(super) async fn send_clear(&self, load: Map, timeout: Duration) -> Result<Bytes, Error> {
        let envelope = Map::new().with("enc", "clear").with("load", load).with("version", Value::Int(3));
        let packed = msgpack::pack(&Value::Map(envelope))?;
        Ok(self.transport.request(packed.into(), timeout).await?)
    }

    async fn authenticate(&self) -> Result<AuthOutcome, Error> {
        sleep(self.config.line.pause_before_sign_in()).await;
        let own = self.refresh_own().await?;
        let mut failure = Error::Timeout;
        for _ in 0..self.config.auth_tries.max(1) {
            let ask = Ask {
                config: &self.config,
                keys: &own.keys,
                token: &self.token,
                pin: pin::read(&self.config.pki_dir)?,
                nonce: wire::nonce(),
            };
            match self.send_clear(ask.load()?, self.config.auth_timeout).await {
                Ok(answer) => {
                    return Ok(match ask.judge(&answer)? {
                        Verdict::Granted(granted) => self.adopt(*granted),
                        Verdict::Denied(outcome) => outcome,
                    });
                }
                Err(e) => {
                    debug!(master = %self.config.master, "_auth was not answered: {e}");
                    failure = e;
                }
            }
        }
        Err(failure)
    }

    /// Takes over what an `_auth` brought. A publish key that is the same as before keeps its memory of serial
    /// numbers.
    fn adopt(&self, granted: Granted) -> AuthOutcome {
        let Granted { aes, session, publish_port, master_key } = granted;
        let old = self.credentials();
        let kept = old.as_ref().map(|old| &old.aes).filter(|old| old.crypticle.same(&aes)).cloned();
        let renewed = kept.is_none() || !old.is_some_and(|old| old.session.same(&session));
        let aes = kept.unwrap_or_else(|| PublishKey::new(aes));
        self.set(Some(Arc::new(Credentials { aes, session, publish_port, master_key })));
        AuthOutcome::Accepted { publish_port, renewed }
    }

    fn keys_of(&self, outcome: AuthOutcome) -> Result<Arc<Credentials>, Error> {
        if !outcome.accepted() {
            return Err(Error::Unauthenticated(outcome));
        }
        self.credentials().ok_or(Error::SignedOut)
    }

    pub(super) fn set(&self, credentials: Option<Arc<Credentials>>) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    fn ended(&self) -> std::sync::MutexGuard<'_, u64> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
