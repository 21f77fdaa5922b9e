//! `_pillar`: the one request whose reply comes under a key of its own and signed by the master.

use std::sync::Arc;
use std::time::Duration;

use salt::{Map, Value, msgpack};
use subtle::ConstantTimeEq;
use tracing::debug;

use super::request::unpack_bytes;
use super::session::{Credentials, Session};
use super::wire::{bytes, plain};
use super::{Error, wire};
use crate::crypt::Crypticle;

/// A reply in its private form.
struct Private {
    key: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
}

impl Session {
    /// Sends a `_pillar` load and returns the value of the pillar. All attempts carry the same nonce, so that a late
    /// answer to an earlier one is as good.
    pub(super) async fn pillar(&self, load: Map, timeout: Duration, tries: u32) -> Result<Value, Error> {
        let nonce = wire::nonce();
        let mut credentials = self.signed_in().await?;
        let private = match self.private(&load, &nonce, &credentials, timeout, tries).await {
            Err(Error::Refused(_)) => {
                credentials = self.renew(&credentials).await?;
                self.private(&load, &nonce, &credentials, timeout, tries).await?
            }
            other => other?,
        };
        let algorithm = self.config.signing_algorithm;
        if !credentials.master_key.verify(algorithm, &private.data, &private.signature) {
            credentials = self.renew(&credentials).await?;
            if !credentials.master_key.verify(algorithm, &private.data, &private.signature) {
                return Err(Error::Signature("the master's signature of the pillar does not hold"));
            }
        }
        let mut signed = match msgpack::unpack(&private.data) {
            Ok(Value::Map(signed)) => signed,
            Ok(_) => return Err(Error::Decode("the signed pillar is no map".into())),
            Err(e) => return Err(Error::Decode(e.to_string())),
        };
        let same = |name: &str, expected: &[u8]| {
            signed.get(name).and_then(bytes).is_some_and(|seen| bool::from(seen.ct_eq(expected)))
        };
        if !same("key", &private.key) {
            return Err(Error::Signature("the pillar was signed under another key than it came with"));
        }
        if !same("nonce", nonce.as_bytes()) {
            return Err(Error::Replay("the pillar carries the nonce of another request"));
        }
        signed.remove("pillar").ok_or_else(|| Error::Decode("the signed pillar has no value".into()))
    }

    async fn private(
        &self,
        load: &Map,
        nonce: &str,
        credentials: &Arc<Credentials>,
        timeout: Duration,
        tries: u32,
    ) -> Result<Private, Error> {
        let envelope = bytes::Bytes::from(self.envelope(load.clone(), nonce, credentials)?);
        let mut attempt = 1;
        let answer = loop {
            match self.transport.request(envelope.clone(), timeout).await {
                Ok(answer) => break answer,
                Err(e) if attempt >= tries => return Err(e.into()),
                Err(e) => debug!(master = %self.config.master, attempt, "_pillar failed: {e}"),
            }
            attempt += 1;
        };
        let answer = unpack_bytes(&answer)?;
        let (Some(key), Some(sealed)) =
            (answer.get("key").and_then(bytes), answer.get("pillar").and_then(bytes))
        else {
            // An error in plain text, or (3008) an empty map in cipher text: no key, in any case.
            let told = plain(&answer).unwrap_or_else(|| "the pillar came without its key".into());
            return Err(Error::Refused(told));
        };
        let text = self.own().keys.decrypt(self.config.encryption_algorithm, key)?;
        let packed = Crypticle::from_text(text.expose())?.open(None, sealed)?;
        let inner = unpack_bytes(&packed)?;
        let part = |name: &str| inner.get(name).and_then(bytes).map(<[u8]>::to_vec);
        match (part("data"), part("sig")) {
            (Some(data), Some(signature)) => Ok(Private { key: key.to_vec(), data, signature }),
            _ => Err(Error::Decode("the pillar has no data or no signature".into())),
        }
    }
}
