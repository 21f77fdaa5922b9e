//! A master in memory, for what a real one cannot be made to do: it answers as a master does, and lies on demand.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use salt::{Map, Value, msgpack};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::channel::wire::{bytes, text};
use crate::channel::{ChannelConfig, MasterChannel};
use crate::crypt::vectors::Vectors;
use crate::crypt::{Crypticle, MinionKeys, PublicKey, Secret, SigningAlgorithm};
use crate::transport::{Error, Greeting, SubEvent, Subscriber, Transport};

/// The minion's keys, the master's, and those of another master.
pub(super) static MINION: LazyLock<MinionKeys> =
    LazyLock::new(|| MinionKeys::from_pem(Vectors::load().text("4096.pem")).unwrap());
pub(super) static MASTER: LazyLock<MinionKeys> =
    LazyLock::new(|| MinionKeys::from_pem(Vectors::load().text("2048.pem")).unwrap());
pub(super) static OTHER: LazyLock<MinionKeys> = LazyLock::new(|| MinionKeys::generate(2048).unwrap());

/// How the master decides about our key.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::channel) enum Decision {
    Accept,
    Pending,
    Reject,
    Full,
    ClusterRetry,
    BadEncryption,
    BadSigning,
    BadLoad,
}

/// What the master does wrong.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::channel) enum Lie {
    Nothing,
    /// The signature of the message is another key's.
    Signature,
    /// The message carries another nonce.
    Nonce,
    /// The publish key is not signed by the master (`_auth`); or the pillar names another key than its own.
    Key,
    /// The token comes back wrong, or not at all.
    Token,
    NoToken,
    /// The reply is in plain text, or in none.
    Plain,
    Nil,
    /// The answer is no msgpack.
    Noise,
}

pub(in crate::channel) struct State {
    pub(super) keys: &'static MinionKeys,
    pub(in crate::channel) decision: Decision,
    pub(super) lie: Lie,
    /// So many requests get no answer.
    pub(super) deaf: u32,
    /// How long the master thinks about an `_auth`.
    pub(super) slow: Duration,
    pub(super) pub_sig: Option<String>,
    pub(in crate::channel) aes: (Crypticle, Secret<String>),
    pub(super) session: (Crypticle, Secret<String>),
    /// The loads of `_auth`, and those of requests with what the envelope says.
    pub(super) auths: Vec<Map>,
    pub(super) loads: Vec<Map>,
    pub(super) envelopes: Vec<Map>,
    /// What a request returns.
    pub(super) value: Value,
    /// The pillar comes without a key for so many requests.
    pub(super) keyless: u32,
    subscribers: Vec<(u16, Vec<String>, mpsc::UnboundedSender<SubEvent>)>,
}

#[derive(Clone)]
pub(in crate::channel) struct Master(Arc<Mutex<State>>);

impl Master {
    pub(in crate::channel) fn new() -> Master {
        Master(Arc::new(Mutex::new(State {
            keys: &MASTER,
            decision: Decision::Accept,
            lie: Lie::Nothing,
            deaf: 0,
            slow: Duration::ZERO,
            pub_sig: None,
            aes: Crypticle::generate(),
            session: Crypticle::generate(),
            auths: Vec::new(),
            loads: Vec::new(),
            envelopes: Vec::new(),
            value: Value::Bool(true),
            keyless: 0,
            subscribers: Vec::new(),
        })))
    }

