//! Hashes by the names that Salt gives them.

use std::io::{self, Read, Write};

use salt::{Context, Error, Result, Value};
use sha1::Digest;

/// A kind of hash, as `hash_type` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// `md5`
    Md5,
    /// `sha1`
    Sha1,
    /// `sha224`
    Sha224,
    /// `sha256`
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

impl Hash {
    /// The hash of a name.
    ///
    /// # Errors
    /// [`Error::Invocation`] for a name that is none of these.
    pub fn named(name: &str) -> Result<Hash> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "md5" => Hash::Md5,
            "sha1" => Hash::Sha1,
            "sha224" => Hash::Sha224,
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            "sha512" => Hash::Sha512,
            other => return Err(Error::invocation(format!("Invalid hash type: {other}"))),
        })
    }

    /// The option `hash_type`.
    pub fn configured(cx: &Context) -> String {
        cx.opts().get("hash_type").and_then(Value::as_str).unwrap_or("sha256").to_string()
    }

    /// The hash of bytes in lower-case hex.
    pub fn hex(self, data: &[u8]) -> String {
        self.hex_of_reader(data).unwrap_or_default()
    }

    /// The hash of what a reader gives, in lower-case hex.
    ///
    /// # Errors
    /// What the reader says.
    pub fn hex_of_reader(self, reader: impl Read) -> io::Result<String> {
        match self {
            Hash::Md5 => hex::<md5::Md5>(reader),
            Hash::Sha1 => hex::<sha1::Sha1>(reader),
            Hash::Sha224 => hex::<sha2::Sha224>(reader),
            Hash::Sha256 => hex::<sha2::Sha256>(reader),
            Hash::Sha384 => hex::<sha2::Sha384>(reader),
            Hash::Sha512 => hex::<sha2::Sha512>(reader),
        }
    }
}

fn hex<D: Digest + Write>(mut reader: impl Read) -> io::Result<String> {
    let mut digest = D::new();
    io::copy(&mut reader, &mut digest)?;
    Ok(to_hex(&digest.finalize()))
}

/// Bytes in lower-case hex.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let hex = |name: &str| Hash::named(name).map(|h| h.hex(b"abc"));
        assert_eq!(hex("md5").as_deref(), Ok("900150983cd24fb0d6963f7d28e17f72"));
        assert_eq!(hex("SHA1").as_deref(), Ok("a9993e364706816aba3e25717850c26c9cd0d89d"));
        assert_eq!(
            hex("sha256").as_deref(),
            Ok("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert!(hex("rot13").is_err());
    }
}
