//! Values to and from msgpack, the way Salt packs them (`salt/payload.py`).
//!
//! Salt sends text and bytes alike as the old *raw* family (no str8, no bin) and, on the way in, makes text of every
//! byte string that is valid UTF-8. So the wire does not tell text from bytes; where that matters (RSA blobs,
//! contents of files) [`unpack_bytes`] keeps values as bytes.

use num_traits::ToPrimitive;

use crate::value::{Map, Value};

/// How many open containers Python's packer and unpacker allow (msgpack-python 1.2; its older packers stop at 511).
const DEPTH: usize = 1024;

/// Packs a value as Salt does on its wire: text and bytes in the raw family, the shortest integers, 64-bit floats,
/// integers beyond 64 bits as decimal text.
pub fn pack(value: &Value) -> Result<Vec<u8>, Error> {
    let mut packer = Packer { out: Vec::new(), modern: false };
    packer.value(value, 0)?;
    Ok(packer.out)
}

/// Packs a value with str8 for text and the bin family for bytes (`use_bin_type=True`), as Salt does in TCP frames
/// and in what `minion_sign_messages` signs.
pub fn pack_modern(value: &Value) -> Result<Vec<u8>, Error> {
    let mut packer = Packer { out: Vec::new(), modern: true };
    packer.value(value, 0)?;
    Ok(packer.out)
}

/// Unpacks what Salt sent: each byte string that is valid UTF-8 is text, any other stays bytes.
pub fn unpack(bytes: &[u8]) -> Result<Value, Error> {
    Unpacker { rest: bytes, strings: Strings::Guess }.only()
}

/// Unpacks with all byte strings as [`Value::Bytes`], except for the keys of maps, which are text where they are
/// valid UTF-8.
pub fn unpack_bytes(bytes: &[u8]) -> Result<Value, Error> {
    Unpacker { rest: bytes, strings: Strings::Bytes }.only()
}

/// Unpacks what [`pack_modern`] packed: bin is bytes, str is text (bytes, should it not be UTF-8).
pub fn unpack_modern(bytes: &[u8]) -> Result<Value, Error> {
    Unpacker { rest: bytes, strings: Strings::Typed }.only()
}

/// Why a value could not be packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes end before the value does, or a length says more than there is.
    #[error("msgpack data is cut short")]
    Truncated,
    /// There are bytes after the value.
    #[error("msgpack data is followed by {0} more bytes")]
    Extra(usize),
    /// The one type byte that msgpack never uses.
    #[error("msgpack data contains the reserved type 0xc1")]
    Reserved,
    /// Containers are nested deeper than Python allows.
    #[error("msgpack data is nested too deeply")]
    Depth,
    /// A list or map as key of a map; Python cannot hash them.
    #[error("msgpack map has a {0} as key")]
    Key(&'static str),
    /// A length that does not fit in 32 bits.
    #[error("a value of {0} elements is too long for msgpack")]
    TooLong(usize),
}

struct Packer {
    out: Vec<u8>,
    modern: bool,
}