    pub(in crate::channel) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// How many `_auth`s and how many other requests came.
    pub(in crate::channel) fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.auths.len(), state.envelopes.len())
    }

    /// A channel to this master with the given pki directory.
    pub(in crate::channel) fn channel(
        &self,
        pki_dir: &Path,
        change: impl FnOnce(&mut ChannelConfig),
    ) -> MasterChannel {
        let mut config = ChannelConfig::new("vc1", "master", pki_dir);
        config.auth_tries = 2;
        change(&mut config);
        MasterChannel::over(config, MINION.clone(), Box::new(self.clone())).unwrap()
    }

    /// Publishes the load of a job, signed with the master's key if told so.
    pub(super) fn publish(&self, load: Map, signer: Option<&MinionKeys>) {
        let sealed = self.state().aes.0.seal(None, &msgpack::pack(&Value::Map(load)).unwrap());
        self.publish_sealed(&sealed, signer);
    }

    pub(super) fn publish_sealed(&self, sealed: &[u8], signer: Option<&MinionKeys>) {
        let mut outer = Map::new().with("enc", "aes").with("load", Value::Bytes(sealed.to_vec()));
        if let Some(signer) = signer {
            let signature = signer.sign(SigningAlgorithm::Pkcs1v15Sha224, sealed).unwrap();
            outer.insert("sig_algo", "PKCS1v15-SHA224");
            outer.insert("sig", Value::Bytes(signature));
        }
        self.send(SubEvent::Message(pack(outer).into()));
    }

    /// Puts an event on all subscriptions.
    pub(super) fn send(&self, event: SubEvent) {
        for (_, _, subscriber) in &self.state().subscribers {
            let _ = subscriber.send(event.clone());
        }
    }

    /// Ports and topics of the subscriptions.
    pub(super) fn subscriptions(&self) -> Vec<(u16, Vec<String>)> {
        self.state().subscribers.iter().map(|(port, topics, _)| (*port, topics.clone())).collect()
    }

    async fn answer(&self, packed: &[u8]) -> Result<Bytes, Error> {
        {
            let mut state = self.state();
            if state.deaf > 0 {
                state.deaf -= 1;
                return Err(Error::Timeout);
            }
            if state.lie == Lie::Noise {
                return Ok(Bytes::from_static(b"\xc1"));
            }
        }
        let Value::Map(envelope) = msgpack::unpack_bytes(packed).unwrap() else { panic!("no map") };
        let answer = match envelope.get("load") {
            Some(Value::Map(load)) if load.get("cmd").and_then(text) == Some("_auth") => {
                let slow = self.state().slow;
                tokio::time::sleep(slow).await;
                self.state().auth(load)
            }
            Some(Value::Map(load)) => pack(load.clone()),
            Some(Value::Bytes(sealed)) => self.state().aes(&envelope, sealed),
            other => panic!("{other:?}"),
        };
        Ok(answer.into())
    }
}

impl State {
    fn auth(&mut self, load: &Map) -> Vec<u8> {
        self.auths.push(load.clone());
        let clear = |ret: Map| pack(Map::new().with("enc", "clear").with("load", ret));
        let ret = match self.decision {
            Decision::Accept => None,
            Decision::Pending => Some(Value::Bool(true)),
            Decision::Reject => Some(Value::Bool(false)),
            Decision::Full => Some("full".into()),
            Decision::ClusterRetry => {
                return clear(Map::new().with("ret", false).with("cluster_retry", true));
            }
            Decision::BadEncryption => return clear(Map::new().with("ret", "bad enc algo")),
            Decision::BadSigning => return clear(Map::new().with("ret", "bad sig algo")),
            Decision::BadLoad => return msgpack::pack(&"bad load".into()).unwrap(),
        };
        let mut nonce = load.get("nonce").and_then(bytes).unwrap().to_vec();
        if self.lie == Lie::Nonce {
            nonce[0] ^= 1;
        }
        let algorithm = load.get("sig_algo").and_then(text).unwrap().parse().unwrap();
        let inner = match ret {
            Some(ret) => Map::new().with("ret", ret).with("nonce", Value::Bytes(nonce)),
            None => self.grant(load, nonce),
        };
        let inner = pack(inner);
        let signer: &MinionKeys = if self.lie == Lie::Signature { &OTHER } else { self.keys };
        let signature = signer.sign(algorithm, &inner).unwrap();
        pack(
            Map::new()
                .with("enc", "clear")
                .with("load", Value::Bytes(inner))
                .with("sig", Value::Bytes(signature)),
        )
    }

