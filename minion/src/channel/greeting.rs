//! Who we are, for the publish ports that want to know (`salt/channel/client.py`, `send_id`).

use std::sync::Arc;

use bytes::Bytes;
use salt::{Map, Value, msgpack};

use super::Error;
use super::session::Session;
use crate::transport::Greeting;

/// The announcements of a session.
pub(super) fn greeting(session: Arc<Session>) -> Greeting {
    Arc::new(move |again| {
        let session = session.clone();
        Box::pin(async move { session.announcement(again).await.map_err(|e| e.to_string()) })
    })
}

impl Session {
    /// The packed announcement. It is sealed with the key of publishes, which a master that was restarted has made
    /// anew: on a connection that was lost before, we have to ask for it first.
    async fn announcement(&self, again: bool) -> Result<Bytes, Error> {
        if again {
            let outcome = self.sign_in(None).await?;
            if !outcome.accepted() {
                return Err(Error::Unauthenticated(outcome));
            }
        }
        let credentials = self.signed_in().await?;
        let load = Map::new()
            .with("id", self.config.id.as_str())
            .with("tok", Value::Bytes(self.own().tok.expose().clone()));
        let sealed = credentials.aes.crypticle.seal(None, &msgpack::pack(&Value::Map(load))?);
        let message =
            Map::new().with("enc", "aes").with("load", Value::Bytes(sealed)).with("version", Value::Int(3));
        Ok(msgpack::pack(&Value::Map(message))?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::tests::master::{Decision, Master};
    use crate::channel::wire;
    use crate::crypt::PublicKey;

    #[tokio::test]
    async fn the_announcement_is_sealed_with_the_key_that_the_master_has_by_then() {
        let dir = tempfile::tempdir().unwrap();
        let master = Master::new();
        let channel = master.channel(dir.path(), |_| {});
        let greet = greeting(channel.session.clone());
        for again in [false, true] {
            let packed = greet(again).await.unwrap();
            let message = msgpack::unpack_bytes(&packed).unwrap();
            assert_eq!(message.get("enc").and_then(wire::text), Some("aes"));
            let sealed = message.get("load").and_then(wire::bytes).unwrap();
            let load = master.state().aes.0.open(None, sealed).unwrap();
            let load = msgpack::unpack_bytes(&load).unwrap();
            assert_eq!(load.get("id").and_then(wire::text), Some("vc1"));
            let tok = load.get("tok").and_then(wire::bytes).unwrap();
            assert!(PublicKey::from_pem(&channel.public_key()).unwrap().verify_x931(b"salt", tok));
            // A restart.
            master.state().aes = crate::crypt::Crypticle::generate();
        }
        assert_eq!(master.counts().0, 2);
        master.state().decision = Decision::Pending;
        assert!(greet(true).await.unwrap_err().contains("waits to be accepted"));
    }
}
