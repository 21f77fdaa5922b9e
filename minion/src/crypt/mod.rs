//! The cryptography that a master speaks (`salt/crypt.py`): RSA keys, the AES + HMAC envelope "Crypticle", and
//! fingerprints. No sockets and no protocol.
//!
//! RUSTSEC-2023-0071 ("Marvin") is known and accepted for crate `rsa` 0.9: its private operations leak timing. What
//! is exposed is the OAEP decryption of the session keys and of the pillar's key, to whoever can answer in the
//! master's place, a handful of times a minute, and with one error for every kind of failure; all private operations
//! are blinded. Release 0.10 is the constant-time rewrite; move to it when it is out.

mod algorithm;
mod crypticle;
mod finger;
mod keys;
mod pem;
#[cfg(test)]
pub(crate) mod vectors;
mod x931;

use std::fmt;
use std::path::PathBuf;

pub use algorithm::{EncryptionAlgorithm, SigningAlgorithm};
pub use crypticle::{Crypticle, OpenError};
pub use finger::{HashType, fingerprint};
pub use keys::{MinionKeys, PublicKey, Version};
pub use pem::clean;

pub(crate) use keys::write_file;

/// Something that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps it.
    pub fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The secret itself, for use and not for show.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("**********")
    }
}

/// What can be wrong with keys and with what was made by them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file of the pki directory cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file holds no key.
    #[error("{}: {why}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A text is no key.
    #[error("not an RSA key: {0}")]
    Key(&'static str),
    /// `keysize` is out of the range that the daemon can use.
    #[error("keysize {0} is not supported, use 2048 to 4096")]
    Keysize(usize),
    /// A key is of no use for an operation. Which, is told to nobody.
    #[error("the RSA operation failed")]
    Rsa,
    /// A name that is no algorithm or hash.
    #[error("{0} is not one of {1}")]
    Name(String, &'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let secret = Secret::new("tell nobody");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "********** Some(\n    **********,\n)");
    }
}
