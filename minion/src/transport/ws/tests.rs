//! The transport against a WebSocket server that does as it is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use salt::{Map, Value, msgpack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::Ws;
use crate::transport::tests::{config, message, no_greeting, soon};
use crate::transport::{Error, SubEvent, Transport};

const LONG: Duration = Duration::from_secs(5);

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (stream, _) = soon(listener.accept()).await.unwrap();
    #[allow(clippy::result_large_err, reason = "the type of the callback is the library's")]
    let check = |request: &Request, response: Response| {
        assert_eq!(request.uri().path(), "/ws");
        Ok(response)
    };
    soon(accept_hdr_async(stream, check)).await.unwrap()
}

fn ask(
    ws: &Arc<Ws>,
    text: &'static str,
    patience: Duration,
) -> tokio::task::JoinHandle<Result<Bytes, Error>> {
    let ws = ws.clone();
    tokio::spawn(async move { ws.request(Bytes::from_static(text.as_bytes()), patience).await })
}

async fn ended(socket: &mut WebSocketStream<TcpStream>) {
    soon(async { while let Some(Ok(_)) = socket.next().await {} }).await;
}

#[tokio::test]
async fn each_request_has_a_socket_of_its_own() {
    let (listener, port) = listen().await;
    let ws = Arc::new(Ws::new("127.0.0.1", port, config()));
    for text in ["one", "two"] {
        let asked = ask(&ws, text, LONG);
        let mut socket = accept(&listener).await;
        let question = soon(socket.next()).await.unwrap().unwrap();
        assert_eq!(question, Message::Binary(Bytes::from_static(text.as_bytes())));
        soon(socket.send(Message::Ping(Bytes::new()))).await.unwrap();
        soon(socket.send(Message::Text("what is this".into()))).await.unwrap();
        soon(socket.send(question)).await.unwrap();
        assert_eq!(soon(asked).await.unwrap().unwrap(), text.as_bytes());
        ended(&mut socket).await;
    }
}

#[tokio::test]
async fn a_refusal_and_an_end_are_told() {
    let (listener, port) = listen().await;
    let ws = Arc::new(Ws::new("127.0.0.1", port, config()));
    for close in [Message::Text("close".into()), Message::Close(None)] {
        let asked = ask(&ws, "x", LONG);
        let mut socket = accept(&listener).await;
        soon(socket.next()).await.unwrap().unwrap();
        soon(socket.send(close)).await.unwrap();
        assert!(matches!(soon(asked).await.unwrap(), Err(Error::Lost(_))));
    }
    let asked = ask(&ws, "x", LONG);
    let mut socket = accept(&listener).await;
    soon(socket.send(Message::Binary(vec![0; 2 << 20].into()))).await.ok();
    let why = soon(asked).await.unwrap();
    assert!(matches!(why, Err(Error::TooLong { limit: 0x10_0000, .. })), "{why:?}");

    let asked = ask(&ws, "x", Duration::from_millis(500));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let why = soon(asked).await.unwrap().unwrap_err();
    assert!(matches!(&why, Error::Handshake(text) if text.contains("403")), "{why}");
}

#[tokio::test]
async fn what_no_master_takes_is_not_sent() {
    let ws = Ws::new("127.0.0.1", 1, config());
    let long = Bytes::from(vec![0; (4 << 20) + 1]);
    let refused = Err(Error::TooMuch { length: 4_194_305, limit: 4_194_304 });
    assert_eq!(ws.request(long, LONG).await, refused);
}

#[tokio::test]
async fn a_master_that_does_not_answer_costs_no_more_than_its_time() {
    let (listener, port) = listen().await;
    let ws = Arc::new(Ws::new("127.0.0.1", port, config()));
    let asked = ask(&ws, "x", Duration::from_millis(200));
    let mut socket = accept(&listener).await;
    assert_eq!(soon(asked).await.unwrap(), Err(Error::Timeout));
    ended(&mut socket).await;
    drop((listener, socket));
    let why = soon(ask(&ws, "x", Duration::from_millis(200))).await.unwrap();
    assert!(matches!(why, Err(Error::Connect { .. })), "{why:?}");
}

#[tokio::test]
async fn publishes_are_packed_twice_and_come_again_after_a_restart() {
    let (listener, port) = listen().await;
    let mut sub = Ws::new("127.0.0.1", 1, config()).subscribe(port, Vec::new(), no_greeting());
    for n in 0..2 {
        let mut socket = accept(&listener).await;
        assert_eq!(soon(sub.next()).await, SubEvent::Connected);
        let load = Value::Map(Map::new().with("n", n));
        let inner = msgpack::pack(&load).unwrap();
        // Packed once only: not what any master sends.
        soon(socket.send(Message::Binary(inner.clone().into()))).await.unwrap();
        let twice = msgpack::pack_modern(&Value::Bytes(inner.clone())).unwrap();
        soon(socket.send(Message::Binary(twice.into()))).await.unwrap();
        assert_eq!(message(&mut *sub).await, inner);
        drop(socket);
        assert!(matches!(soon(sub.next()).await, SubEvent::Disconnected(Error::Lost(_))));
    }
}
