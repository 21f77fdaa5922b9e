//! Requests: a load in, what the master returned out.

use std::sync::Arc;
use std::time::Duration;

use salt::{Map, Value, msgpack};
use tracing::debug;

use super::session::{Credentials, Session};
use super::{Error, wire};

/// What becomes of byte strings in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strings {
    /// Text where they are UTF-8, as Salt does.
    Guess,
    /// Bytes all: contents of files.
    Bytes,
}

impl Session {
    /// Sends a load in up to `tries` attempts, each with a nonce of its own.
    pub(super) async fn request(
        &self,
        load: Map,
        timeout: Duration,
        tries: u32,
        strings: Strings,
    ) -> Result<Value, Error> {
        let mut attempt = 1;
        loop {
            let failure = match self.transfer(&load, timeout, strings).await {
                Ok(value) => return Ok(value),
                Err(e) => e,
            };
            // Another attempt changes nothing about these.
            let hopeless = matches!(failure, Error::Unauthenticated(_) | Error::Pack(_) | Error::Keys(_));
            if hopeless || attempt >= tries {
                return Err(failure);
            }
            debug!(master = %self.config.master, attempt, "request failed: {failure}");
            attempt += 1;
        }
    }

    /// One attempt. A master that does not understand us has other keys than we: one `_auth`, one more time.
    async fn transfer(&self, load: &Map, timeout: Duration, strings: Strings) -> Result<Value, Error> {
        let credentials = self.signed_in().await?;
        match self.exchange(load, &credentials, timeout, strings).await {
            Err(Error::StaleKey | Error::Refused(_)) => {
                let credentials = self.renew(&credentials).await?;
                self.exchange(load, &credentials, timeout, strings).await
            }
            other => other,
        }
    }

    async fn exchange(
        &self,
        load: &Map,
        credentials: &Arc<Credentials>,
        timeout: Duration,
        strings: Strings,
    ) -> Result<Value, Error> {
        let nonce = wire::nonce();
        let envelope = self.envelope(load.clone(), &nonce, credentials)?;
        let answer = self.transport.request(envelope.into(), timeout).await?;
        let answer = unpack_bytes(&answer)?;
        let Value::Bytes(sealed) = &answer else {
            return Err(Error::Refused(wire::plain(&answer).unwrap_or_default()));
        };
        let packed = match credentials.session.open(Some(&nonce), sealed) {
            Ok(packed) => packed,
            // What does not decrypt may be a sentence.
            Err(e) => {
                return Err(match (Error::from(e), wire::plain(&answer)) {
                    (Error::StaleKey, Some(sentence)) => Error::Refused(sentence),
                    (e, _) => e,
                });
            }
        };
        match strings {
            Strings::Guess => msgpack::unpack(&packed),
            Strings::Bytes => msgpack::unpack_bytes(&packed),
        }
        .map_err(|e| Error::Decode(e.to_string()))
    }

    /// The packed envelope of a load, with all that the channel adds to it.
    pub(super) fn envelope(
        &self,
        mut load: Map,
        nonce: &str,
        credentials: &Credentials,
    ) -> Result<Vec<u8>, Error> {
        let config = &self.config;
        load.insert("nonce", nonce);
        load.insert("ts", Value::Int(wire::now()));
        let own = self.own();
        load.insert("tok", Value::Bytes(own.tok.expose().clone()));
        load.insert("id", config.id.as_str());
        if config.minion_sign_messages {
            // The master takes nonce and token out before it checks, and packs the rest again by itself.
            let mut signed = load.clone();
            for key in ["nonce", "tok", "sig"] {
                signed.remove(key);
            }
            let signed = msgpack::pack_modern(&Value::Map(signed))?;
            load.insert("sig", Value::Bytes(own.keys.sign(config.signing_algorithm, &signed)?));
        }
        let sealed = credentials.session.seal(None, &msgpack::pack(&Value::Map(load))?);
        let envelope = Map::new()
            .with("enc", "aes")
            .with("load", Value::Bytes(sealed))
            .with("version", Value::Int(3))
            .with("id", config.id.as_str())
            .with("enc_algo", config.encryption_algorithm.name())
            .with("sig_algo", config.signing_algorithm.name());
        Ok(msgpack::pack(&Value::Map(envelope))?)
    }
}

/// Unpacks what came over the wire, byte strings as bytes.
pub(super) fn unpack_bytes(packed: &[u8]) -> Result<Value, Error> {
    msgpack::unpack_bytes(packed).map_err(|e| Error::Decode(e.to_string()))
}
