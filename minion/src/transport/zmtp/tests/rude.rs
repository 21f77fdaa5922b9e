//! Peers that are silent, wrong, slow or gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::double::Double;
use crate::transport::follow::Follow;
use crate::transport::tests::{config, message, soon};
use crate::transport::zmtp::req::Pool;
use crate::transport::zmtp::sub::Sub;
use crate::transport::{Config, Error, SubEvent, Subscriber};

fn sub(port: u16, topics: &[&str]) -> Follow {
    Sub::follow("127.0.0.1", port, topics.iter().map(|t| (*t).to_owned()).collect(), Arc::new(config()))
}

/// A subscription whose heart beats five times a second.
fn nervous(port: u16) -> Follow {
    let config = Config { heartbeat: Duration::from_millis(200), ..config() };
    Sub::follow("127.0.0.1", port, Vec::new(), Arc::new(config))
}

fn pool(port: u16, config: Config) -> Arc<Pool> {
    Arc::new(Pool::new("127.0.0.1", port, Arc::new(config)))
}

/// Starts a request, so that the double can play the master meanwhile.
fn ask(
    pool: &Arc<Pool>,
    payload: &'static str,
    timeout: Duration,
) -> tokio::task::JoinHandle<Result<Bytes, Error>> {
    let pool = pool.clone();
    tokio::spawn(async move { pool.request(Bytes::from_static(payload.as_bytes()), timeout).await })
}

const LONG: Duration = Duration::from_secs(4);

#[tokio::test]
async fn subscriptions_are_commands_for_new_peers_and_messages_for_old_ones() {
    let (double, port) = Double::new().await;
    let mut sub = sub(port, &["broadcast", "0123"]);
    let mut peer = double.greet("PUB", 1).await;
    assert_eq!(peer.read().await, (4, b"\x09SUBSCRIBEbroadcast".to_vec()));
    assert_eq!(peer.read().await, (4, b"\x09SUBSCRIBE0123".to_vec()));
    drop(peer);
    let mut peer = double.greet("XPUB", 0).await;
    assert_eq!(peer.read().await, (0, b"\x01broadcast".to_vec()));
    assert_eq!(peer.read().await, (0, b"\x010123".to_vec()));

    // A prefix is not the topic, and no topic is none at all.
    peer.frame(1, b"0123456").await;
    peer.frame(0, b"not ours").await;
    peer.frame(0, b"no topic").await;
    peer.frame(1, b"0123").await;
    peer.frame(0, b"ours").await;
    assert_eq!(message(&mut sub).await, "ours");
}

#[tokio::test]
async fn a_ping_is_answered_with_its_context_even_by_announced_3_0() {
    for minor in [0, 1] {
        let (double, port) = Double::new().await;
        let mut sub = sub(port, &[]);
        let mut peer = double.greet("PUB", minor).await;
        peer.read().await;
        peer.frame(4, b"\x04PING\x00\x64abc").await;
        assert_eq!(peer.read_past_pings().await, (4, b"\x04PONGabc".to_vec()));
        peer.frame(0, b"job").await;
        assert_eq!(message(&mut sub).await, "job");
    }
}

#[tokio::test]
async fn a_silent_peer_is_noticed_and_dialled_again() {
    let (double, port) = Double::new().await;
    let mut sub = nervous(port);
    let mut half_open = double.greet("PUB", 1).await;
    half_open.read().await;
    assert_eq!(soon(sub.next()).await, SubEvent::Connected);
    // The peer reads nothing and says nothing, as a host that lost its power does.
    let event = soon(sub.next()).await;
    assert!(
        matches!(event, SubEvent::Disconnected(Error::Silent(d)) if d >= Duration::from_millis(500)),
        "{event:?}"
    );
    let mut peer = double.greet("PUB", 1).await;
    peer.read().await;
    assert_eq!(soon(sub.next()).await, SubEvent::Connected);
}

