//! What the clones of a session share, and who may change it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared as SharedFuture};
use tokio::sync::watch;
use tokio::time::Instant;

use super::login::{self, Login};
use super::{Config, Secret};
use crate::transport::Transport;
use crate::{Error, Result};

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has logged in yet; the next call does.
    Connecting,
    /// Logged in; calls go straight to the server.
    Live,
    /// The last call did not get through. The login may be alive still: the next answer makes it `Live` again, or
    /// says that it is gone.
    Suspect,
    /// The server has forgotten the login, or a log-in is under way; calls wait for it.
    LoggingIn,
    /// Closed by us, or the password was refused so often that we stopped; calls fail at once.
    Gone,
}

/// A log-in under way, for all who wait for it.
pub type Flight = SharedFuture<BoxFuture<'static, Result<()>>>;

/// What a caller finds.
pub enum Join {
    /// A login to use.
    Live(Arc<Login>),
    /// A log-in to wait for.
    Wait(Flight),
}

/// What the clones of a session share.
#[derive(Debug)]
pub struct Shared {
    pub config: Config,
    pub transport: Transport,
    inner: Mutex<Inner>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Inner {
    epoch: u64,
    login: Option<Arc<Login>>,
    flight: Option<Flight>,
    /// The password that worked last, by its place.
    working: usize,
    /// Passwords refused in a row.
    refusals: usize,
    /// Set when there were too many.
    refused: Option<Error>,
    /// Log-ins in a row that did not reach the server.
    failures: u32,
    not_before: Option<Instant>,
    closed: bool,
    versions: HashMap<&'static str, String>,
}

impl Shared {
    pub fn new(config: Config, transport: Transport) -> Self {
        Self { config, transport, inner: Mutex::default(), state: watch::Sender::new(State::Connecting) }
    }

    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    pub fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub fn epoch(&self) -> u64 {
        self.inner().epoch
    }

    /// The login to use, or the log-in to wait for: the one under way, else one that starts here.
    pub fn join(self: &Arc<Self>) -> Result<Join> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(Error::Closed);
        }
        if let Some(login) = &inner.login {
            return Ok(Join::Live(login.clone()));
        }
        if let Some(flight) = &inner.flight {
            return Ok(Join::Wait(flight.clone()));
        }
        if let Some(refused) = &inner.refused {
            return Err(refused.clone());
        }
        // A task of its own, so that a log-in is not cut off halfway when the one who started it gives up: the
        // server would keep a session that nobody ends.
        let task = tokio::spawn(login::run(self.clone()));
        let flight = async move { task.await.unwrap_or(Err(Error::Closed)) }.boxed().shared();
        inner.flight = Some(flight.clone());
        self.state.send_replace(State::LoggingIn);
        Ok(Join::Wait(flight))
    }

    /// The login `epoch` is dead. Said of an older one, this changes nothing.
    pub fn lost(&self, epoch: u64) {
        let mut inner = self.inner();
        if inner.epoch == epoch && inner.login.take().is_some() {
            inner.versions.clear();
            self.state.send_replace(State::LoggingIn);
            tracing::info!("{} has ended our session; logging in anew", self.transport.endpoint());
        }
    }

    /// A call under the login `epoch` got an answer, or this error.
    pub fn heard(&self, epoch: u64, error: Option<&Error>) {
        let inner = self.inner();
        if inner.epoch != epoch || inner.login.is_none() {
            return;
        }
        let state = match error {
            Some(Error::Transport { .. } | Error::Timeout { .. } | Error::Tls(_)) => State::Suspect,
            _ => State::Live,
        };
        self.state.send_if_modified(|old| std::mem::replace(old, state) != state);
    }

    /// The log-in under way has ended; `Closed` if the session was closed meanwhile, and the login is given back.
    pub fn landed(&self, result: Result<(Login, usize)>) -> Result<(), (Error, Option<Login>)> {
        let mut inner = self.inner();
        inner.flight = None;
        match result {
            Ok((login, _)) if inner.closed => Err((Error::Closed, Some(login))),
            Ok((mut login, working)) => {
                inner.epoch += 1;
                login.epoch = inner.epoch;
                inner.login = Some(Arc::new(login));
                inner.working = working;
                (inner.refusals, inner.failures, inner.not_before, inner.refused) = (0, 0, None, None);
                self.state.send_replace(State::Live);
                Ok(())
            }
            Err(error) => {
                let state = match inner.refused.is_some() || inner.closed {
                    true => State::Gone,
                    false if inner.epoch == 0 => State::Connecting,
                    false => State::LoggingIn,
                };
                self.state.send_replace(state);
                Err((error, None))
            }
        }
    }

    /// The passwords to try, the one that worked last first, each with its place.
    pub fn passwords(&self) -> Vec<(usize, Secret)> {
        let working = self.inner().working;
        let mut passwords: Vec<_> = self.config.credentials.passwords.iter().cloned().enumerate().collect();
        passwords.sort_by_key(|(place, _)| (*place != working, *place));
        passwords
    }

    /// All the passwords were refused. The error to give back, and to remember if there is no trying again.
    pub fn refused(&self, words: &str) -> Error {
        let mut inner = self.inner();
        let passwords = self.config.credentials.passwords.len();
        inner.refusals += passwords;
        let again = inner.refusals + passwords <= self.config.login.refusals;
        let words = words.trim().trim_end_matches('.');
        let reason = match again {
            true => format!("{words}."),
            false => format!("{words}. It is not tried again, so that the account is not locked."),
        };
        let error = Error::Login {
            host: self.transport.endpoint().to_owned(),
            user: self.config.credentials.username.clone(),
            reason,
        };
        if !again {
            inner.refused = Some(error.clone());
        }
        error
    }

    /// The server could not be reached; the next log-in waits.
    pub fn unreached(&self) {
        let mut inner = self.inner();
        let limits = &self.config.login;
        let pause = limits.backoff.saturating_mul(1 << inner.failures.min(16)).min(limits.max_backoff);
        inner.failures = inner.failures.saturating_add(1);
        inner.not_before = Some(Instant::now() + pause.mul_f64(login::jitter()));
    }

    /// When the next log-in may start.
    pub fn not_before(&self) -> Option<Instant> {
        self.inner().not_before
    }

    pub fn is_closed(&self) -> bool {
        self.inner().closed
    }

    pub fn reset(&self) {
        let mut inner = self.inner();
        (inner.refusals, inner.refused) = (0, None);
        if !inner.closed && inner.login.is_none() && inner.flight.is_none() {
            let state = if inner.epoch == 0 { State::Connecting } else { State::LoggingIn };
            self.state.send_replace(state);
        }
    }

    /// Takes the session out of use: the login to end, and the log-in that is still under way.
    pub fn shut(&self) -> (Option<Arc<Login>>, Option<Flight>) {
        let mut inner = self.inner();
        inner.closed = true;
        self.state.send_replace(State::Gone);
        (inner.login.take(), inner.flight.clone())
    }

    /// The version of `service` that was found out under this login.
    pub fn version(&self, service: &str) -> Option<String> {
        self.inner().versions.get(service).cloned()
    }

    pub fn set_version(&self, service: &'static str, version: String) {
        self.inner().versions.insert(service, version);
    }

    /// Nothing panics while it holds the lock; were it so, what is inside is still whole.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
