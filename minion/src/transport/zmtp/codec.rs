//! ZMTP 3.1 in bytes: greeting, frames and commands (<https://rfc.zeromq.org/spec/37/>). No sockets.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::transport::Error;

/// The length of a greeting.
pub(super) const GREETING: usize = 64;

/// Flag: another frame of the same message follows.
const MORE: u8 = 1;
/// Flag: the length takes 8 bytes.
const LONG: u8 = 2;
/// Flag: a command, not part of a message.
const COMMAND: u8 = 4;

/// A longest context of a PING (RFC 37).
const CONTEXT: usize = 16;

/// Our greeting: version 3.1, mechanism NULL, not a server.
pub(super) fn greeting() -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    bytes[0] = 0xff;
    bytes[9] = 0x7f;
    bytes[10] = 3;
    bytes[11] = 1;
    bytes[12..16].copy_from_slice(b"NULL");
    bytes
}

/// Checks the peer's greeting and returns its minor version of ZMTP 3.
pub(super) fn check_greeting(bytes: &[u8; GREETING]) -> Result<u8, Error> {
    let refuse = |why: String| Err(Error::Handshake(why));
    if bytes[0] != 0xff || bytes[9] & 1 == 0 {
        return refuse("the peer does not speak ZMTP".into());
    }
    if bytes[10] < 3 {
        return refuse(format!("the peer speaks ZMTP {}, 3 is needed", bytes[10]));
    }
    let mechanism = &bytes[12..32];
    if mechanism != [&b"NULL"[..], &[0; 16]].concat() {
        let name = String::from_utf8_lossy(mechanism);
        return refuse(format!("the peer wants mechanism {:?}", name.trim_end_matches('\0')));
    }
    Ok(bytes[11])
}

/// A frame as it stands on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) more: bool,
    pub(super) command: bool,
    pub(super) body: Bytes,
}

impl Frame {
    pub(super) fn message(more: bool, body: Bytes) -> Frame {
        Frame { more, command: false, body }
    }

    /// Takes a frame off the front of `buffer`, if all of it is there. A length beyond `limit` is an error as soon as
    /// it is announced; nothing is allocated for bytes that are not there.
    pub(super) fn decode(buffer: &mut BytesMut, limit: usize) -> Result<Option<Frame>, Error> {
        let Some(&flags) = buffer.first() else { return Ok(None) };
        if flags & !(MORE | LONG | COMMAND) != 0 {
            return Err(Error::Protocol(format!("frame with flags {flags:#04x}")));
        }
        let more = flags & MORE != 0;
        let command = flags & COMMAND != 0;
        if more && command {
            return Err(Error::Protocol("a command in several frames".into()));
        }
        let (header, length) = if flags & LONG != 0 {
            let Some((length, _)) = buffer[1..].split_first_chunk() else { return Ok(None) };
            (9, u64::from_be_bytes(*length))
        } else {
            let Some(&length) = buffer.get(1) else { return Ok(None) };
            (2, u64::from(length))
        };
        let body = match usize::try_from(length) {
            Ok(n) if n <= limit => n,
            _ => return Err(Error::TooLong { length, limit }),
        };
        if buffer.len() - header < body {
            return Ok(None);
        }
        buffer.advance(header);
        Ok(Some(Frame { more, command, body: buffer.split_to(body).freeze() }))
    }

    /// Writes flags and length; the body is to follow.
    pub(super) fn encode_header(&self, out: &mut BytesMut) {
        let mut flags = if self.more { MORE } else { 0 } | if self.command { COMMAND } else { 0 };
        match u8::try_from(self.body.len()) {
            Ok(length) => out.extend_from_slice(&[flags, length]),
            Err(_) => {
                flags |= LONG;
                out.put_u8(flags);
                out.put_u64(self.body.len() as u64);
            }
        }
    }
}

