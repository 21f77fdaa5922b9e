//! The transport against peers that do what no honest master does, or not at will.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use salt::{Map, Value, msgpack};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::Tcp;
use super::frame::{Frame, Reader};
use crate::transport::tests::{config, message, no_greeting, soon};
use crate::transport::{Config, Error, Greeting, SubEvent, Transport};

const LONG: Duration = Duration::from_secs(5);

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn tcp(port: u16, config: Config) -> Arc<Tcp> {
    Arc::new(Tcp::new("127.0.0.1", port, config))
}

/// One accepted connection.
struct Peer(Reader<TcpStream>);

impl Peer {
    async fn accept(listener: &TcpListener) -> Peer {
        Peer(Reader::new(soon(listener.accept()).await.unwrap().0, 1 << 20))
    }

    async fn frame(&mut self) -> Frame {
        soon(self.0.next()).await.unwrap()
    }

    async fn raw(&mut self, bytes: &[u8]) {
        soon(self.0.stream().write_all(bytes)).await.unwrap();
    }

    async fn send(&mut self, head: Map, body: Value) {
        let frame = Map::new().with("head", head).with("body", body);
        self.raw(&msgpack::pack_modern(&Value::Map(frame)).unwrap()).await;
    }

    /// Answers with the body that came.
    async fn echo(&mut self, frame: &Frame) {
        let head = msgpack::unpack(&frame.head).unwrap().as_map().cloned().unwrap();
        self.send(head, msgpack::unpack(&frame.body).unwrap()).await;
    }

    async fn closed(&mut self) {
        assert!(matches!(soon(self.0.next()).await, Err(Error::Lost(_))));
    }
}

fn packed(text: &str) -> Bytes {
    msgpack::pack(&Value::from(text)).unwrap().into()
}

fn ask(
    tcp: &Arc<Tcp>,
    text: &'static str,
    patience: Duration,
) -> tokio::task::JoinHandle<Result<Bytes, Error>> {
    let tcp = tcp.clone();
    tokio::spawn(async move { tcp.request(packed(text), patience).await })
}

async fn answered(asked: tokio::task::JoinHandle<Result<Bytes, Error>>, text: &str) {
    let answer = soon(asked).await.unwrap().unwrap();
    assert_eq!(msgpack::unpack(&answer).unwrap(), Value::from(text));
}

#[tokio::test]
async fn answers_in_any_order_find_their_requests_on_one_connection() {
    let (listener, port) = listen().await;
    let tcp = tcp(port, config());
    let one = ask(&tcp, "one", LONG);
    let mut peer = Peer::accept(&listener).await;
    let first = peer.frame().await;
    let two = ask(&tcp, "two", LONG);
    let second = peer.frame().await;
    assert_ne!(first.mid(), second.mid());
    peer.echo(&second).await;
    answered(two, "two").await;
    // An answer to nobody in between does no harm.
    peer.send(Map::new().with("mid", 1_000_000), Value::None).await;
    peer.send(Map::new(), Value::None).await;
    peer.echo(&first).await;
    answered(one, "one").await;
}

#[tokio::test]
async fn a_late_answer_never_meets_another_request() {
    let (listener, port) = listen().await;
    let tcp = tcp(port, config());
    let late = ask(&tcp, "late", LONG);
    let mut peer = Peer::accept(&listener).await;
    let first = peer.frame().await;
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    let next = ask(&tcp, "next", LONG);
    let second = peer.frame().await;
    peer.echo(&first).await;
    peer.echo(&second).await;
    answered(next, "next").await;
}

