//! The algorithms that a minion may name to its master.

use std::fmt;
use std::str::FromStr;

use super::Error;

/// Option `encryption_algorithm`: how keys are wrapped for us. The hash is that of MGF1 too; the label is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptionAlgorithm {
    /// `OAEP-SHA1`, the default of all masters.
    #[default]
    OaepSha1,
    /// `OAEP-SHA224`, for masters in FIPS mode.
    OaepSha224,
}

/// Option `signing_algorithm`: how the master signs for us, and we for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningAlgorithm {
    /// `PKCS1v15-SHA1`, the default of all masters.
    #[default]
    Pkcs1v15Sha1,
    /// `PKCS1v15-SHA224`, for masters in FIPS mode.
    Pkcs1v15Sha224,
}

impl EncryptionAlgorithm {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            EncryptionAlgorithm::OaepSha1 => "OAEP-SHA1",
            EncryptionAlgorithm::OaepSha224 => "OAEP-SHA224",
        }
    }
}

impl SigningAlgorithm {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::Pkcs1v15Sha1 => "PKCS1v15-SHA1",
            SigningAlgorithm::Pkcs1v15Sha224 => "PKCS1v15-SHA224",
        }
    }
}

impl FromStr for EncryptionAlgorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "OAEP-SHA1" => Ok(EncryptionAlgorithm::OaepSha1),
            "OAEP-SHA224" => Ok(EncryptionAlgorithm::OaepSha224),
            other => Err(Error::Name(other.into(), "OAEP-SHA1, OAEP-SHA224")),
        }
    }
}

impl FromStr for SigningAlgorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "PKCS1v15-SHA1" => Ok(SigningAlgorithm::Pkcs1v15Sha1),
            "PKCS1v15-SHA224" => Ok(SigningAlgorithm::Pkcs1v15Sha224),
            other => Err(Error::Name(other.into(), "PKCS1v15-SHA1, PKCS1v15-SHA224")),
        }
    }
}

impl fmt::Display for EncryptionAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["OAEP-SHA1", "OAEP-SHA224"] {
            assert_eq!(name.parse::<EncryptionAlgorithm>().unwrap().to_string(), name);
        }
        for name in ["PKCS1v15-SHA1", "PKCS1v15-SHA224"] {
            assert_eq!(name.parse::<SigningAlgorithm>().unwrap().to_string(), name);
        }
        let told = "OAEP-SHA256".parse::<EncryptionAlgorithm>().unwrap_err();
        assert_eq!(told.to_string(), "OAEP-SHA256 is not one of OAEP-SHA1, OAEP-SHA224");
    }
}
