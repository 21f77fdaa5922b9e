//! A peer that speaks ZMTP by hand: bytes out as the test says, frames in.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::transport::tests::soon;

/// A port of a peer.
pub(super) struct Double(TcpListener);

/// One accepted connection.
pub(super) struct Peer(pub(super) TcpStream);

impl Double {
    pub(super) async fn new() -> (Double, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Double(listener), port)
    }

    pub(super) async fn accept(&self) -> Peer {
        Peer(soon(self.0.accept()).await.unwrap().0)
    }

    /// Accepts and shakes hands as a socket of the given kind that announces ZMTP 3.`minor`.
    pub(super) async fn greet(&self, kind: &str, minor: u8) -> Peer {
        let mut peer = self.accept().await;
        peer.greet(kind, minor).await;
        peer
    }
}

impl Peer {
    pub(super) async fn greet(&mut self, kind: &str, minor: u8) {
        let mut greeting = [0u8; 64];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[11] = minor;
        greeting[12..16].copy_from_slice(b"NULL");
        self.raw(&greeting).await;
        let mut theirs = [0u8; 64];
        soon(self.0.read_exact(&mut theirs)).await.unwrap();
        let mut ready = b"\x05READY\x0bSocket-Type\x00\x00\x00".to_vec();
        ready.push(kind.len() as u8);
        ready.extend_from_slice(kind.as_bytes());
        self.frame(4, &ready).await;
        let (flags, body) = self.read().await;
        assert_eq!(flags, 4);
        assert!(body.starts_with(b"\x05READY"));
    }

    pub(super) async fn raw(&mut self, bytes: &[u8]) {
        soon(self.0.write_all(bytes)).await.unwrap();
    }

    /// Writes a frame with the given flags.
    pub(super) async fn frame(&mut self, flags: u8, body: &[u8]) {
        let mut wire = match u8::try_from(body.len()) {
            Ok(n) => vec![flags, n],
            Err(_) => [&[flags | 2][..], &(body.len() as u64).to_be_bytes()].concat(),
        };
        wire.extend_from_slice(body);
        self.raw(&wire).await;
    }

    /// Reads a frame: flags without LONG, and body.
    pub(super) async fn read(&mut self) -> (u8, Vec<u8>) {
        soon(async {
            let flags = self.0.read_u8().await.unwrap();
            let length = if flags & 2 != 0 {
                self.0.read_u64().await.unwrap()
            } else {
                u64::from(self.0.read_u8().await.unwrap())
            };
            let mut body = vec![0; length as usize];
            self.0.read_exact(&mut body).await.unwrap();
            (flags & !2, body)
        })
        .await
    }

    /// Reads frames up to the next that is no PING of the client.
    pub(super) async fn read_past_pings(&mut self) -> (u8, Vec<u8>) {
        loop {
            let (flags, body) = self.read().await;
            if !body.starts_with(b"\x04PING") {
                return (flags, body);
            }
        }
    }

    /// Reads a request of a REQ socket: an empty frame and the payload.
    pub(super) async fn request(&mut self) -> Vec<u8> {
        assert_eq!(self.read_past_pings().await, (1, Vec::new()));
        let (flags, payload) = self.read().await;
        assert_eq!(flags, 0);
        payload
    }

    pub(super) async fn reply(&mut self, payload: &[u8]) {
        self.frame(1, b"").await;
        self.frame(0, payload).await;
    }

    /// Waits until the client closes the connection.
    pub(super) async fn closed(&mut self) {
        let mut rest = Vec::new();
        // A reset is as good an end as a FIN.
        let _ = soon(self.0.read_to_end(&mut rest)).await;
    }
}
