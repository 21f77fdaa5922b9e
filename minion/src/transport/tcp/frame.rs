//! Salt's framing over TCP (`salt/transport/frame.py`): msgpack maps of `head` and `body`, one behind the other,
//! without any length. Where one ends, only a walk over its values tells.

use bytes::{Buf, Bytes, BytesMut};
use salt::{Value, msgpack};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::transport::Error;

/// What is read at once.
const CHUNK: usize = 64 << 10;
/// With less than this left of a block a new one is taken.
const BLOCK_REST: usize = 4 << 10;
/// More keys than anybody puts into a frame.
const KEYS: u64 = 16;

/// A frame, both parts still packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// What tells frames apart.
    pub(super) head: Bytes,
    /// What the frame is about.
    pub(super) body: Bytes,
}

impl Frame {
    /// The number of the request that this frame answers.
    pub(super) fn mid(&self) -> Option<u64> {
        let head = msgpack::unpack(&self.head).ok()?;
        head.get("mid").and_then(Value::as_i64).and_then(|mid| u64::try_from(mid).ok())
    }

    fn parse(mut packed: Bytes) -> Result<Frame, Error> {
        let (header, keys) = match Item::read(&packed) {
            Some(Item { header, values, body: 0, kind: Kind::Map }) if values / 2 <= KEYS => {
                (header, values / 2)
            }
            _ => return Err(foreign()),
        };
        packed.advance(header);
        let (mut head, mut body) = (None, None);
        for _ in 0..keys {
            let key = string(value(&mut packed)?);
            let value = value(&mut packed)?;
            match key.as_deref() {
                Some(b"head") => head = Some(value),
                Some(b"body") => body = Some(value),
                _ => {}
            }
        }
        match (head, body) {
            (Some(head), Some(body)) => Ok(Frame { head, body }),
            _ => Err(Error::Protocol("a frame without head or body".into())),
        }
    }
}

/// What precedes the packed body in a request with this number.
pub(super) fn request(mid: u64) -> Vec<u8> {
    // The number keeps within 63 bits, so that nobody takes it for a negative one.
    let mid = (mid & (u64::MAX >> 1)).to_be_bytes();
    [&b"\x82\xa4head\x81\xa3mid\xcf"[..], &mid, b"\xa4body"].concat()
}

/// What precedes the packed body in a frame that nobody answers.
pub(super) const NOTICE: &[u8] = b"\x82\xa4head\x80\xa4body";

/// The content of a packed string, text or binary; none for anything else.
pub(in crate::transport) fn string(packed: Bytes) -> Option<Bytes> {
    match Item::read(&packed)? {
        Item { header, body, kind: Kind::String, .. } if header + body == packed.len() => {
            Some(packed.slice(header..))
        }
        _ => None,
    }
}

/// Takes one value off the front of complete frame.
fn value(packed: &mut Bytes) -> Result<Bytes, Error> {
    match Walk::default().on(packed, packed.len())? {
        Some(end) => Ok(packed.split_to(end)),
        None => Err(foreign()),
    }
}

fn foreign() -> Error {
    Error::Protocol("the peer does not speak Salt's TCP transport".into())
}

/// Reads frames off a stream. Between reads it keeps the bytes of one frame and a count, nothing that grows with what
/// the bytes claim.
pub(super) struct Reader<R> {
    stream: R,
    buffer: BytesMut,
    walk: Walk,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// A reader that believes frames of up to `limit` bytes.
    pub(super) fn new(stream: R, limit: usize) -> Reader<R> {
        Reader { stream, buffer: BytesMut::new(), walk: Walk::default(), limit }
    }

    /// The next frame. Cancel-safe: what was read stays in the reader.
    pub(super) async fn next(&mut self) -> Result<Frame, Error> {
        loop {
            // Tell a foreign server at once instead of waiting for the end of its first "value".
            if self.buffer.first().is_some_and(|&first| !matches!(first, 0x80..=0x8f | 0xde | 0xdf)) {
                return Err(foreign());
            }
            if let Some(end) = self.walk.on(&self.buffer, self.limit)? {
                self.walk = Walk::default();
                return Frame::parse(self.buffer.split_to(end).freeze());
            }
            self.fill().await?;
        }
    }

    /// The stream, for a peer that writes to it.
    #[cfg(test)]
    pub(super) fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    async fn fill(&mut self) -> Result<(), Error> {
        // Frames keep the block alive that they were read into, so a block serves for many.
        if self.buffer.capacity() - self.buffer.len() < BLOCK_REST {
            self.buffer.reserve(CHUNK);
        }
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Error::Lost("closed by the peer".into())),
            Ok(_) => Ok(()),
            Err(e) => Err(Error::Lost(e.to_string())),
        }
    }
}

