//! One ZMTP connection: handshake, messages, heartbeats.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::codec::{Command, Frame, GREETING, check_greeting, greeting};
use crate::transport::{Config, Error};

/// A longest command or READY that is believed, and a longest count of frames in a message: Salt uses two.
const COMMAND_LIMIT: usize = 64 << 10;
const FRAMES: usize = 16;
/// What is read at once; below this a body is copied behind its header rather than written on its own.
const CHUNK: usize = 64 << 10;
/// With less than this left of a block a new one is taken.
const BLOCK_REST: usize = 4 << 10;

/// The part that we play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// To a ROUTER or REP.
    Req,
    /// To a PUB or XPUB.
    Sub,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Req => "REQ",
            Role::Sub => "SUB",
        }
    }

    fn peers(self) -> [&'static str; 2] {
        match self {
            Role::Req => ["ROUTER", "REP"],
            Role::Sub => ["PUB", "XPUB"],
        }
    }
}

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// All frames of a message.
    Message(Vec<Bytes>),
    /// Something to hand to [`Link::answer`].
    Command(Command),
}

/// A connection after its handshake.
pub(super) struct Link {
    stream: TcpStream,
    buffer: BytesMut,
    parts: Vec<Bytes>,
    message_limit: usize,
    write_timeout: Duration,
    heartbeat: Duration,
    last_read: Instant,
    /// A write was begun and not ended: its future was dropped.
    torn: bool,
    minor: u8,
}

impl Link {
    /// Shakes hands on a fresh connection.
    pub(super) async fn open(
        stream: TcpStream,
        role: Role,
        identity: &str,
        config: &Config,
    ) -> Result<Link, Error> {
        let mut link = Link {
            stream,
            buffer: BytesMut::new(),
            parts: Vec::new(),
            message_limit: config.message_limit,
            write_timeout: config.write_timeout,
            heartbeat: config.heartbeat,
            last_read: Instant::now(),
            torn: false,
            minor: 0,
        };
        match timeout(config.handshake_timeout, link.handshake(role, identity)).await {
            Ok(result) => result.map(|()| link),
            Err(_) => Err(Error::Handshake("the peer accepts and says nothing".into())),
        }
    }

