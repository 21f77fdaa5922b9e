//! One login to a vCenter, shared by everybody.

mod config;
mod secret;

use std::time::Duration;

pub use config::{Config, Credentials, LoginLimits, Protocol, Timeouts};
pub use secret::Secret;

use crate::vim::{Args, MoRef, Object, Value};
use crate::{Error, Result};

/// A session: a handle that is cheap to clone; all clones share one login.
#[derive(Clone, Debug)]
pub struct Session {
    config: std::sync::Arc<Config>,
}

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No login has succeeded yet; the next call logs in.
    Connecting,
    /// Logged in; calls go straight to the server.
    Live,
    /// The last call did not get through; the login may be alive still, and the next answer decides.
    Suspect,
    /// A log-in is under way; calls wait for it.
    LoggingIn,
    /// Closed by us, or refused for good; calls fail at once.
    Gone,
}

/// What a call may say about itself besides its arguments.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// The operation's id in the server's logs.
    pub op_id: Option<String>,
    /// How long to wait for the answer, instead of the session's default.
    pub timeout: Option<Duration>,
}

impl Session {
    /// A session that logs in at its first call.
    pub fn new(config: Config) -> Result<Self> {
        Ok(Self { config: std::sync::Arc::new(config) })
    }

    /// Logs in.
    pub async fn connect(config: Config) -> Result<Self> {
        let session = Self::new(config)?;
        session.login().await?;
        Ok(session)
    }

    /// Logs in if nobody is, and waits for it.
    pub async fn login(&self) -> Result<()> {
        Err(Error::Closed)
    }

    /// What the session is configured with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Calls `method` of `object`.
    pub async fn call(&self, object: &MoRef, method: &str, args: impl Into<Args>) -> Result<Value> {
        self.call_with(&CallOptions::default(), object, method, args).await
    }

    /// Calls `method` of `object` under an operation id.
    pub async fn call_as(
        &self,
        op_id: &str,
        object: &MoRef,
        method: &str,
        args: impl Into<Args>,
    ) -> Result<Value> {
        self.call_with(&CallOptions { op_id: Some(op_id.into()), timeout: None }, object, method, args).await
    }

    /// Calls `method` of `object` with options.
    pub async fn call_with(
        &self,
        _options: &CallOptions,
        _object: &MoRef,
        _method: &str,
        _args: impl Into<Args>,
    ) -> Result<Value> {
        Err(Error::Closed)
    }

    /// The server's `ServiceContent`; logs in if needed.
    pub async fn content(&self) -> Result<std::sync::Arc<Object>> {
        Err(Error::Closed)
    }

    /// The service `name` of the `ServiceContent`, as `propertyCollector`.
    pub async fn service(&self, name: &str) -> Result<MoRef> {
        let content = self.content().await?;
        content.moref(name).cloned().ok_or_else(|| Error::Unsupported { what: name.into(), since: None })
    }

    /// The number of the present login; 0 before the first. What lives in the session died if it grew.
    pub fn epoch(&self) -> u64 {
        0
    }

    /// What the session is doing.
    pub fn state(&self) -> State {
        State::Connecting
    }

    /// Reports that the login `epoch` was found dead by other means than a fault, and logs in anew.
    pub async fn not_authenticated(&self, _epoch: u64) -> Result<()> {
        Err(Error::Closed)
    }

    /// Forgets that the password was refused, and allows log-ins again.
    pub fn reset(&self) {}

    /// Logs out and ends the session; calls fail from now on. May be called again.
    pub async fn close(&self) {}
}
