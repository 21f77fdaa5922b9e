//! What the tests of all transports need, and those that need all transports.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::{Config, Greeting, SubEvent, Subscriber};

/// Times short enough for a test and long enough for a busy machine; everything else as shipped.
pub(super) fn config() -> Config {
    Config {
        recon_default: Duration::from_millis(20),
        recon_max: Duration::from_millis(100),
        tcp_reconnect_backoff: Duration::from_millis(20),
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

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(SOON, future).await.expect("this takes no 5 seconds")
}

/// Skips what happens to the link up to the next message.
pub(super) async fn message(sub: &mut dyn Subscriber) -> Bytes {
    loop {
        if let SubEvent::Message(message) = soon(sub.next()).await {
            return message;
        }
    }
}

/// For transports that do not ask for it.
pub(super) fn no_greeting() -> Greeting {
    Arc::new(|_| Box::pin(async { Err("nobody was to ask".to_owned()) }))
}
