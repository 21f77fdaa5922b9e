//! What a channel has to be told.

use std::path::{Path, PathBuf};
use std::time::Duration;

use salt::Map;

use super::Line;
use crate::crypt::{EncryptionAlgorithm, HashType, SigningAlgorithm};
use crate::transport;

/// The options of a minion that its channel to one master needs, by their names in Salt.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    /// The minion id.
    pub id: String,
    /// One host name or address, without port; an IPv6 address may have its brackets.
    pub master: String,
    /// How the master is talked to.
    pub transport: transport::Kind,
    /// Where the master takes requests.
    pub master_port: u16,
    /// Where the master publishes. None and 4506 (Salt's odd way to say "not set") take what `_auth` says.
    pub publish_port: Option<u16>,
    /// Where the keys are.
    pub pki_dir: PathBuf,
    /// The size of a new key pair in bits.
    pub keysize: usize,
    /// The line of Salt whose habits to copy.
    pub line: Line,
    /// How the master wraps keys for us.
    pub encryption_algorithm: EncryptionAlgorithm,
    /// How the master signs for us.
    pub signing_algorithm: SigningAlgorithm,
    /// How long one `_auth` may take.
    pub auth_timeout: Duration,
    /// How often `_auth` is sent before the master counts as gone.
    pub auth_tries: u32,
    /// How long a request may take (`request_channel_timeout`).
    pub request_timeout: Duration,
    /// How often a request is tried (`request_channel_tries`).
    pub request_tries: u32,
    /// The hash of fingerprints.
    pub hash_type: HashType,
    /// The fingerprint that the master's key must have.
    pub master_finger: Option<String>,
    /// The master's key must be signed by the key `master_sign_key_name`.
    pub verify_master_pubkey_sign: bool,
    /// That signature is checked each time, not only for a new key.
    pub always_verify_signature: bool,
    /// The name of the file in `pki_dir`, without `.pub`, of the key that signs masters' keys.
    pub master_sign_key_name: String,
    /// Publishes must be signed. A signature that is there is checked in any case.
    pub sign_pub_messages: bool,
    /// Sign each load. Masters without `signing_algorithm` in their configuration lose such returns.
    pub minion_sign_messages: bool,
    /// Subscribe to our topics only. The master must filter too.
    pub zmq_filtering: bool,
    /// Grains that are sent with `_auth`, for masters that sign keys by them.
    pub autosign_grains: Option<Map>,
    /// What the transport is told. Identities are filled in by the channel.
    pub network: transport::Config,
}

impl ChannelConfig {
    /// The configuration with Salt's defaults.
    pub fn new(id: impl Into<String>, master: impl Into<String>, pki_dir: impl AsRef<Path>) -> ChannelConfig {
        ChannelConfig {
            id: id.into(),
            master: master.into(),
            transport: transport::Kind::default(),
            master_port: 4506,
            publish_port: None,
            pki_dir: pki_dir.as_ref().to_owned(),
            keysize: 2048,
            line: Line::default(),
            encryption_algorithm: EncryptionAlgorithm::default(),
            signing_algorithm: SigningAlgorithm::default(),
            auth_timeout: Duration::from_secs(5),
            auth_tries: 7,
            request_timeout: Duration::from_secs(60),
            request_tries: 3,
            hash_type: HashType::default(),
            master_finger: None,
            verify_master_pubkey_sign: false,
            always_verify_signature: false,
            master_sign_key_name: "master_sign".into(),
            sign_pub_messages: false,
            minion_sign_messages: false,
            zmq_filtering: false,
            autosign_grains: None,
            network: transport::Config::default(),
        }
    }
}