#[tokio::test]
async fn a_peer_that_answers_pings_keeps_an_idle_link() {
    let (double, port) = Double::new().await;
    let mut sub = nervous(port);
    let mut peer = double.greet("PUB", 1).await;
    peer.read().await;
    for _ in 0..6 {
        let (flags, ping) = peer.read().await;
        assert_eq!(flags, 4);
        // Time to live: three heartbeats of 200 ms, in tenths of a second.
        assert_eq!(ping, b"\x04PING\x00\x06");
        peer.frame(4, b"\x04PONG").await;
    }
    peer.frame(0, b"job").await;
    assert_eq!(soon(sub.next()).await, SubEvent::Connected);
    assert_eq!(soon(sub.next()).await, SubEvent::Message("job".into()));
}

#[tokio::test]
async fn garbage_and_gigabytes_cost_the_connection_and_nothing_else() {
    let (double, port) = Double::new().await;
    let mut sub = sub(port, &[]);
    let too_many_frames = [1u8, 0].repeat(17);
    let attacks: [(&[u8], &str); 4] = [
        (b"\x02\x00\x00\x00\x00\x40\x00\x00\x00", "1073741824 bytes is announced, the limit is 1048576"),
        (b"GET / HTTP/1.1\r\n\r\n", "frame with flags 0x47"),
        (b"\x04\x01\x09", "a command is cut short"),
        (&too_many_frames, "more than 16 frames"),
    ];
    for (bytes, expected) in attacks {
        let mut peer = double.greet("PUB", 1).await;
        peer.read().await;
        assert_eq!(soon(sub.next()).await, SubEvent::Connected);
        peer.raw(bytes).await;
        match soon(sub.next()).await {
            SubEvent::Disconnected(e) => assert!(e.to_string().contains(expected), "{e}"),
            other => panic!("{other:?}"),
        }
        peer.closed().await;
    }
    let mut peer = double.greet("PUB", 1).await;
    peer.frame(0, b"after all").await;
    assert_eq!(message(&mut sub).await, "after all");
}

#[tokio::test]
async fn a_handshake_has_a_deadline_and_a_reason() {
    let (double, port) = Double::new().await;
    let _sub = sub(port, &[]);
    let mut silent = double.accept().await;
    silent.closed().await;
    // A web server, a ZMTP 2 peer and the wrong kind of socket: each is left, and the next attempt is made.
    let mut peer = double.accept().await;
    peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    peer.closed().await;
    let mut peer = double.accept().await;
    peer.raw(&[&[0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1][..], &[0; 53]].concat()).await;
    peer.closed().await;
    let mut peer = double.greet("PULL", 1).await;
    peer.closed().await;
    double.greet("PUB", 1).await;

    let (double, port) = Double::new().await;
    let pool = pool(port, config());
    let asked = ask(&pool, "x", Duration::from_millis(200));
    let _silent = double.accept().await;
    assert_eq!(asked.await.unwrap(), Err(Error::Timeout));
    let asked = ask(&pool, "x", Duration::from_millis(1500));
    let mut peer = double.accept().await;
    peer.greet("PULL", 1).await;
    let told = asked.await.unwrap().unwrap_err();
    assert!(
        told.to_string().contains("accepts and says nothing") || told.to_string().contains("PULL"),
        "{told}"
    );
}

#[tokio::test]
async fn a_late_reply_never_meets_another_request() {
    let (double, port) = Double::new().await;
    let pool = pool(port, config());
    let first = ask(&pool, "one", Duration::from_millis(300));
    let mut peer = double.greet("ROUTER", 1).await;
    assert_eq!(peer.request().await, b"one");
    assert_eq!(first.await.unwrap(), Err(Error::Timeout));
    peer.closed().await;

    let second = ask(&pool, "two", LONG);
    let mut peer = double.greet("ROUTER", 1).await;
    assert_eq!(peer.request().await, b"two");
    // The caller loses patience: the connection goes with it.
    second.abort();
    peer.closed().await;

    let third = ask(&pool, "three", LONG);
    let mut peer = double.greet("ROUTER", 1).await;
    assert_eq!(peer.request().await, b"three");
    peer.reply(b"3").await;
    assert_eq!(third.await.unwrap().unwrap(), "3");
}

