//! The crate `zeromq` as ROUTER and PUB: an independent implementation (it announces ZMTP 3.0).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zeromq::{PubSocket, RouterSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

use crate::transport::tests::{config, message, no_greeting, soon};
use crate::transport::zmtp::Zmtp;
use crate::transport::{Config, SubEvent, Subscriber, Transport};

fn port(endpoint: &zeromq::Endpoint) -> u16 {
    endpoint.to_string().rsplit(':').next().unwrap().parse().unwrap()
}

async fn publish(socket: &mut PubSocket, frames: &[&[u8]]) {
    let frames: Vec<Bytes> = frames.iter().map(|f| Bytes::copy_from_slice(f)).collect();
    socket.send(ZmqMessage::try_from(frames).unwrap()).await.unwrap();
}

/// A subscription is on its way when the link is up; publishing until something arrives shows that it got there.
async fn settle(socket: &mut PubSocket, sub: &mut dyn Subscriber, frames: &[&[u8]]) -> Bytes {
    for _ in 0..100 {
        publish(socket, frames).await;
        let wait = tokio::time::timeout(Duration::from_millis(50), message(sub)).await;
        if let Ok(message) = wait {
            return message;
        }
    }
    panic!("nothing arrives");
}

#[tokio::test]
async fn jobs_arrive_in_order_and_again_after_a_restart() {
    let mut master = PubSocket::new();
    let at = port(&master.bind("tcp://127.0.0.1:0").await.unwrap());
    let minion = Zmtp::new("127.0.0.1", at, config());
    let mut sub = minion.subscribe(at, Vec::new(), no_greeting());
    assert_eq!(settle(&mut master, &mut *sub, &[b"start"]).await, "start");
    let large = vec![7u8; 300_000];
    for n in 0..200u32 {
        publish(&mut master, &[&n.to_be_bytes()]).await;
        if n % 50 == 0 {
            publish(&mut master, &[&large]).await;
        }
    }
    let mut expected = 0u32;
    let mut larges = 0;
    while expected < 200 {
        let got = message(&mut *sub).await;
        if got.len() == large.len() {
            larges += 1;
        } else if got != "start" {
            assert_eq!(got[..], expected.to_be_bytes());
            expected += 1;
        }
    }
    assert_eq!(larges, 4);

    drop(master);
    loop {
        if let SubEvent::Disconnected(_) = soon(sub.next()).await {
            break;
        }
    }
    let mut master = PubSocket::new();
    let endpoint = format!("tcp://127.0.0.1:{at}");
    while master.bind(&endpoint).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(settle(&mut master, &mut *sub, &[b"back"]).await, "back");
}

#[tokio::test]
async fn topics_filter() {
    let mut master = PubSocket::new();
    let at = port(&master.bind("tcp://127.0.0.1:0").await.unwrap());
    let minion = Zmtp::new("127.0.0.1", at, config());
    let mut sub = minion.subscribe(at, vec!["broadcast".into(), "abc".into()], no_greeting());
    assert_eq!(settle(&mut master, &mut *sub, &[b"broadcast", b"all"]).await, "all");
    publish(&mut master, &[b"other", b"no"]).await;
    publish(&mut master, &[b"abc", b"mine"]).await;
    loop {
        let got = message(&mut *sub).await;
        if got != "all" {
            assert_eq!(got, "mine");
            break;
        }
    }
}

#[tokio::test]
async fn requests_get_their_own_replies() {
    let mut master = RouterSocket::new();
    let at = port(&master.bind("tcp://127.0.0.1:0").await.unwrap());
    let server = tokio::spawn(async move {
        loop {
            let frames = master.recv().await.unwrap().into_vec();
            assert_eq!(frames.len(), 3, "identity, delimiter, payload");
            assert!(frames[1].is_empty());
            let reply = [b"re: ", &frames[2][..]].concat();
            let reply = vec![frames[0].clone(), Bytes::new(), reply.into()];
            master.send(ZmqMessage::try_from(reply).unwrap()).await.unwrap();
        }
    });
    let minion = Arc::new(Zmtp::new("127.0.0.1", at, Config { request_slots: 3, ..config() }));
    let asked: Vec<_> = (0..60)
        .map(|n| {
            let minion = minion.clone();
            tokio::spawn(async move {
                let payload = if n % 10 == 0 { "x".repeat(200_000 + n) } else { format!("request {n}") };
                let reply = minion.request(payload.clone().into(), Duration::from_secs(5)).await.unwrap();
                assert_eq!(reply, format!("re: {payload}"));
            })
        })
        .collect();
    for one in asked {
        soon(one).await.unwrap();
    }
    server.abort();
}