/// A command, by the names of RFC 37.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// The properties of a peer. Names are compared without case.
    Ready(Vec<(String, Bytes)>),
    /// The peer refuses us.
    Error(String),
    /// Subscribe to a prefix (3.1).
    Subscribe(Bytes),
    /// Are you there? To be answered with the context.
    Ping(Bytes),
    /// I am here.
    Pong(Bytes),
    /// A command that means nothing to a client.
    Other(String),
}

impl Command {
    pub(super) fn decode(body: &Bytes) -> Result<Command, Error> {
        let short = || Error::Protocol("a command is cut short".into());
        let mut rest = body.clone();
        let name = take_short(&mut rest).ok_or_else(short)?;
        Ok(match &name[..] {
            b"READY" => Command::Ready(properties(rest).ok_or_else(short)?),
            b"ERROR" => {
                let reason = take_short(&mut rest).ok_or_else(short)?;
                Command::Error(String::from_utf8_lossy(&reason).into_owned())
            }
            b"SUBSCRIBE" => Command::Subscribe(rest),
            b"PING" => {
                if rest.len() < 2 || rest.len() > 2 + CONTEXT {
                    return Err(Error::Protocol("a PING of a wrong length".into()));
                }
                // The TTL tells how long the peer waits for our next sign of life: our own PINGs are far more
                // frequent than any sensible one.
                rest.advance(2);
                Command::Ping(rest)
            }
            b"PONG" => Command::Pong(rest),
            other => Command::Other(String::from_utf8_lossy(other).into_owned()),
        })
    }

    /// The frame of this command. The time to live of a PING is given in tenths of a second.
    pub(super) fn frame(&self, ttl: u16) -> Frame {
        let mut body = BytesMut::new();
        let name = |body: &mut BytesMut, name: &str| {
            body.put_u8(name.len() as u8);
            body.put_slice(name.as_bytes());
        };
        match self {
            Command::Ready(properties) => {
                name(&mut body, "READY");
                for (key, value) in properties {
                    name(&mut body, key);
                    body.put_u32(value.len() as u32);
                    body.put_slice(value);
                }
            }
            Command::Error(reason) => {
                name(&mut body, "ERROR");
                name(&mut body, reason);
            }
            Command::Subscribe(topic) => {
                name(&mut body, "SUBSCRIBE");
                body.put_slice(topic);
            }
            Command::Ping(context) => {
                name(&mut body, "PING");
                body.put_u16(ttl);
                body.put_slice(context);
            }
            Command::Pong(context) => {
                name(&mut body, "PONG");
                body.put_slice(context);
            }
            Command::Other(other) => name(&mut body, other),
        }
        Frame { more: false, command: true, body: body.freeze() }
    }
}

fn take_short(rest: &mut Bytes) -> Option<Bytes> {
    let length = usize::from(*rest.first()?);
    if rest.len() <= length {
        return None;
    }
    rest.advance(1);
    Some(rest.split_to(length))
}

fn properties(mut rest: Bytes) -> Option<Vec<(String, Bytes)>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let name = take_short(&mut rest)?;
        let (length, _) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.advance(4);
        if rest.len() < length {
            return None;
        }
        found.push((String::from_utf8_lossy(&name).into_owned(), rest.split_to(length)));
    }
    Some(found)
}