impl Packer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        match value {
            Value::List(_) | Value::Map(_) if depth >= DEPTH => return Err(Error::Depth),
            Value::None => self.out.push(0xc0),
            Value::Bool(false) => self.out.push(0xc2),
            Value::Bool(true) => self.out.push(0xc3),
            Value::Int(n) => self.int(*n),
            Value::BigInt(n) => match n.to_u64() {
                Some(n) => self.tagged(0xcf, &n.to_be_bytes()),
                None => self.text(n.to_string().as_bytes())?,
            },
            Value::Float(x) => self.tagged(0xcb, &x.to_be_bytes()),
            Value::Str(s) => self.text(s.as_bytes())?,
            Value::Bytes(b) if self.modern => {
                self.header(b.len(), None, Some(0xc4), 0xc5, 0xc6)?;
                self.out.extend_from_slice(b);
            }
            Value::Bytes(b) => self.text(b)?,
            Value::List(items) => {
                self.header(items.len(), Some((0x90, 16)), None, 0xdc, 0xdd)?;
                for item in items {
                    self.value(item, depth + 1)?;
                }
            }
            Value::Map(map) => {
                self.header(map.len(), Some((0x80, 16)), None, 0xde, 0xdf)?;
                for (key, value) in map {
                    self.value(key, depth + 1)?;
                    self.value(value, depth + 1)?;
                }
            }
            Value::Ext(kind, data) => self.ext(*kind, data)?,
        }
        Ok(())
    }

    fn int(&mut self, n: i64) {
        if let Ok(u) = u64::try_from(n) {
            match u {
                0..=0x7f => self.out.push(u as u8),
                0x80..=0xff => self.tagged(0xcc, &[u as u8]),
                0x100..=0xffff => self.tagged(0xcd, &(u as u16).to_be_bytes()),
                0x1_0000..=0xffff_ffff => self.tagged(0xce, &(u as u32).to_be_bytes()),
                _ => self.tagged(0xcf, &u.to_be_bytes()),
            }
        } else if n >= -32 {
            self.out.push(n as i8 as u8);
        } else if let Ok(n) = i8::try_from(n) {
            self.tagged(0xd0, &n.to_be_bytes());
        } else if let Ok(n) = i16::try_from(n) {
            self.tagged(0xd1, &n.to_be_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.tagged(0xd2, &n.to_be_bytes());
        } else {
            self.tagged(0xd3, &n.to_be_bytes());
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let short = self.modern.then_some(0xd9);
        self.header(bytes.len(), Some((0xa0, 32)), short, 0xda, 0xdb)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn ext(&mut self, kind: i8, data: &[u8]) -> Result<(), Error> {
        match data.len() {
            1 => self.out.push(0xd4),
            2 => self.out.push(0xd5),
            4 => self.out.push(0xd6),
            8 => self.out.push(0xd7),
            16 => self.out.push(0xd8),
            n => self.header(n, None, Some(0xc7), 0xc8, 0xc9)?,
        }
        self.out.push(kind as u8);
        self.out.extend_from_slice(data);
        Ok(())
    }

    /// Writes a length in the shortest form that the family has: in the type byte, in 8, 16 or 32 bits.
    fn header(
        &mut self,
        len: usize,
        fix: Option<(u8, usize)>,
        len8: Option<u8>,
        len16: u8,
        len32: u8,
    ) -> Result<(), Error> {
        let n = u32::try_from(len).map_err(|_| Error::TooLong(len))?;
        match (fix, len8) {
            (Some((tag, limit)), _) if len < limit => self.out.push(tag | len as u8),
            (_, Some(tag)) if n <= 0xff => self.tagged(tag, &[n as u8]),
            _ if n <= 0xffff => self.tagged(len16, &(n as u16).to_be_bytes()),
            _ => self.tagged(len32, &n.to_be_bytes()),
        }
        Ok(())
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.out.push(tag);
        self.out.extend_from_slice(bytes);
    }
}

/// What becomes of byte strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strings {
    Guess,
    Bytes,
    Typed,
}

struct Unpacker<'a> {
    rest: &'a [u8],
    strings: Strings,
}

/// A container whose elements are not all there yet.
enum Open {
    List { items: Vec<Value>, left: usize },
    Map { map: Map, key: Option<Value>, left: usize },
}

/// One step: a finished value, or the start of a container that has elements.
enum Step {
    Value(Value),
    Open(Open),
}

impl<'a> Unpacker<'a> {
    fn only(mut self) -> Result<Value, Error> {
        let value = self.value()?;
        match self.rest.len() {
            0 => Ok(value),
            n => Err(Error::Extra(n)),
        }
    }