/// Reads bytes as a peer's, in one piece and byte by byte: both ways must see the same frames and the same end.
#[cfg(any(test, feature = "fuzzing"))]
pub async fn fuzz(bytes: &[u8]) {
    const LIMIT: usize = 1 << 20;
    async fn frames(stream: impl AsyncRead + Unpin) -> (Vec<Frame>, Error) {
        let mut reader = Reader::new(stream, LIMIT);
        let mut all = Vec::new();
        loop {
            match reader.next().await {
                Ok(frame) => all.push(frame),
                Err(why) => return (all, why),
            }
        }
    }
    /// Gives one byte at a time.
    struct Slowly<'a>(&'a [u8]);
    impl AsyncRead for Slowly<'_> {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
            into: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            if let Some((first, rest)) = self.0.split_first() {
                into.put_slice(&[*first]);
                self.0 = rest;
            }
            std::task::Poll::Ready(Ok(()))
        }
    }
    let (at_once, why) = frames(bytes).await;
    let (slowly, same) = frames(Slowly(bytes)).await;
    assert_eq!(at_once, slowly);
    // A length that is too long may be told by other figures.
    assert_eq!(std::mem::discriminant(&why), std::mem::discriminant(&same), "{why} {same}");
    for frame in at_once {
        let _ = frame.mid();
        let _ = string(frame.body);
    }
}

/// A walk to the end of one msgpack value, which goes on where it stopped when more bytes are there.
struct Walk {
    at: usize,
    missing: u64,
}

impl Default for Walk {
    fn default() -> Walk {
        Walk { at: 0, missing: 1 }
    }
}

