//! What can go wrong between a minion and its master. The connection decides by it: drop, ask again, authenticate
//! again, or end.

use std::fmt;

use crate::crypt::{self, OpenError};
use crate::transport;

/// An error of the channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The master sent something that is not what the protocol says.
    #[error("cannot understand the master: {0}")]
    Decode(String),
    /// A load cannot be packed.
    #[error("cannot pack the load: {0}")]
    Pack(#[from] salt::msgpack::Error),
    /// A signature of the master is missing or wrong.
    #[error("{0}")]
    Signature(&'static str),
    /// The message answers another request, or was there before.
    #[error("{0}")]
    Replay(&'static str),
    /// The message was made with a key that we do not have, and authenticating again did not help.
    #[error("the message cannot be decrypted with the master's current keys")]
    StaleKey,
    /// The master answered in plain text.
    #[error("the master refuses the request: {0}")]
    Refused(String),
    /// Authenticating did not end in acceptance.
    #[error("{0}")]
    Unauthenticated(AuthOutcome),
    /// There are no keys of the master's yet.
    #[error("not authenticated with the master")]
    SignedOut,
    /// The master did not answer in time.
    #[error("the master did not answer in time")]
    Timeout,
    /// The connection failed.
    #[error("{0}")]
    Transport(transport::Error),
    /// Something is wrong with a key or its file.
    #[error("{0}")]
    Keys(#[from] crypt::Error),
    /// So many published jobs came faster than they were taken, and are lost.
    #[error("{0} published messages were lost, the queue was full")]
    Overflow(u64),
}

impl From<transport::Error> for Error {
    fn from(error: transport::Error) -> Error {
        match error {
            transport::Error::Timeout => Error::Timeout,
            other => Error::Transport(other),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Error {
        match error {
            OpenError::Mac => Error::StaleKey,
            OpenError::Nonce => Error::Replay("the reply carries the nonce of another request"),
            OpenError::Format => Error::Decode(error.to_string()),
        }
    }
}

/// How an `_auth` ended. Displayed as the sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthOutcome {
    /// The key is accepted, and the master proved who it is.
    Accepted {
        /// Where the master publishes.
        publish_port: u16,
        /// The keys are others than before, or the first.
        renewed: bool,
    },
    /// The key waits for `salt-key -a`: ask again after `acceptance_wait_time`.
    Pending,
    /// The key is rejected, or another key holds this id.
    Rejected,
    /// The master serves as many minions as it may (`max_minions`).
    Full,
    /// A clustered master (3008) is not ready: ask again.
    ClusterNotReady,
    /// The master does not know our `encryption_algorithm`: asking again is in vain.
    BadEncryptionAlgorithm,
    /// The master does not know our `signing_algorithm`: asking again is in vain.
    BadSigningAlgorithm,
    /// The master's key is another than the one in `minion_master.pub`: nothing it says is believed.
    MasterKeyChanged,
    /// The master's key is not the one of option `master_finger`.
    FingerMismatch {
        /// `master_finger`.
        expected: String,
        /// The fingerprint of the key that the master sent.
        seen: String,
    },
    /// The signature of the master's key is missing, wrong or unexpected (`verify_master_pubkey_sign`).
    MasterUnverified(&'static str),
}

impl AuthOutcome {
    /// True for [`AuthOutcome::Accepted`].
    pub fn accepted(&self) -> bool {
        matches!(self, AuthOutcome::Accepted { .. })
    }
}

impl fmt::Display for AuthOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthOutcome::Accepted { .. } => f.write_str("the master accepted the key of this minion"),
            AuthOutcome::Pending => f.write_str("the key of this minion waits to be accepted on the master"),
            AuthOutcome::Rejected => f.write_str(
                "the master rejected the key of this minion: delete or accept it there with salt-key",
            ),
            AuthOutcome::Full => f.write_str("the master serves as many minions as max_minions allows"),
            AuthOutcome::ClusterNotReady => f.write_str("the master's cluster is not ready"),
            AuthOutcome::BadEncryptionAlgorithm => {
                f.write_str("the master does not support this minion's encryption_algorithm")
            }
            AuthOutcome::BadSigningAlgorithm => {
                f.write_str("the master does not support this minion's signing_algorithm")
            }
            AuthOutcome::MasterKeyChanged => f.write_str(
                "the master's public key is not the one in minion_master.pub: it may be an impostor; \
                 remove that file only if the master was given a new key on purpose",
            ),
            AuthOutcome::FingerMismatch { expected, seen } => {
                write!(f, "the fingerprint of the master's key is {seen}, master_finger says {expected}")
            }
            AuthOutcome::MasterUnverified(why) => f.write_str(why),
        }
    }
}