    /// Decodes one value with a stack of its own, so that depth costs heap and not stack.
    fn value(&mut self) -> Result<Value, Error> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let is_key = matches!(open.last(), Some(Open::Map { key: None, .. }));
            let mut done = match self.step(open.len(), is_key)? {
                Step::Value(value) => value,
                Step::Open(container) => {
                    open.push(container);
                    continue;
                }
            };
            // Hands the value to the innermost container; a container that is full is a value for the next one.
            loop {
                match open.pop() {
                    None => return Ok(done),
                    Some(Open::List { mut items, left }) => {
                        items.push(done);
                        if left > 1 {
                            open.push(Open::List { items, left: left - 1 });
                            break;
                        }
                        done = Value::List(items);
                    }
                    Some(Open::Map { map, key: None, left }) => {
                        open.push(Open::Map { map, key: Some(done), left });
                        break;
                    }
                    Some(Open::Map { mut map, key: Some(key), left }) => {
                        map.insert(key, done);
                        if left > 1 {
                            open.push(Open::Map { map, key: None, left: left - 1 });
                            break;
                        }
                        done = Value::Map(map);
                    }
                }
            }
        }
    }

    fn step(&mut self, depth: usize, is_key: bool) -> Result<Step, Error> {
        let [tag] = self.take_array()?;
        let value = match tag {
            0x00..=0x7f => Value::Int(i64::from(tag)),
            0x80..=0x8f => return self.map(usize::from(tag & 0x0f), depth, is_key),
            0x90..=0x9f => return self.list(usize::from(tag & 0x0f), depth, is_key),
            0xa0..=0xbf => self.string(usize::from(tag & 0x1f), false, is_key)?,
            0xc0 => Value::None,
            0xc1 => return Err(Error::Reserved),
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xc4 => self.len8().and_then(|n| self.string(n, true, is_key))?,
            0xc5 => self.len16().and_then(|n| self.string(n, true, is_key))?,
            0xc6 => self.len32().and_then(|n| self.string(n, true, is_key))?,
            0xc7 => self.len8().and_then(|n| self.ext(n))?,
            0xc8 => self.len16().and_then(|n| self.ext(n))?,
            0xc9 => self.len32().and_then(|n| self.ext(n))?,
            0xca => Value::Float(f64::from(f32::from_be_bytes(self.take_array()?))),
            0xcb => Value::Float(f64::from_be_bytes(self.take_array()?)),
            0xcc => Value::Int(i64::from(u8::from_be_bytes(self.take_array()?))),
            0xcd => Value::Int(i64::from(u16::from_be_bytes(self.take_array()?))),
            0xce => Value::Int(i64::from(u32::from_be_bytes(self.take_array()?))),
            0xcf => Value::from_big(u64::from_be_bytes(self.take_array()?).into()),
            0xd0 => Value::Int(i64::from(i8::from_be_bytes(self.take_array()?))),
            0xd1 => Value::Int(i64::from(i16::from_be_bytes(self.take_array()?))),
            0xd2 => Value::Int(i64::from(i32::from_be_bytes(self.take_array()?))),
            0xd3 => Value::Int(i64::from_be_bytes(self.take_array()?)),
            0xd4..=0xd8 => self.ext(1 << (tag - 0xd4))?,
            0xd9 => self.len8().and_then(|n| self.string(n, false, is_key))?,
            0xda => self.len16().and_then(|n| self.string(n, false, is_key))?,
            0xdb => self.len32().and_then(|n| self.string(n, false, is_key))?,
            0xdc => return self.len16().and_then(|n| self.list(n, depth, is_key)),
            0xdd => return self.len32().and_then(|n| self.list(n, depth, is_key)),
            0xde => return self.len16().and_then(|n| self.map(n, depth, is_key)),
            0xdf => return self.len32().and_then(|n| self.map(n, depth, is_key)),
            0xe0..=0xff => Value::Int(i64::from(tag as i8)),
        };
        Ok(Step::Value(value))
    }

    fn list(&mut self, len: usize, depth: usize, is_key: bool) -> Result<Step, Error> {
        self.may_open(len, depth, is_key.then_some("list"))?;
        Ok(match len {
            0 => Step::Value(Value::List(Vec::new())),
            // The reservation is bounded: a length is only a claim until the elements are read.
            _ => Step::Open(Open::List { items: Vec::with_capacity(len.min(1024)), left: len }),
        })
    }

    fn map(&mut self, len: usize, depth: usize, is_key: bool) -> Result<Step, Error> {
        self.may_open(len.saturating_mul(2), depth, is_key.then_some("map"))?;
        Ok(match len {
            0 => Step::Value(Value::Map(Map::new())),
            _ => Step::Open(Open::Map { map: Map::new(), key: None, left: len }),
        })
    }

    fn may_open(&self, elements: usize, depth: usize, key: Option<&'static str>) -> Result<(), Error> {
        if let Some(kind) = key {
            return Err(Error::Key(kind));
        }
        if depth >= DEPTH {
            return Err(Error::Depth);
        }
        // Each element takes a byte at least.
        if elements > self.rest.len() {
            return Err(Error::Truncated);
        }
        Ok(())
    }

    fn string(&mut self, len: usize, bin: bool, is_key: bool) -> Result<Value, Error> {
        let bytes = self.take(len)?;
        let keep = match self.strings {
            Strings::Guess => false,
            Strings::Bytes => !is_key,
            Strings::Typed => bin,
        };
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) if !keep => Value::Str(text.to_owned()),
            _ => Value::Bytes(bytes.to_vec()),
        })
    }

    fn ext(&mut self, len: usize) -> Result<Value, Error> {
        let [kind] = self.take_array()?;
        Ok(Value::Ext(kind as i8, self.take(len)?.to_vec()))
    }

    fn len8(&mut self) -> Result<usize, Error> {
        Ok(usize::from(u8::from_be_bytes(self.take_array()?)))
    }

    fn len16(&mut self) -> Result<usize, Error> {
        Ok(usize::from(u16::from_be_bytes(self.take_array()?)))
    }

    fn len32(&mut self) -> Result<usize, Error> {
        usize::try_from(u32::from_be_bytes(self.take_array()?)).map_err(|_| Error::Truncated)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(Error::Truncated)?;
        self.rest = tail;
        Ok(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn big(text: &str) -> Value {
        Value::from_big(text.parse().unwrap())
    }

    /// Recorded from `salt.payload.dumps` of Salt 3007.17 (msgpack-python 1.2).
    #[test]
    fn packs_as_salt_does() {
        let table: &[(Value, &str)] = &[
            (Value::None, "c0"),
            (Value::Bool(true), "c3"),
            (Value::Int(0), "00"),
            (Value::Int(127), "7f"),
            (Value::Int(128), "cc80"),
            (Value::Int(256), "cd0100"),
            (Value::Int(65536), "ce00010000"),
            (Value::Int(4294967296), "cf0000000100000000"),
            (Value::Int(-1), "ff"),
            (Value::Int(-32), "e0"),
            (Value::Int(-33), "d0df"),
            (Value::Int(-129), "d1ff7f"),
            (Value::Int(-32769), "d2ffff7fff"),
            (Value::Int(-2147483649), "d3ffffffff7fffffff"),
            (Value::Int(i64::MIN), "d38000000000000000"),
            (big("18446744073709551615"), "cfffffffffffffffff"),
            (big("18446744073709551616"), "b43138343436373434303733373039353531363136"),
            (big("-9223372036854775809"), "b42d39323233333732303336383534373735383039"),
            (Value::Float(1.5), "cb3ff8000000000000"),
            (Value::Str("é".into()), "a2c3a9"),
            (Value::Bytes(vec![0xff, 0xfe]), "a2fffe"),
            (Value::List(vec![Value::Int(1), Value::Str("a".into())]), "9201a161"),
            (
                Value::Map(Map::new().with("b", Value::Int(1)).with(Value::Int(2), Value::None)),
                "82a1620102c0",
            ),
            (
                Value::Ext(78, b"20261122T17:40:00.000001".to_vec()),
                "c7184e32303236313132325431373a34303a30302e303030303031",
            ),
        ];
        for (value, wire) in table {
            assert_eq!(hex(&pack(value).unwrap()), *wire, "{value:?}");
        }
    }

    #[test]
    fn long_texts_never_use_the_modern_types() {
        let text = |n: usize| Value::Str("x".repeat(n));
        assert_eq!(pack(&text(31)).unwrap()[0], 0xbf);
        assert_eq!(pack(&text(32)).unwrap()[..3], [0xda, 0, 32]);
        assert_eq!(pack(&text(65536)).unwrap()[..5], [0xdb, 0, 1, 0, 0]);
        assert_eq!(pack_modern(&text(32)).unwrap()[..2], [0xd9, 32]);
        assert_eq!(pack_modern(&Value::Bytes(vec![0; 3])).unwrap(), [0xc4, 3, 0, 0, 0]);
        assert_eq!(pack_modern(&Value::Bytes(vec![0; 256])).unwrap()[..3], [0xc5, 1, 0]);
    }

    #[test]
    fn strings_are_text_where_they_are_utf8() {
        assert_eq!(unpack(b"\xa2\xc3\xa9").unwrap(), Value::Str("é".into()));
        assert_eq!(unpack(b"\xc4\x01a").unwrap(), Value::Str("a".into()));
        assert_eq!(unpack(b"\xa1\xff").unwrap(), Value::Bytes(vec![0xff]));
        let map = unpack_bytes(b"\x81\xa1a\xa1b").unwrap();
        assert_eq!(map.get("a"), Some(&Value::Bytes(b"b".to_vec())));
        assert_eq!(unpack_modern(b"\xc4\x01a").unwrap(), Value::Bytes(b"a".to_vec()));
        assert_eq!(unpack_modern(b"\xa1a").unwrap(), Value::Str("a".into()));
    }

    #[test]
    fn any_scalar_is_a_key_and_containers_are_none() {
        let map = unpack(b"\x84\x01\x02\xc0\x03\xca\x3f\x00\x00\x00\x04\xc2\x05").unwrap();
        let map = map.as_map().unwrap();
        assert_eq!(map.get_key(&Value::Int(1)), Some(&Value::Int(2)));
        assert_eq!(map.get_key(&Value::None), Some(&Value::Int(3)));
        assert_eq!(map.get_key(&Value::Float(0.5)), Some(&Value::Int(4)));
        assert_eq!(map.get_key(&Value::Bool(false)), Some(&Value::Int(5)));
        assert_eq!(unpack(b"\x81\x91\x01\x02"), Err(Error::Key("list")));
        assert_eq!(unpack(b"\x81\x80\x02"), Err(Error::Key("map")));
    }

    #[test]
    fn depth_is_pythons() {
        let nested = |n: usize| [vec![0x91; n - 1], vec![0x90]].concat();
        assert!(unpack(&nested(1024)).is_ok());
        assert_eq!(unpack(&nested(1025)), Err(Error::Depth));
        let value = |n: usize| (0..n).fold(Value::Int(1), |v, _| Value::List(vec![v]));
        assert!(pack(&value(1024)).is_ok());
        assert_eq!(pack(&value(1025)), Err(Error::Depth));
    }

    #[test]
    fn lengths_are_not_believed() {
        for claim in ["\u{0}", ""] {
            for tag in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
                let bytes = [&[tag, 0xff, 0xff, 0xff, 0xff][..], claim.as_bytes()].concat();
                assert_eq!(unpack(&bytes), Err(Error::Truncated), "{tag:x}");
            }
        }
        assert_eq!(unpack(b""), Err(Error::Truncated));
        assert_eq!(unpack(b"\xc1"), Err(Error::Reserved));
        assert_eq!(unpack(b"\x01\x02"), Err(Error::Extra(1)));
    }

    /// Every value that the wire can carry, built of text that is text and bytes that are none.
    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (0u64..=u64::MAX).prop_map(|n| Value::from_big(BigInt::from(n))),
            any::<f64>().prop_filter("NaN is not equal to itself", |x| !x.is_nan()).prop_map(Value::Float),
            "\\PC{0,40}".prop_map(Value::Str),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|mut b| {
                b.push(0xff);
                Value::Bytes(b)
            }),
            (any::<i8>(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(t, b)| Value::Ext(t, b)),
        ];
        let key = scalar.clone();
        scalar.prop_recursive(6, 200, 20, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
                prop::collection::vec((key.clone(), inner), 0..20)
                    .prop_map(|pairs| Value::Map(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(value in values()) {
            prop_assert_eq!(&unpack(&pack(&value).unwrap()).unwrap(), &value);
            prop_assert_eq!(&unpack_modern(&pack_modern(&value).unwrap()).unwrap(), &value);
        }

        #[test]
        fn a_cut_is_noticed(value in values(), cut in 0usize..1000) {
            let bytes = pack(&value).unwrap();
            let cut = cut % bytes.len();
            prop_assert_eq!(unpack(&bytes[..cut]), Err(Error::Truncated));
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(value) = unpack(&bytes) {
                let again = unpack(&pack(&value).unwrap());
                prop_assert!(again.is_ok());
            }
            let _ = unpack_bytes(&bytes);
            let _ = unpack_modern(&bytes);
        }

        #[test]
        fn one_flipped_byte_never_panics(value in values(), at in 0usize..1000, with in any::<u8>()) {
            let mut bytes = pack(&value).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= with;
            let _ = unpack(&bytes);
        }
    }
}
