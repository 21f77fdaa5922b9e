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
mod tests;
