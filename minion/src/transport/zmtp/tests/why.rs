//! Why this client exists: what the crate `zeromq` does when a master sends the heartbeats that masters send by
//! default (3006: publish port; 3008: both ports), beside what ours does with the very same bytes. When the first
//! halves of these tests fail, the crate has learned PING, and this folder may be up for a vote.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, SubSocket};

use super::double::Double;
use crate::transport::tests::{config, message, soon};
use crate::transport::zmtp::req::Pool;
use crate::transport::zmtp::sub::Sub;

const PING: &[u8] = b"\x04PING\x01\x2c";

#[tokio::test]
async fn the_crates_sub_drops_the_link_at_a_ping_and_ours_stays() {
    let (double, port) = Double::new().await;
    let mut theirs = SubSocket::new();
    let endpoint = format!("tcp://127.0.0.1:{port}");
    let (connected, mut peer) = tokio::join!(theirs.connect(&endpoint), double.greet("PUB", 1));
    connected.unwrap();
    let (subscribed, _) = tokio::join!(theirs.subscribe(""), peer.read());
    subscribed.unwrap();
    peer.frame(4, PING).await;
    let _ = tokio::time::timeout(Duration::from_millis(300), theirs.recv()).await;
    // It hangs up and dials again; a job that is published now is lost.
    let _again = double.accept().await;
    drop(theirs);

    let (double, port) = Double::new().await;
    let mut ours = Sub::follow("127.0.0.1", port, Vec::new(), Arc::new(config()));
    let mut peer = double.greet("PUB", 1).await;
    peer.read().await;
    peer.frame(4, PING).await;
    peer.frame(0, b"job").await;
    assert_eq!(message(&mut ours).await, "job");
}

#[tokio::test]
async fn the_crates_req_pairs_replies_with_the_wrong_requests_and_ours_does_not() {
    let (double, port) = Double::new().await;
    let mut theirs = ReqSocket::new();
    let endpoint = format!("tcp://127.0.0.1:{port}");
    let (connected, mut peer) = tokio::join!(theirs.connect(&endpoint), double.greet("ROUTER", 1));
    connected.unwrap();
    theirs.send("one".into()).await.unwrap();
    assert_eq!(peer.request().await, b"one");
    peer.frame(4, PING).await;
    peer.reply(b"reply to one").await;
    assert!(soon(theirs.recv()).await.is_err(), "the PING is taken for a broken reply");
    theirs.send("two".into()).await.unwrap();
    assert_eq!(peer.request().await, b"two");
    peer.reply(b"reply to two").await;
    let wrong = soon(theirs.recv()).await.unwrap();
    assert_eq!(wrong.get(0).unwrap(), "reply to one");

    let (double, port) = Double::new().await;
    let ours = Pool::new("127.0.0.1", port, Arc::new(config()));
    let ask = |text: &'static str| ours.request(Bytes::from_static(text.as_bytes()), Duration::from_secs(4));
    let play = async {
        let mut peer = double.greet("ROUTER", 1).await;
        for (request, reply) in [("one", "reply to one"), ("two", "reply to two")] {
            assert_eq!(peer.request().await, request.as_bytes());
            peer.frame(4, PING).await;
            peer.reply(reply.as_bytes()).await;
            assert_eq!(peer.read_past_pings().await, (4, b"\x04PONG".to_vec()));
        }
    };
    let asked = async { (ask("one").await, ask("two").await) };
    let ((), (one, two)) = tokio::join!(play, asked);
    assert_eq!(one.unwrap(), "reply to one");
    assert_eq!(two.unwrap(), "reply to two");
}