#[tokio::test]
async fn a_reply_that_nobody_asked_for_costs_the_connection() {
    let (double, port) = Double::new().await;
    let pool = pool(port, config());
    let first = ask(&pool, "one", LONG);
    let mut peer = double.greet("REP", 1).await;
    peer.request().await;
    peer.reply(b"1").await;
    assert_eq!(first.await.unwrap().unwrap(), "1");
    peer.reply(b"a surprise").await;
    peer.closed().await;
    let second = ask(&pool, "two", LONG);
    let mut peer = double.greet("REP", 1).await;
    peer.request().await;
    peer.frame(0, b"no delimiter").await;
    assert!(matches!(second.await.unwrap(), Err(Error::Protocol(_))));
}

#[tokio::test]
async fn pings_while_a_reply_is_awaited_do_no_harm() {
    let (double, port) = Double::new().await;
    let pool = pool(port, config());
    let asked = ask(&pool, "one", LONG);
    let mut peer = double.greet("ROUTER", 1).await;
    peer.request().await;
    peer.frame(4, b"\x04PING\x01\x2c").await;
    assert_eq!(peer.read_past_pings().await, (4, b"\x04PONG".to_vec()));
    peer.reply(b"1").await;
    assert_eq!(asked.await.unwrap().unwrap(), "1");
    // Between requests too: the same connection answers and serves on.
    peer.frame(4, b"\x04PING\x01\x2cidle").await;
    assert_eq!(peer.read_past_pings().await, (4, b"\x04PONGidle".to_vec()));
    let again = ask(&pool, "again", LONG);
    assert_eq!(peer.request().await, b"again");
    peer.reply(b"yes").await;
    assert_eq!(again.await.unwrap().unwrap(), "yes");
}

#[tokio::test]
async fn a_request_waits_for_a_master_that_starts_late() {
    let (double, port) = Double::new().await;
    drop(double);
    let pool = pool(port, config());
    let asked = ask(&pool, "early", LONG);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut peer = super::double::Peer(stream);
    peer.greet("ROUTER", 1).await;
    assert_eq!(peer.request().await, b"early");
    peer.reply(b"late").await;
    assert_eq!(asked.await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_dead_master_is_named() {
    let pool = pool(1, config());
    let told = ask(&pool, "x", Duration::from_millis(200)).await.unwrap().unwrap_err();
    assert!(matches!(&told, Error::Connect { address, .. } if address == "127.0.0.1:1"), "{told}");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_left() {
    let (double, port) = Double::new().await;
    let pool = pool(port, config());
    let asked = tokio::spawn({
        let pool = pool.clone();
        async move { pool.request(Bytes::from(vec![0; 64 << 20]), LONG).await }
    });
    let _peer = double.greet("ROUTER", 1).await;
    assert_eq!(asked.await.unwrap(), Err(Error::Stuck(config().write_timeout)));
}

#[tokio::test]
async fn every_slot_has_a_connection_and_an_identity_of_its_own() {
    let (double, port) = Double::new().await;
    let identity = Some("salt-req/minion/vc1/7/".to_owned());
    let pool = pool(port, Config { request_slots: 2, request_identity: identity, ..config() });
    let asked = [ask(&pool, "a", LONG), ask(&pool, "b", LONG)];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut peer = double.accept().await;
        let mut greeting = [0u8; 64];
        use tokio::io::AsyncReadExt;
        soon(peer.0.read_exact(&mut greeting)).await.unwrap();
        peer.raw(&greeting).await;
        peer.frame(4, b"\x05READY\x0bSocket-Type\x00\x00\x00\x06ROUTER").await;
        let (_, ready) = peer.read().await;
        seen.push(String::from_utf8_lossy(&ready).into_owned());
        let payload = peer.request().await;
        peer.reply(&payload).await;
    }
    for (asked, expected) in asked.into_iter().zip(["a", "b"]) {
        assert_eq!(asked.await.unwrap().unwrap(), expected);
    }
    seen.sort_by_key(|ready| ready.chars().last());
    assert!(seen[0].ends_with("salt-req/minion/vc1/7/0"), "{seen:?}");
    assert!(seen[1].ends_with("salt-req/minion/vc1/7/1"), "{seen:?}");
}
