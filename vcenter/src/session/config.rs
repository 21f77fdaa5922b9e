use std::time::Duration;

use super::{Limits, Secret};
use crate::transport::Trust;

/// Where a vCenter is and how to log in.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host name or address; no port.
    pub host: String,
    /// TCP port; 443 by default.
    pub port: u16,
    /// `https` or `http`.
    pub protocol: Protocol,
    /// Who logs in.
    pub credentials: Credentials,
    /// How the server's certificate is checked.
    pub trust: Trust,
    /// The product that asks, as `product/1.0 (instance)`; shown by vCenter in its list of sessions, with marks of this
    /// machine and process behind the instance. By these, a process ends at its first log-in the sessions that earlier
    /// ones of the same instance on this machine have left behind when they were killed.
    pub user_agent: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How often to try to log in.
    pub login: LoginLimits,
    /// How much is asked of the server at once.
    pub limits: Limits,
    /// The language of the server's messages, as `en_US`.
    pub locale: String,
    /// The largest answer to read, in bytes.
    pub max_body: u64,
}

impl Config {
    /// The configuration for `host`, everything else at its default.
    pub fn new(host: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            host: host.into(),
            port: 443,
            protocol: Protocol::Https,
            credentials,
            trust: Trust::default(),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).into(),
            timeouts: Timeouts::default(),
            login: LoginLimits::default(),
            limits: Limits::default(),
            locale: "en_US".into(),
            max_body: 512 * 1024 * 1024,
        }
    }

    /// Whether both are about the same server, whatever they trust. Host names know no capitals.
    pub fn same_server(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && self.protocol == other.protocol
    }

    /// Whether both log in to the same server as the same user and trust the same certificates: a session of the one
    /// serves the other, if the password fits. User names know no capitals with vCenter.
    pub fn same_target(&self, other: &Self) -> bool {
        self.same_server(other)
            && self.trust == other.trust
            && self.credentials.mechanism == other.credentials.mechanism
            && self.credentials.username.to_lowercase() == other.credentials.username.to_lowercase()
    }
}

/// HTTP with or without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// With TLS.
    #[default]
    Https,
    /// Without; for a simulator or a proxy that adds TLS.
    Http,
}

/// A user and the passwords to try, in order. The one that worked is tried first the next time.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user, as `administrator@vsphere.local`.
    pub username: String,
    /// The passwords to begin with; at least one.
    pub passwords: Vec<Secret>,
    /// How they are used.
    pub mechanism: Mechanism,
}

/// How a user logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// With the name and a password (`SessionManager.Login`).
    #[default]
    Password,
    /// With a SAML bearer token that the vCenter's security token service gives for the name and a password
    /// (`SessionManager.LoginByToken`).
    Token {
        /// The domain of the Single Sign-On, `vsphere.local` unless it was named otherwise.
        domain: String,
    },
}

impl Credentials {
    /// A user and one password.
    pub fn new(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self { username: username.into(), passwords: vec![password.into()], mechanism: Mechanism::Password }
    }
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// To make the connection, TLS included.
    pub connect: Duration,
    /// For an answer, unless the call says otherwise.
    pub request: Duration,
    /// How long one wait for changes of the inventory lasts if there are none. Short enough for what lies between, such
    /// as firewalls, not to take the connection for dead, and to notice where a wait outlives its session.
    pub updates: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            request: Duration::from_secs(120),
            updates: Duration::from_secs(30),
        }
    }
}

/// How often to try to log in.
#[derive(Clone, Copy, Debug)]
pub struct LoginLimits {
    /// Passwords that the server may refuse in a row before we stop, so that the account is not locked. All the
    /// passwords are tried at least once. vCenter's own default locks an account at the fifth within three minutes.
    pub refusals: usize,
    /// Attempts in a row while the server cannot be reached, before those who wait are given the error.
    pub attempts: usize,
    /// The pause after the first failed attempt; it doubles with each, with jitter.
    pub backoff: Duration,
    /// The longest pause.
    pub max_backoff: Duration,
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self {
            refusals: 3,
            attempts: 4,
            backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
        }
    }
}
