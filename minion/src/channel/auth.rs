//! `_auth`: what is asked and how the answer is judged. No network here; [`super::session`] sends.

use salt::{Map, Value, msgpack};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::pin::{self, Pin};
use super::wire::{bytes, text};
use super::{AuthOutcome, ChannelConfig, Error};
use crate::crypt::{Crypticle, MinionKeys, PublicKey, Secret, clean, fingerprint};

/// One `_auth` under way.
pub(super) struct Ask<'a> {
    pub(super) config: &'a ChannelConfig,
    pub(super) keys: &'a MinionKeys,
    /// What the master has to prove that it can decrypt.
    pub(super) token: &'a Secret<String>,
    pub(super) pin: Option<Pin>,
    pub(super) nonce: String,
}

/// What an accepted `_auth` brings.
pub(super) struct Granted {
    pub(super) aes: Crypticle,
    pub(super) session: Crypticle,
    pub(super) publish_port: u16,
    pub(super) master_key: PublicKey,
}

/// The judgement of an answer.
pub(super) enum Verdict {
    Granted(Box<Granted>),
    Denied(AuthOutcome),
}

impl Ask<'_> {
    /// The load to send.
    pub(super) fn load(&self) -> Result<Map, Error> {
        let mut load = Map::new()
            .with("cmd", "_auth")
            .with("id", self.config.id.as_str())
            .with("nonce", self.nonce.as_str())
            .with("enc_algo", self.config.encryption_algorithm.name())
            .with("sig_algo", self.config.signing_algorithm.name());
        if let Some(grains) = &self.config.autosign_grains {
            load.insert("autosign_grains", grains.clone());
        }
        if let Some(pin) = &self.pin {
            let token = self.token.expose().as_bytes();
            load.insert("token", Value::Bytes(pin.key.encrypt(self.config.encryption_algorithm, token)?));
        }
        load.insert("pub", self.keys.public_text());
        Ok(load)
    }

    /// Judges the packed answer. The pin is written, or rewritten, as the very last step: when everything holds.
    pub(super) fn judge(&self, answer: &[u8]) -> Result<Verdict, Error> {
        let answer = msgpack::unpack_bytes(answer).map_err(|e| Error::Decode(e.to_string()))?;
        let Value::Map(answer) = answer else {
            return Err(Error::Refused(text(&answer).unwrap_or("something that is no map").to_owned()));
        };
        let load = match answer.get("load") {
            Some(Value::Map(plain)) => return unsigned(plain),
            Some(Value::Bytes(load)) => load,
            _ => return Err(Error::Decode("the answer to _auth has no load".into())),
        };
        let signature = answer.get("sig").and_then(bytes).unwrap_or_default();
        let Value::Map(inner) = msgpack::unpack_bytes(load).map_err(|e| Error::Decode(e.to_string()))? else {
            return Err(Error::Decode("the load of the answer to _auth is no map".into()));
        };
        match inner.get("pub_key") {
            Some(key) => {
                let key = text(key).ok_or_else(|| Error::Decode("pub_key is no text".into()))?;
                self.accepted(key, &inner, load, signature)
            }
            None => self.denied(&inner, load, signature).map(Verdict::Denied),
        }
    }

    fn accepted(&self, sent_key: &str, inner: &Map, load: &[u8], signature: &[u8]) -> Result<Verdict, Error> {
        let cleaned = clean(sent_key);
        let changed = self.pin.as_ref().is_some_and(|pin| pin.text != cleaned);
        if let Err(outcome) = self.trust(sent_key, inner.get("pub_sig").and_then(bytes), changed) {
            return Ok(Verdict::Denied(outcome));
        }
        let master_key = PublicKey::from_pem(sent_key)?;
        if let Some(expected) = &self.config.master_finger {
            let seen = fingerprint(&cleaned, self.config.hash_type);
            if seen != *expected {
                let expected = expected.clone();
                return Ok(Verdict::Denied(AuthOutcome::FingerMismatch { expected, seen }));
            }
        }
        let unwrap = |name: &str| -> Result<Secret<Vec<u8>>, Error> {
            let wrapped = inner.get(name).and_then(bytes);
            let wrapped =
                wrapped.ok_or_else(|| Error::Decode(format!("the answer to _auth has no {name}")))?;
            Ok(self.keys.decrypt(self.config.encryption_algorithm, wrapped)?)
        };
        let aes = unwrap("aes")?;
        let digest: String = Sha256::digest(aes.expose()).iter().map(|byte| format!("{byte:02x}")).collect();
        let aes_signature = inner.get("sig").and_then(bytes).unwrap_or_default();
        if !master_key.verify_x931(digest.as_bytes(), aes_signature) {
            return Err(Error::Signature("the master's signature of its key does not hold"));
        }
        // A master with a new key could not decrypt a token that was meant for the old one.
        if self.pin.is_some() && !changed {
            let token = unwrap("token")?;
            if !bool::from(token.expose().ct_eq(self.token.expose().as_bytes())) {
                return Err(Error::Signature("the master could not decrypt the token it was sent"));
            }
        }
        let session = unwrap("session")?;
        self.signed(&master_key, load, signature)?;
        self.fresh(inner)?;
        let publish_port = inner.get("publish_port").and_then(Value::as_i64);
        let publish_port = publish_port
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| Error::Decode("the answer to _auth has no publish_port".into()))?;
        let granted = Granted {
            aes: Crypticle::from_text(aes.expose())?,
            session: Crypticle::from_text(session.expose())?,
            publish_port,
            master_key,
        };
        if changed || self.pin.is_none() {
            pin::write(&self.config.pki_dir, &cleaned)?;
        }
        Ok(Verdict::Granted(Box::new(granted)))
    }

    /// Is this key the master's? By the pin, or by the signature of the key that signs masters' keys. There is no
    /// third way: `open_mode` does not help a master with a new key in Salt's minion either.
    fn trust(&self, sent_key: &str, pub_sig: Option<&[u8]>, changed: bool) -> Result<(), AuthOutcome> {
        let refuse = |why| Err(AuthOutcome::MasterUnverified(why));
        let verify = self.config.verify_master_pubkey_sign;
        let pub_sig = match (verify, pub_sig) {
            (false, None) if self.config.always_verify_signature => {
                return refuse("always_verify_signature is set, but the master does not sign its public key");
            }
            (false, None) => {
                return if changed { Err(AuthOutcome::MasterKeyChanged) } else { Ok(()) };
            }
            (false, Some(_)) => {
                return refuse(
                    "the master signs its public key, but verify_master_pubkey_sign is not set on this minion",
                );
            }
            (true, None) => {
                return refuse(
                    "verify_master_pubkey_sign is set on this minion, but the master does not sign its public key",
                );
            }
            (true, Some(signature)) => signature,
        };
        if self.pin.is_some() && !changed && !self.config.always_verify_signature {
            return Ok(());
        }
        let file = self.config.pki_dir.join(format!("{}.pub", self.config.master_sign_key_name));
        let Ok(Some((signer, _))) = PublicKey::read(&file) else {
            return refuse(
                "the public key that verifies masters (master_sign_key_name) is missing or unreadable",
            );
        };
        // The signature travels as base64 text, in lines or in one.
        let compact: Vec<u8> = pub_sig.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, compact);
        match signature {
            Ok(s) if signer.verify(self.config.signing_algorithm, sent_key.as_bytes(), &s) => Ok(()),
            _ => refuse("the signature of the master's public key does not hold"),
        }
    }

    /// An answer without keys. Before the first acceptance there is nothing to check its signature with, so nothing
    /// may be learned from it but to wait.
    fn denied(&self, inner: &Map, load: &[u8], signature: &[u8]) -> Result<AuthOutcome, Error> {
        if let Some(pin) = &self.pin {
            self.signed(&pin.key, load, signature)?;
        }
        self.fresh(inner)?;
        match inner.get("ret") {
            Some(Value::Bool(true)) => Ok(AuthOutcome::Pending),
            Some(Value::Bool(false)) if inner.get("cluster_retry").is_some_and(Value::truthy) => {
                Ok(AuthOutcome::ClusterNotReady)
            }
            Some(Value::Bool(false)) => Ok(AuthOutcome::Rejected),
            Some(Value::Bytes(word)) if word == b"full" => Ok(AuthOutcome::Full),
            other => Err(Error::Decode(format!("the answer to _auth is {other:?}"))),
        }
    }

    fn signed(&self, key: &PublicKey, load: &[u8], signature: &[u8]) -> Result<(), Error> {
        if key.verify(self.config.signing_algorithm, load, signature) {
            return Ok(());
        }
        Err(Error::Signature("the signature of the answer to _auth does not hold"))
    }

    fn fresh(&self, inner: &Map) -> Result<(), Error> {
        match inner.get("nonce").and_then(bytes) {
            Some(nonce) if bool::from(nonce.ct_eq(self.nonce.as_bytes())) => Ok(()),
            _ => Err(Error::Replay("the answer to _auth carries another nonce")),
        }
    }
}

/// The answers that masters do not sign: unknown algorithms, and a cluster that is not ready.
fn unsigned(load: &Map) -> Result<Verdict, Error> {
    let ret = load.get("ret");
    let outcome = match ret.and_then(text) {
        Some("bad enc algo") => AuthOutcome::BadEncryptionAlgorithm,
        Some("bad sig algo") => AuthOutcome::BadSigningAlgorithm,
        _ if load.get("cluster_retry").is_some_and(Value::truthy) => AuthOutcome::ClusterNotReady,
        _ => return Err(Error::Decode("an answer to _auth that is not signed".into())),
    };
    Ok(Verdict::Denied(outcome))
}
