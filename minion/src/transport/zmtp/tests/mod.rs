//! The client against peers that are not ours: a TCP double that speaks ZMTP by hand, for what no honest peer does,
//! and the crate `zeromq`, which shares no code with us.

mod double;
mod peers;
mod rude;
mod why;

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::transport::{Config, SubEvent, Subscriber};

/// Times short enough for a test and long enough for a busy machine; everything else as shipped.
fn config() -> Config {
    Config {
        recon_default: Duration::from_millis(20),
        recon_max: Duration::from_millis(100),
        heartbeat: Duration::from_secs(3),
        handshake_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        write_timeout: Duration::from_secs(1),
        message_limit: 1 << 20,
        request_slots: 1,
        publish_identity: "vc1".into(),
        ..Config::default()
    }
}

const SOON: Duration = Duration::from_secs(5);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("this takes no 5 seconds")
}

/// Skips what happens to the link up to the next message.
async fn message(sub: &mut dyn Subscriber) -> Bytes {
    loop {
        if let SubEvent::Message(message) = soon(sub.next()).await {
            return message;
        }
    }
}
