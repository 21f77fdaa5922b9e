//! Fingerprints of keys, as `salt-key -f` prints them.

use std::str::FromStr;

use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::Error;

/// Option `hash_type`, as far as it is about keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HashType {
    /// `sha1`
    Sha1,
    /// `sha224`
    Sha224,
    /// `sha256`, the default.
    #[default]
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

impl FromStr for HashType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "sha1" => Ok(HashType::Sha1),
            "sha224" => Ok(HashType::Sha224),
            "sha256" => Ok(HashType::Sha256),
            "sha384" => Ok(HashType::Sha384),
            "sha512" => Ok(HashType::Sha512),
            _ => Err(Error::Name(name.into(), "sha1, sha224, sha256, sha384, sha512")),
        }
    }
}

/// The fingerprint of a PEM text: the hash of its lines between header and footer, each with its line feed, in
/// hexadecimal pairs with colons (`salt.utils.crypt.pem_finger`). Text that is no PEM is hashed as it is.
pub fn fingerprint(pem: &str, hash: HashType) -> String {
    let text = pem.replace("\r\n", "\n");
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.trim().is_empty()).collect();
    let body = match lines.as_slice() {
        [first, body @ .., last]
            if first.trim().starts_with("-----BEGIN") && last.trim().starts_with("-----END") =>
        {
            body.iter().flat_map(|line| [*line, "\n"]).collect::<String>()
        }
        _ => pem.to_owned(),
    };
    let digest = match hash {
        HashType::Sha1 => Sha1::digest(body).to_vec(),
        HashType::Sha224 => Sha224::digest(body).to_vec(),
        HashType::Sha256 => Sha256::digest(body).to_vec(),
        HashType::Sha384 => Sha384::digest(body).to_vec(),
        HashType::Sha512 => Sha512::digest(body).to_vec(),
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
