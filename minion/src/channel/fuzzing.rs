//! What the fuzz targets call: a channel to a master that answers whatever it is told to.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use salt::{Map, Value, msgpack};

use super::auth::Ask;
use super::publish::Decoder;
use super::request::Strings;
use super::session::{Credentials, PublishKey, Session};
use super::{ChannelConfig, Error, wire};
use crate::crypt::{Crypticle, MinionKeys, Secret};
use crate::transport::{self, Greeting, SubEvent, Subscriber, Transport};

/// A channel that is signed in, and the keys that its master has.
pub struct Rig {
    session: Arc<Session>,
    answer: Arc<Mutex<Bytes>>,
    aes: Crypticle,
    shared: Crypticle,
}

/// How bytes are dressed before the channel reads them.
#[derive(Clone, Copy, Debug)]
pub enum Dress {
    /// As they are.
    Bare,
    /// As the load of an envelope, sealed with the key that belongs there.
    Sealed,
}

struct Says(Arc<Mutex<Bytes>>);

struct Silence;

impl Transport for Says {
    fn request(&self, _: Bytes, _: Duration) -> BoxFuture<'_, Result<Bytes, transport::Error>> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move { Ok(answer) })
    }

    fn subscribe(&self, _: u16, _: Vec<String>, _: Greeting) -> Box<dyn Subscriber> {
        Box::new(Silence)
    }
}

impl Subscriber for Silence {
    fn next(&mut self) -> BoxFuture<'_, SubEvent> {
        Box::pin(std::future::pending())
    }
}

impl Rig {
    /// Makes the keys; slow.
    ///
    /// # Errors
    /// No keys can be made.
    pub fn new() -> Result<Rig, Error> {
        let mut config = ChannelConfig::new("vc01", "master", Path::new("/nonexistent"));
        config.auth_tries = 1;
        let answer = Arc::new(Mutex::new(Bytes::new()));
        let session = Session::new(config, MinionKeys::generate(2048)?, Box::new(Says(answer.clone())))?;
        let ((aes, aes_text), (shared, shared_text)) = (Crypticle::generate(), Crypticle::generate());
        let same = |text: &Secret<String>| Crypticle::from_text(text.expose().as_bytes());
        let master_key = MinionKeys::generate(2048)?.public();
        session.set(Some(Arc::new(Credentials {
            aes: PublishKey::new(same(&aes_text)?),
            session: same(&shared_text)?,
            publish_port: 4505,
            master_key,
        })));
        Ok(Rig { session: Arc::new(session), answer, aes, shared })
    }

    fn says(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer.into();
    }

    /// Reads a publication. A load that comes out of it is what jobs are made of.
    pub async fn publication(&self, bytes: &[u8], dress: Dress) -> Option<Map> {
        self.says(vec![]);
        let message = match dress {
            Dress::Bare => bytes.to_vec(),
            Dress::Sealed => {
                let sealed = Value::Bytes(self.aes.seal(None, bytes));
                let outer = Map::new().with("enc", "aes").with("load", sealed);
                msgpack::pack(&Value::Map(outer)).ok()?
            }
        };
        let mut decoder = Decoder { session: self.session.clone(), quiet_until: None };
        decoder.decode(&message.into()).await.ok().flatten()
    }

    /// Reads the answer to a request. Nobody but the master can have made one that holds.
    pub async fn reply(&self, bytes: &[u8], dress: Dress) {
        let nothing = || Map::new().with("cmd", "x");
        let message = match dress {
            Dress::Bare => bytes.to_vec(),
            // The nonce is missing, so it is read up to there, and no further.
            Dress::Sealed => msgpack::pack(&Value::Bytes(self.shared.seal(None, bytes))).unwrap_or_default(),
        };
        self.says(message);
        let patience = Duration::from_secs(1);
        for strings in [Strings::Guess, Strings::Bytes] {
            let reply = self.session.request(nothing(), patience, 1, strings).await;
            assert!(reply.is_err(), "{reply:?} is believed");
        }
        let pillar = self.session.pillar(nothing(), patience, 1).await;
        assert!(pillar.is_err(), "{pillar:?} is believed");
    }

    /// Reads the answer to an `_auth`. Nothing that comes so can be more than a word to wait by.
    pub fn auth(&self, bytes: &[u8]) {
        let (own, token) = (self.session.own(), Secret::new(String::new()));
        let ask = Ask {
            config: &self.session.config,
            keys: &own.keys,
            token: &token,
            pin: None,
            nonce: wire::nonce(),
        };
        let _ = ask.load();
        if let Ok(super::auth::Verdict::Granted(_)) = ask.judge(bytes) {
            panic!("an answer without the master's signature is believed");
        }
    }
}