/// Reads bytes as a peer's: a greeting, then frames, and the commands among them. What is read is written and read again.
#[cfg(any(test, feature = "fuzzing"))]
pub fn fuzz(bytes: &[u8]) {
    const LIMIT: usize = 1 << 20;
    if let Some(greeting) = bytes.first_chunk() {
        let _ = check_greeting(greeting);
    }
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = Frame::decode(&mut buffer, LIMIT) {
        assert!(frame.body.len() <= LIMIT);
        let mut again = BytesMut::new();
        frame.encode_header(&mut again);
        again.extend_from_slice(&frame.body);
        assert_eq!(Frame::decode(&mut again, LIMIT), Ok(Some(frame.clone())));
        if let (true, Ok(command)) = (frame.command, Command::decode(&frame.body)) {
            let answer = format!("{command:?}");
            assert!(!answer.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(frame: &Frame) -> BytesMut {
        let mut out = BytesMut::new();
        frame.encode_header(&mut out);
        out.extend_from_slice(&frame.body);
        out
    }

    #[test]
    fn a_ping_reads_as_libzmq_writes_it() {
        // Heartbeat interval 10 s, time to live 30 s, no context: what a master's PUB socket sends.
        let mut wire = BytesMut::from(&b"\x04\x07\x04PING\x01\x2c"[..]);
        let frame = Frame::decode(&mut wire, 100).unwrap().unwrap();
        assert_eq!(Command::decode(&frame.body).unwrap(), Command::Ping(Bytes::new()));
        let pong = Command::Pong(Bytes::from_static(b"ctx")).frame(0);
        assert_eq!(&encode(&pong)[..], b"\x04\x08\x04PONGctx");
        assert_eq!(&encode(&Command::Ping(Bytes::new()).frame(300))[..], b"\x04\x07\x04PING\x01\x2c");
    }

    #[test]
    fn a_gigabyte_is_refused_by_its_header() {
        let mut wire = BytesMut::from(&b"\x02\x00\x00\x00\x00\x40\x00\x00\x00"[..]);
        let before = wire.capacity();
        assert_eq!(
            Frame::decode(&mut wire, 1 << 20),
            Err(Error::TooLong { length: 1 << 30, limit: 1 << 20 })
        );
        assert_eq!(wire.capacity(), before);
        let mut wire = BytesMut::from(&b"\x02\xff\xff\xff\xff\xff\xff\xff\xff"[..]);
        assert!(matches!(Frame::decode(&mut wire, usize::MAX - 1), Err(Error::TooLong { .. })));
    }

    #[test]
    fn reserved_flags_and_split_commands_are_refused() {
        for first in [0x08, 0x80, 0x05, 0x07] {
            let mut wire = BytesMut::from(&[first, 0][..]);
            assert!(matches!(Frame::decode(&mut wire, 100), Err(Error::Protocol(_))), "{first}");
        }
    }

    #[test]
    fn greetings_are_told_apart() {
        assert_eq!(check_greeting(&greeting()), Ok(1));
        let spoil = |at: usize, with: u8| {
            let mut bytes = greeting();
            bytes[at] = with;
            check_greeting(&bytes)
        };
        assert_eq!(spoil(11, 0), Ok(0));
        for (at, with) in [(0, b'H'), (9, 0), (10, 2), (12, b'C'), (16, b'X')] {
            assert!(matches!(spoil(at, with), Err(Error::Handshake(_))), "{at}");
        }
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let frame = (any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..600))
            .prop_map(|(more, command, body)| Frame { more: more && !command, command, body: body.into() });
        prop::collection::vec(frame, 0..6)
    }

    proptest! {
        #[test]
        fn frames_survive_any_split(frames in frames(), chunk in 1usize..50) {
            let wire: Vec<u8> = frames.iter().flat_map(|f| encode(f).to_vec()).collect();
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            for part in wire.chunks(chunk) {
                buffer.extend_from_slice(part);
                while let Some(frame) = Frame::decode(&mut buffer, 1000).unwrap() {
                    seen.push(frame);
                }
            }
            prop_assert_eq!(seen, frames);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&noise[..]);
            while let Ok(Some(frame)) = Frame::decode(&mut buffer, 150) {
                if let Ok(command) = Command::decode(&frame.body) {
                    let _ = command.frame(1);
                }
            }
        }

        #[test]
        fn ready_survives(properties in prop::collection::vec(("[A-Za-z-]{1,20}", prop::collection::vec(any::<u8>(), 0..50)), 0..5)) {
            let ready = Command::Ready(properties.into_iter().map(|(k, v)| (k, v.into())).collect());
            prop_assert_eq!(Command::decode(&ready.frame(0).body).unwrap(), ready);
        }
    }
}