    fn grant(&self, load: &Map, nonce: Vec<u8>) -> Map {
        let minion = PublicKey::from_pem(load.get("pub").and_then(text).unwrap()).unwrap();
        let algorithm = load.get("enc_algo").and_then(text).unwrap().parse().unwrap();
        let wrap = |plain: &[u8]| Value::Bytes(minion.encrypt(algorithm, plain).unwrap());
        let mut inner = Map::new()
            .with("enc", "pub")
            .with("pub_key", self.keys.public_text())
            .with("publish_port", Value::Int(4505));
        if let Some(signature) = &self.pub_sig {
            inner.insert("pub_sig", signature.as_str());
        }
        if let Some(token) = load.get("token").and_then(bytes)
            && self.lie != Lie::NoToken
        {
            // A master that cannot decrypt the token sends some other back.
            let mut plain = match self.keys.decrypt(algorithm, token) {
                Ok(plain) => plain.expose().clone(),
                Err(_) => b"salty bacon".to_vec(),
            };
            if self.lie == Lie::Token {
                plain[0] ^= 1;
            }
            inner.insert("token", wrap(&plain));
        }
        inner.insert("aes", wrap(self.aes.1.expose().as_bytes()));
        inner.insert("session", wrap(self.session.1.expose().as_bytes()));
        let digest: String =
            Sha256::digest(self.aes.1.expose()).iter().map(|byte| format!("{byte:02x}")).collect();
        let signer: &MinionKeys = if self.lie == Lie::Key { &OTHER } else { self.keys };
        inner.insert("sig", Value::Bytes(signer.sign_x931(digest.as_bytes()).unwrap()));
        inner.insert("nonce", Value::Bytes(nonce));
        inner
    }

    fn aes(&mut self, envelope: &Map, sealed: &[u8]) -> Vec<u8> {
        self.envelopes.push(envelope.clone());
        match self.lie {
            Lie::Plain => return msgpack::pack(&"bad load".into()).unwrap(),
            Lie::Nil => return msgpack::pack(&Value::None).unwrap(),
            _ => {}
        }
        let Ok(packed) = self.session.0.open(None, sealed) else {
            return msgpack::pack(&"bad load".into()).unwrap();
        };
        let Value::Map(load) = msgpack::unpack_bytes(&packed).unwrap() else { panic!("no map") };
        self.loads.push(load.clone());
        let mut nonce = load.get("nonce").and_then(text).unwrap().to_owned();
        if self.lie == Lie::Nonce {
            nonce = nonce.chars().rev().collect();
        }
        if load.get("cmd").and_then(text) == Some("_pillar") {
            return self.pillar(envelope, &nonce);
        }
        let sealed = self.session.0.seal(Some(&nonce), &msgpack::pack(&self.value).unwrap());
        msgpack::pack(&Value::Bytes(sealed)).unwrap()
    }

    fn pillar(&mut self, envelope: &Map, nonce: &str) -> Vec<u8> {
        if self.keyless > 0 {
            self.keyless -= 1;
            return pack(Map::new().with("error", "AES key not found"));
        }
        let encryption = envelope.get("enc_algo").and_then(text).unwrap().parse().unwrap();
        let signing = envelope.get("sig_algo").and_then(text).unwrap().parse().unwrap();
        let (once, once_text) = Crypticle::generate();
        let key = MINION.public().encrypt(encryption, once_text.expose().as_bytes()).unwrap();
        let mut named = key.clone();
        if self.lie == Lie::Key {
            named[0] ^= 1;
        }
        let data = pack(
            Map::new()
                .with("key", Value::Bytes(named))
                .with("pillar", self.value.clone())
                .with("nonce", nonce),
        );
        let signer: &MinionKeys = if self.lie == Lie::Signature { &OTHER } else { self.keys };
        let signature = signer.sign(signing, &data).unwrap();
        let inner = pack(Map::new().with("data", Value::Bytes(data)).with("sig", Value::Bytes(signature)));
        pack(Map::new().with("key", Value::Bytes(key)).with("pillar", Value::Bytes(once.seal(None, &inner))))
    }
}

/// The signature of a master's public key as `master_sign_pubkey` sends it.
pub(super) fn pub_sig(signer: &MinionKeys, master: &MinionKeys) -> String {
    let text = master.public_text().as_bytes();
    STANDARD.encode(signer.sign(SigningAlgorithm::Pkcs1v15Sha1, text).unwrap())
}

fn pack(map: Map) -> Vec<u8> {
    msgpack::pack(&Value::Map(map)).unwrap()
}

impl Transport for Master {
    fn request(&self, envelope: Bytes, _timeout: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(async move { self.answer(&envelope).await })
    }

    fn subscribe(&self, port: u16, topics: Vec<String>, _greeting: Greeting) -> Box<dyn Subscriber> {
        let (sender, events) = mpsc::unbounded_channel();
        self.state().subscribers.push((port, topics, sender));
        Box::new(Events(events))
    }
}

struct Events(mpsc::UnboundedReceiver<SubEvent>);

impl Subscriber for Events {
    fn next(&mut self) -> BoxFuture<'_, SubEvent> {
        Box::pin(async move {
            match self.0.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        })
    }
}
