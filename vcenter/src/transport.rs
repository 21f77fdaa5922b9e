//! HTTPS to a vCenter: trust, timeouts, one pool of connections. The only file of this crate that opens a connection.

use std::path::PathBuf;

/// Whether and how the server's certificate is checked.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The operating system's authorities, and those in a PEM file if one is given. The host name is checked.
    Verify {
        /// A PEM file with more authorities.
        ca_bundle: Option<PathBuf>,
    },
    /// Exactly the certificate with this SHA-1 or SHA-256 fingerprint in hexadecimal, with or without colons.
    Thumbprint(String),
    /// Any certificate at all. Whoever sits in between can read the password.
    Insecure,
}

impl Default for Trust {
    fn default() -> Self {
        Self::Verify { ca_bundle: None }
    }
}