    async fn handshake(&mut self, role: Role, identity: &str) -> Result<(), Error> {
        self.write(&greeting()).await?;
        while self.buffer.len() < GREETING {
            self.fill().await?;
            // Tell a foreign server at once instead of waiting for 64 bytes of it.
            if self.buffer.first().is_some_and(|&first| first != 0xff) {
                return Err(Error::Handshake("the peer does not speak ZMTP".into()));
            }
        }
        let head = self.buffer.split_to(GREETING);
        let head = head.first_chunk().expect("GREETING bytes were split off");
        self.minor = check_greeting(head)?;

        let mut properties = vec![("Socket-Type".to_owned(), Bytes::from_static(role.name().as_bytes()))];
        if !identity.is_empty() {
            properties.push(("Identity".to_owned(), Bytes::copy_from_slice(identity.as_bytes())));
        }
        self.command(&Command::Ready(properties)).await?;

        let frame = loop {
            match Frame::decode(&mut self.buffer, COMMAND_LIMIT)? {
                Some(frame) => break frame,
                None => self.fill().await?,
            }
        };
        if !frame.command {
            return Err(Error::Handshake("the peer sends a message before READY".into()));
        }
        match Command::decode(&frame.body)? {
            Command::Ready(properties) => {
                let kind = properties
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case("Socket-Type"))
                    .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                    .unwrap_or_default();
                if role.peers().contains(&kind.as_str()) {
                    return Ok(());
                }
                Err(Error::Handshake(format!(
                    "the peer is a {kind:?}, which is no partner for {}",
                    role.name()
                )))
            }
            Command::Error(reason) => Err(Error::Handshake(format!("the peer refuses: {reason}"))),
            other => Err(Error::Handshake(format!("{other:?} instead of READY"))),
        }
    }

    /// Subscribes to a prefix: with a command where the peer knows it, with a message where it does not.
    pub(super) async fn subscribe(&mut self, topic: &str) -> Result<(), Error> {
        if self.minor >= 1 {
            return self.command(&Command::Subscribe(Bytes::copy_from_slice(topic.as_bytes()))).await;
        }
        let body = [&[1], topic.as_bytes()].concat();
        self.send(vec![body.into()]).await
    }

    /// The next message or command. Cancel-safe: what was read stays in the link.
    pub(super) async fn recv(&mut self) -> Result<Incoming, Error> {
        loop {
            while let Some(frame) = Frame::decode(&mut self.buffer, self.message_limit)? {
                if frame.command {
                    return Command::decode(&frame.body).map(Incoming::Command);
                }
                self.parts.push(frame.body);
                let length: usize = self.parts.iter().map(Bytes::len).sum();
                if length > self.message_limit {
                    return Err(Error::TooLong { length: length as u64, limit: self.message_limit });
                }
                if self.parts.len() > FRAMES {
                    return Err(Error::Protocol(format!("a message of more than {FRAMES} frames")));
                }
                if !frame.more {
                    return Ok(Incoming::Message(std::mem::take(&mut self.parts)));
                }
            }
            self.fill().await?;
        }
    }

    /// Reacts to a command as a client must: a PING is answered whatever version the peer announced, since libzmq
    /// sends it to anybody.
    pub(super) async fn answer(&mut self, command: Command) -> Result<(), Error> {
        match command {
            Command::Ping(context) => self.command(&Command::Pong(context)).await,
            Command::Error(reason) => Err(Error::Lost(format!("the peer says: {reason}"))),
            Command::Ready(_) => Err(Error::Protocol("a second READY".into())),
            Command::Pong(_) | Command::Subscribe(_) | Command::Other(_) => Ok(()),
        }
    }

    /// To be called once in a heartbeat: asks the peer for a sign of life, and gives up on one that gave none for
    /// two and a half heartbeats. Peers of ZMTP 3.0 do not know PING; TCP keepalive watches over those.
    pub(super) async fn beat(&mut self) -> Result<(), Error> {
        if self.minor == 0 {
            return Ok(());
        }
        let silent = self.last_read.elapsed();
        if silent > self.heartbeat.mul_f32(2.5) {
            return Err(Error::Silent(silent));
        }
        self.command(&Command::Ping(Bytes::new())).await
    }

    /// Sends the frames of a message.
    pub(super) async fn send(&mut self, parts: Vec<Bytes>) -> Result<(), Error> {
        let mut out = BytesMut::new();
        let last = parts.len().saturating_sub(1);
        for (i, body) in parts.into_iter().enumerate() {
            let frame = Frame::message(i < last, body);
            frame.encode_header(&mut out);
            if out.len() + frame.body.len() <= CHUNK {
                out.extend_from_slice(&frame.body);
            } else {
                self.write(&out.split()).await?;
                self.write(&frame.body).await?;
            }
        }
        self.write(&out).await
    }

    async fn command(&mut self, command: &Command) -> Result<(), Error> {
        // The peer may give up on us after as long a silence as we allow it.
        let ttl = u16::try_from(self.heartbeat.as_millis() * 3 / 100).unwrap_or(u16::MAX);
        let frame = command.frame(ttl);
        let mut out = BytesMut::new();
        frame.encode_header(&mut out);
        out.extend_from_slice(&frame.body);
        self.write(&out).await
    }

    /// Not cancel-safe, and knows it: after a write that was cancelled the next one fails instead of sending half a
    /// frame and then another.
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if std::mem::replace(&mut self.torn, true) {
            return Err(Error::Lost("a write was interrupted".into()));
        }
        while !bytes.is_empty() {
            match timeout(self.write_timeout, self.stream.write(bytes)).await {
                Ok(Ok(0)) => return Err(Error::Lost("the peer takes nothing more".into())),
                Ok(Ok(n)) => bytes = &bytes[n..],
                Ok(Err(e)) => return Err(Error::Lost(e.to_string())),
                Err(_) => return Err(Error::Stuck(self.write_timeout)),
            }
        }
        self.torn = false;
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Error> {
        // Messages keep the block alive that they were read into, so a block serves for many.
        if self.buffer.capacity() - self.buffer.len() < BLOCK_REST {
            self.buffer.reserve(CHUNK);
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Error::Lost("closed by the peer".into())),
            Ok(_) => {
                self.last_read = Instant::now();
                Ok(())
            }
            Err(e) => Err(Error::Lost(e.to_string())),
        }
    }
}
