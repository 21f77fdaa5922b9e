//! What the tests of all transports need, and those that need all transports.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::detect::Detect;
use super::{Config, Error, Greeting, Kind, SubEvent, Subscriber, Transport};

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

/// A transport that answers after a while, with its name, or not at all.
struct Named {
    name: &'static str,
    after: Option<Duration>,
    asked: AtomicUsize,
}

impl Transport for Arc<Named> {
    fn request(&self, _envelope: Bytes, patience: Duration) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match self.after.filter(|after| *after < patience) {
                Some(after) => {
                    tokio::time::sleep(after).await;
                    Ok(Bytes::from_static(self.name.as_bytes()))
                }
                None => {
                    tokio::time::sleep(patience).await;
                    Err(Error::Lost(self.name.into()))
                }
            }
        })
    }

    fn subscribe(&self, _port: u16, _topics: Vec<String>, _greeting: Greeting) -> Box<dyn Subscriber> {
        self.asked.fetch_add(100, Ordering::Relaxed);
        Box::new(Mute)
    }
}

struct Mute;

impl Subscriber for Mute {
    fn next(&mut self) -> BoxFuture<'_, SubEvent> {
        Box::pin(std::future::pending())
    }
}

fn named(name: &'static str, after: Option<u64>) -> Arc<Named> {
    Arc::new(Named { name, after: after.map(Duration::from_millis), asked: AtomicUsize::new(0) })
}

#[tokio::test(start_paused = true)]
async fn the_first_transport_in_which_the_master_answers_is_kept() {
    let all = [named("a", Some(1100)), named("b", Some(900)), named("c", Some(0))];
    let asked = || all.each_ref().map(|t| t.asked.load(Ordering::Relaxed));
    let detect = Detect::new(all.clone().map(|t| (t.name, Box::new(t) as Box<dyn Transport>)));
    let long = Duration::from_secs(60);
    let (one, two) = tokio::join!(detect.request(Bytes::new(), long), detect.request(Bytes::new(), long));
    assert_eq!((one.unwrap(), two.unwrap()), (Bytes::from("b"), Bytes::from("b")));
    assert_eq!(asked(), [1, 2, 0]);
    detect.subscribe(1, Vec::new(), no_greeting());
    assert_eq!(asked(), [1, 102, 0]);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_detection_begins_again() {
    let all = [named("a", None), named("b", None), named("c", None)];
    let detect = Detect::new(all.clone().map(|t| (t.name, Box::new(t) as Box<dyn Transport>)));
    for n in 1..=2 {
        let failed = detect.request(Bytes::new(), Duration::from_secs(5)).await;
        assert_eq!(failed, Err(Error::Lost("c".into())));
        assert!(all.iter().all(|t| t.asked.load(Ordering::Relaxed) == n));
    }
}

#[test]
fn transports_have_salts_names() {
    for (name, kind) in
        [("zeromq", Kind::Zeromq), ("tcp", Kind::Tcp), ("ws", Kind::Ws), ("detect", Kind::Detect)]
    {
        assert_eq!(name.parse(), Ok(kind));
    }
    assert_eq!("raet".parse::<Kind>(), Err("raet is not one of zeromq, tcp, ws, detect".into()));
}