impl Walk {
    /// The end of the value in `bytes`, if it is in there.
    fn on(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Error> {
        while self.missing > 0 {
            let Some(rest) = bytes.get(self.at..) else { return Ok(None) };
            let Some(item) = Item::read(rest) else { return Ok(None) };
            if item.kind == Kind::Reserved {
                return Err(Error::Protocol("a byte that msgpack does not know".into()));
            }
            self.at = self.at.saturating_add(item.header).saturating_add(item.body);
            self.missing = (self.missing - 1).saturating_add(item.values);
            // Each value that is missing takes one byte at least.
            let least = (self.at as u64).saturating_add(self.missing);
            if least > limit as u64 {
                return Err(Error::TooLong { length: least, limit });
            }
        }
        Ok((self.at <= bytes.len()).then_some(self.at))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Map,
    Other,
    Reserved,
}

/// The header of a msgpack value: its own length, the bytes behind it, and the values behind it.
#[derive(Debug, Clone, Copy)]
struct Item {
    header: usize,
    body: usize,
    values: u64,
    kind: Kind,
}

impl Item {
    /// None if the header is not complete.
    fn read(bytes: &[u8]) -> Option<Item> {
        let marker = *bytes.first()?;
        let plain = |body| Some(Item { header: 1, body, values: 0, kind: Kind::Other });
        // A length of so many bytes behind the marker.
        let length = |width: usize| {
            let bytes = bytes.get(1..=width)?;
            Some(bytes.iter().fold(0u64, |length, &byte| length << 8 | u64::from(byte)))
        };
        let sized = |width: usize, more: usize, kind| {
            // On a machine of 32 bits nothing so long fits anyway, and the limit catches it.
            let body = usize::try_from(length(width)?).unwrap_or(usize::MAX).saturating_add(more);
            Some(Item { header: 1 + width, body, values: 0, kind })
        };
        let array =
            |width| Some(Item { header: 1 + width, body: 0, values: length(width)?, kind: Kind::Other });
        let map =
            |width| Some(Item { header: 1 + width, body: 0, values: length(width)? * 2, kind: Kind::Map });
        match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => plain(0),
            0x80..=0x8f => {
                Some(Item { header: 1, body: 0, values: u64::from(marker & 0xf) * 2, kind: Kind::Map })
            }
            0x90..=0x9f => {
                Some(Item { header: 1, body: 0, values: u64::from(marker & 0xf), kind: Kind::Other })
            }
            0xa0..=0xbf => {
                Some(Item { header: 1, body: usize::from(marker & 0x1f), values: 0, kind: Kind::String })
            }
            0xc1 => Some(Item { header: 1, body: 0, values: 0, kind: Kind::Reserved }),
            0xc4 | 0xd9 => sized(1, 0, Kind::String),
            0xc5 | 0xda => sized(2, 0, Kind::String),
            0xc6 | 0xdb => sized(4, 0, Kind::String),
            0xc7 => sized(1, 1, Kind::Other),
            0xc8 => sized(2, 1, Kind::Other),
            0xc9 => sized(4, 1, Kind::Other),
            0xcc | 0xd0 => plain(1),
            0xcd | 0xd1 | 0xd4 => plain(2),
            0xd5 => plain(3),
            0xca | 0xce | 0xd2 => plain(4),
            0xd6 => plain(5),
            0xcb | 0xcf | 0xd3 => plain(8),
            0xd7 => plain(9),
            0xd8 => plain(17),
            0xdc => array(2),
            0xdd => array(4),
            0xde => map(2),
            0xdf => map(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use salt::{Map, list, map};

    use super::*;

    fn frame(head: Value, body: Value) -> Vec<u8> {
        let frame = Map::new().with("head", head).with("body", body);
        msgpack::pack_modern(&Value::Map(frame)).unwrap()
    }

    async fn read(bytes: &[u8], limit: usize) -> Result<Frame, Error> {
        Reader::new(bytes, limit).next().await
    }

    /// Gives its bytes out in pieces of the given sizes, round and round.
    fn pieces(bytes: Vec<u8>, sizes: Vec<usize>) -> impl AsyncRead + Unpin {
        let (near, mut far) = tokio::io::duplex(16);
        tokio::spawn(async move {
            let mut rest = &bytes[..];
            for size in sizes.iter().cycle() {
                let piece = rest.split_off(..(*size).min(rest.len())).unwrap();
                if tokio::io::AsyncWriteExt::write_all(&mut far, piece).await.is_err() || rest.is_empty() {
                    return;
                }
            }
        });
        near
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().unwrap()
    }

    #[tokio::test]
    async fn frames_are_told_apart_without_lengths() {
        let body = Value::from(
            map! { "load" => Value::Bytes(vec![0xff; 300]), "n" => list![1, -1, 1.5, Value::None] },
        );
        let mut wire = frame(map! { "mid" => 7 }.into(), body.clone());
        wire.extend(frame(Map::new().into(), Value::Bytes(b"packed".to_vec())));
        let mut reader = Reader::new(&wire[..], 1 << 20);
        let first = reader.next().await.unwrap();
        assert_eq!(first.mid(), Some(7));
        assert_eq!(msgpack::unpack(&first.body).unwrap(), body);
        let second = reader.next().await.unwrap();
        assert_eq!(second.mid(), None);
        assert_eq!(string(second.body).as_deref(), Some(&b"packed"[..]));
        assert_eq!(reader.next().await, Err(Error::Lost("closed by the peer".into())));
    }

    #[tokio::test]
    async fn our_requests_are_frames() {
        let packed = msgpack::pack(&Value::Map(map! { "enc" => "clear" })).unwrap();
        let wire = [&request(u64::MAX)[..], &packed].concat();
        let frame = read(&wire, 1 << 10).await.unwrap();
        assert_eq!((frame.mid(), &frame.body[..]), (Some(u64::MAX >> 1), &packed[..]));
        let frame = read(&[NOTICE, &packed].concat(), 1 << 10).await.unwrap();
        assert_eq!((frame.mid(), &frame.body[..]), (None, &packed[..]));
    }

    #[tokio::test]
    async fn what_claims_too_much_is_refused_before_it_comes() {
        // A binary of 4 GB, an array of 4 G values, a tower of arrays.
        for claim in [&b"\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff"[..], b"\x82\xdd\xff\xff\xff\xff"] {
            assert!(matches!(read(claim, 1 << 20).await, Err(Error::TooLong { .. })), "{claim:?}");
        }
        let tower = [&b"\x82"[..], &vec![0x91; 2 << 20]].concat();
        assert!(matches!(read(&tower, 1 << 20).await, Err(Error::TooLong { .. })));
        let within = [&b"\x82"[..], &vec![0x91; 1000], b"\xc0\xc0\xc0\xc0"].concat();
        assert!(matches!(read(&within, 1 << 20).await, Err(Error::Protocol(_))));
    }

    #[tokio::test]
    async fn other_protocols_are_told_at_once() {
        for foreign in
            [&b"HTTP/1.1 400 Bad Request"[..], b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f", b"\x15\x03\x03"]
        {
            assert!(matches!(read(foreign, 1 << 10).await, Err(Error::Protocol(_))), "{foreign:?}");
        }
        assert!(matches!(read(b"\x81\xc1\xc0", 1 << 10).await, Err(Error::Protocol(_))));
        assert!(matches!(read(b"\x81\xa4body\xc0", 1 << 10).await, Err(Error::Protocol(_))));
    }

    proptest! {
        /// Whatever the pieces, the same frames come out.
        #[test]
        fn pieces_do_not_matter(lengths in prop::collection::vec(0usize..400, 1..5), sizes in prop::collection::vec(1usize..50, 1..6)) {
            let bodies: Vec<Value> = lengths.iter().map(|n| Value::from(map! { "b" => Value::Bytes(vec![0x91; *n]), "t" => "x".repeat(*n) })).collect();
            let wire = bodies.iter().enumerate().flat_map(|(n, body)| frame(map! { "mid" => n as i64 }.into(), body.clone())).collect();
            runtime().block_on(async {
                let mut reader = Reader::new(pieces(wire, sizes), 1 << 16);
                for (n, body) in bodies.iter().enumerate() {
                    let frame = reader.next().await.unwrap();
                    assert_eq!(frame.mid(), Some(n as u64));
                    assert_eq!(&msgpack::unpack_modern(&frame.body).unwrap(), body);
                }
            });
        }

        /// Noise ends in an error, whatever it is.
        #[test]
        fn noise_is_survived(noise in prop::collection::vec(any::<u8>(), 0..200)) {
            runtime().block_on(async {
                let mut reader = Reader::new(&noise[..], 1 << 16);
                while reader.next().await.is_ok() {}
            });
        }
    }
}