#[tokio::test]
async fn a_lost_connection_is_told_to_those_that_wait_and_made_anew() {
    let (listener, port) = listen().await;
    let tcp = tcp(port, config());
    let lost = ask(&tcp, "lost", LONG);
    let mut peer = Peer::accept(&listener).await;
    peer.frame().await;
    drop(peer);
    assert!(matches!(soon(lost).await.unwrap(), Err(Error::Lost(_))));
    let again = ask(&tcp, "again", LONG);
    let mut peer = Peer::accept(&listener).await;
    let frame = peer.frame().await;
    peer.echo(&frame).await;
    answered(again, "again").await;
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_given_up() {
    let (listener, port) = listen().await;
    let tcp = tcp(port, config());
    let slow = ask(&tcp, "slow", Duration::from_millis(100));
    let mut peer = Peer::accept(&listener).await;
    peer.frame().await;
    assert_eq!(soon(slow).await.unwrap(), Err(Error::Timeout));
    peer.closed().await;
    let again = ask(&tcp, "again", LONG);
    let mut peer = Peer::accept(&listener).await;
    let frame = peer.frame().await;
    peer.echo(&frame).await;
    answered(again, "again").await;
    // One that answers others only is kept.
    let slow = ask(&tcp, "slow", Duration::from_millis(300));
    let first = peer.frame().await;
    let other = ask(&tcp, "other", LONG);
    let second = peer.frame().await;
    peer.echo(&second).await;
    answered(other, "other").await;
    assert_eq!(soon(slow).await.unwrap(), Err(Error::Timeout));
    let last = ask(&tcp, "last", LONG);
    let frame = peer.frame().await;
    peer.echo(&first).await;
    peer.echo(&frame).await;
    answered(last, "last").await;
}

#[tokio::test]
async fn a_dead_master_is_named_and_one_that_starts_late_is_waited_for() {
    let (listener, port) = listen().await;
    drop(listener);
    let tcp = tcp(port, config());
    let dead = ask(&tcp, "dead", Duration::from_millis(200));
    let why = soon(dead).await.unwrap().unwrap_err();
    assert!(
        matches!(&why, Error::Connect { address, .. } if *address == format!("127.0.0.1:{port}")),
        "{why}"
    );
    let late = ask(&tcp, "late", LONG);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut peer = Peer::accept(&listener).await;
    let frame = peer.frame().await;
    peer.echo(&frame).await;
    answered(late, "late").await;
}

#[tokio::test]
async fn gigabytes_and_other_protocols_cost_the_connection_and_nothing_else() {
    let (listener, port) = listen().await;
    let tcp = tcp(port, config());
    for (noise, long) in [
        (&b"\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff"[..], true),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false),
    ] {
        let asked = ask(&tcp, "x", LONG);
        let mut peer = Peer::accept(&listener).await;
        peer.frame().await;
        peer.raw(noise).await;
        match soon(asked).await.unwrap() {
            Err(Error::TooLong { .. }) if long => {}
            Err(Error::Protocol(_)) if !long => {}
            other => panic!("{other:?}"),
        }
        peer.closed().await;
    }
}

/// A greeting that says how often it was made; what it was told is kept.
fn greeting() -> (Greeting, Arc<Mutex<Vec<bool>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let made = told.clone();
    let greeting: Greeting = Arc::new(move |again| {
        made.lock().unwrap().push(again);
        let text = format!("greeting {}", made.lock().unwrap().len());
        Box::pin(async move { Ok(packed(&text)) })
    });
    (greeting, told)
}

#[tokio::test]
async fn each_connection_begins_with_a_greeting_and_both_forms_of_message_come_out() {
    let (listener, port) = listen().await;
    let (greeting, told) = greeting();
    let mut sub = tcp(1, config()).subscribe(port, vec!["ignored".into()], greeting);
    for n in 1..=3 {
        let mut peer = Peer::accept(&listener).await;
        let hello = peer.frame().await;
        assert_eq!((hello.mid(), hello.body), (None, packed(&format!("greeting {n}"))));
        assert_eq!(soon(sub.next()).await, SubEvent::Connected);
        let load = Map::new().with("enc", "aes").with("load", Value::Bytes(vec![0xff; 3]));
        let inner = msgpack::pack(&Value::Map(load.clone())).unwrap();
        // 3006, then later lines, with something useless in between.
        peer.send(Map::new(), load.clone().into()).await;
        peer.send(Map::new(), Value::Int(7)).await;
        peer.send(Map::new(), Value::Bytes(inner.clone())).await;
        for _ in 0..2 {
            assert_eq!(
                msgpack::unpack_bytes(&message(&mut *sub).await).unwrap(),
                msgpack::unpack_bytes(&inner).unwrap()
            );
        }
        drop(peer);
        assert!(matches!(soon(sub.next()).await, SubEvent::Disconnected(Error::Lost(_))));
    }
    assert_eq!(*told.lock().unwrap(), [false, true, true]);
}

#[tokio::test]
async fn without_a_greeting_there_is_no_subscription() {
    let (listener, port) = listen().await;
    let mut sub = tcp(1, config()).subscribe(port, Vec::new(), no_greeting());
    for _ in 0..2 {
        let mut peer = Peer::accept(&listener).await;
        peer.closed().await;
    }
    let nothing = tokio::time::timeout(Duration::from_millis(50), sub.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}
