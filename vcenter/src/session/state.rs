//! What the clones of a session share, and who may change it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared as SharedFuture};
use tokio::sync::watch;
use tokio::time::Instant;

use super::admission::Admission;
use super::login::{self, Login};
use super::{Config, Secret, probe};
use crate::rest;
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
    /// says that it is gone. Who reads waits for that; one of them asks.
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
    /// The Automation API's login, which comes and goes by itself.
    pub rest: rest::Slot,
    /// Who may go ahead.
    pub admission: Admission,
    inner: Mutex<Inner>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Inner {
    epoch: u64,
    login: Option<Arc<Login>>,
    flight: Option<Flight>,
    /// Somebody asks a silent server whether it is there again.
    probe: Option<Flight>,
    /// The passwords to try; those of the configuration until they are replaced.
    passwords: Vec<Secret>,
    /// The password that worked last, by its place.
    working: usize,
    /// Passwords refused in a row.
    refusals: usize,
    /// Set when there were too many.
    refused: Option<Error>,
    /// Log-ins in a row that did not reach the server.
    failures: u32,
    not_before: Option<Instant>,
    /// A log-in was sent and not answered: the server may hold a session that nobody knows of.
    strayed: bool,
    closed: bool,
    versions: HashMap<&'static str, String>,
}

impl Shared {
    pub fn new(config: Config, transport: Transport) -> Self {
        Self {
            admission: Admission::new(config.limits),
            inner: Mutex::new(Inner { passwords: config.credentials.passwords.clone(), ..Inner::default() }),
            config,
            transport,
            rest: rest::Slot::default(),
            state: watch::Sender::new(State::Connecting),
        }
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

    /// A read under the login `epoch` got no answer: what to wait for before reading again, the question under way or one
    /// that starts here. None if nothing needs to be found out, since the login is another one by now.
    pub fn silent(self: &Arc<Self>, epoch: u64) -> Option<Flight> {
        let mut inner = self.inner();
        let login = inner.login.clone().filter(|login| login.epoch == epoch)?;
        if let Some(probe) = &inner.probe {
            return Some(probe.clone());
        }
        let (shared, asked) = (self.clone(), probe::run(self.clone(), login));
        let asking = tokio::spawn(async move {
            let answer = asked.await;
            shared.inner().probe = None;
            answer
        });
        let probe = async move { asking.await.unwrap_or(Err(Error::Closed)) }.boxed().shared();
        inner.probe = Some(probe.clone());
        Some(probe)
    }

    /// The log-in under way has ended; `Closed` if the session was closed meanwhile, and the login is given back.
    pub fn landed(&self, result: Result<(Login, usize)>) -> Result<(), Box<(Error, Option<Login>)>> {
        let mut inner = self.inner();
        inner.flight = None;
        match result {
            Ok((login, _)) if inner.closed => Err(Box::new((Error::Closed, Some(login)))),
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
                Err(Box::new((error, None)))
            }
        }
    }

    /// A log-in was sent, and its answer was lost.
    pub fn strayed(&self) {
        self.inner().strayed = true;
    }

    /// Whether sessions may be there that nobody holds, to be told once: before the first log-in, and after a lost one.
    pub fn take_strayed(&self) -> bool {
        let mut inner = self.inner();
        std::mem::take(&mut inner.strayed) || inner.epoch == 1
    }

    /// The passwords to try, the one that worked last first, each with its place.
    pub fn passwords(&self) -> Vec<(usize, Secret)> {
        let inner = self.inner();
        let mut passwords: Vec<_> = inner.passwords.iter().cloned().enumerate().collect();
        passwords.sort_by_key(|(place, _)| (*place != inner.working, *place));
        passwords
    }

    /// Other passwords from the next log-in on; the login there is stays. What was refused before is forgotten.
    pub fn set_passwords(&self, passwords: Vec<Secret>) {
        let mut inner = self.inner();
        let working = inner.passwords.get(inner.working);
        inner.working = working.and_then(|old| passwords.iter().position(|new| new == old)).unwrap_or(0);
        inner.passwords = passwords;
        drop(inner);
        self.reset();
    }

    /// Whether the server has refused the passwords so often that they are not tried any more.
    pub fn is_refused(&self) -> bool {
        self.inner().refused.is_some()
    }

    /// All the passwords were refused. The error to give back, and to remember if there is no trying again.
    pub fn refused(&self, words: &str) -> Error {
        let mut inner = self.inner();
        let passwords = inner.passwords.len();
        inner.refusals += passwords;
        let again = inner.refusals + passwords <= self.config.login.refusals;
        let words = words.trim().trim_end_matches('.');
        let reason = match again {
            true => words.to_owned(),
            false => format!("{words}. It is not tried again, so that the account is not locked"),
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

    /// The server could not be reached; the next log-in waits, for how long is told.
    pub fn unreached(&self) -> Duration {
        let mut inner = self.inner();
        let limits = &self.config.login;
        let longest = limits.backoff.saturating_mul(1 << inner.failures.min(16)).min(limits.max_backoff);
        let pause = longest.mul_f64(login::jitter());
        inner.failures = inner.failures.saturating_add(1);
        inner.not_before = Some(Instant::now() + pause);
        pause
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Credentials, Protocol};
    use crate::vim::Object;

    fn shared(passwords: &[&str], refusals: usize) -> Arc<Shared> {
        let passwords = passwords.iter().map(|text| Secret::from(*text)).collect();
        let mut config = Config::new("vc", Credentials { passwords, ..Credentials::new("root", "") });
        config.protocol = Protocol::Http;
        config.login.refusals = refusals;
        let transport = Transport::new(&config).unwrap();
        Arc::new(Shared::new(config, transport))
    }

    fn login() -> Login {
        Login::for_test(Object::new("ServiceContent"))
    }

    fn timeout() -> Error {
        Error::Timeout { what: "CurrentTime".into(), after: Duration::from_secs(1) }
    }

    #[test]
    fn a_login_lives_until_it_is_lost() {
        let shared = shared(&["a"], 3);
        assert_eq!((shared.state(), shared.epoch()), (State::Connecting, 0));
        shared.landed(Ok((login(), 0))).unwrap();
        assert_eq!((shared.state(), shared.epoch()), (State::Live, 1));
        let Ok(Join::Live(first)) = shared.join() else { panic!("a login") };
        assert_eq!(first.epoch, 1);
        shared.set_version("vsan", "8.0.0.1".into());
        shared.lost(1);
        assert_eq!((shared.state(), shared.version("vsan")), (State::LoggingIn, None));
        shared.landed(Ok((login(), 0))).unwrap();
        assert_eq!((shared.state(), shared.epoch()), (State::Live, 2));
        // Somebody who still speaks of the first login changes nothing.
        shared.lost(1);
        shared.heard(1, Some(&timeout()));
        assert_eq!((shared.state(), shared.epoch()), (State::Live, 2));
    }

    #[test]
    fn silence_is_suspicious_and_an_answer_is_not() {
        let shared = shared(&["a"], 3);
        shared.heard(0, Some(&timeout()));
        assert_eq!(shared.state(), State::Connecting);
        shared.landed(Ok((login(), 0))).unwrap();
        shared.heard(1, Some(&timeout()));
        assert_eq!(shared.state(), State::Suspect);
        assert!(matches!(shared.join(), Ok(Join::Live(_))), "the cookie may be good still");
        shared.heard(1, Some(&Error::Fault(crate::Fault::new("no", Object::new("NoPermission")))));
        assert_eq!(shared.state(), State::Live);
    }

    #[tokio::test]
    async fn all_who_come_wait_for_one_log_in() {
        let shared = shared(&["a"], 3);
        let Ok(Join::Wait(first)) = shared.join() else { panic!("a log-in") };
        let Ok(Join::Wait(second)) = shared.join() else { panic!("the same log-in") };
        assert!(first.ptr_eq(&second));
        assert_eq!(shared.state(), State::LoggingIn);
        shared.shut();
        assert!(matches!(first.await, Err(Error::Closed)));
        assert!(matches!(second.await, Err(Error::Closed)));
        assert!(matches!(shared.join(), Err(Error::Closed)));
        assert_eq!(shared.state(), State::Gone);
    }

    #[test]
    fn the_password_that_worked_is_tried_first() {
        let shared = shared(&["a", "b", "c"], 3);
        let order = |shared: &Shared| shared.passwords().iter().map(|(place, _)| *place).collect::<Vec<_>>();
        assert_eq!(order(&shared), [0, 1, 2]);
        shared.landed(Ok((login(), 1))).unwrap();
        assert_eq!(order(&shared), [1, 0, 2]);
        // It is known again in another list.
        shared.set_passwords(vec!["x".into(), "y".into(), "b".into()]);
        assert_eq!(order(&shared), [2, 0, 1]);
        assert_eq!(shared.state(), State::Live, "a login that lives needs no password");
    }

    #[test]
    fn a_refused_password_is_not_tried_until_the_account_is_locked() {
        let refuse = |shared: &Shared| {
            let error = shared.refused("Cannot complete login.");
            shared.landed(Err(error.clone())).unwrap_err();
            error.to_string()
        };
        let one = shared(&["a"], 3);
        assert!(!refuse(&one).contains("not tried again"));
        assert!(!refuse(&one).contains("not tried again"));
        assert_eq!(one.state(), State::Connecting);
        let last = refuse(&one);
        assert!(last.contains("'root': Cannot complete login. It is not tried again"), "{last}");
        assert_eq!(one.state(), State::Gone);
        assert_eq!(one.join().map(|_| ()).unwrap_err().to_string(), last);
        one.reset();
        assert_eq!(one.state(), State::Connecting);
        assert!(!refuse(&one).contains("not tried again"));
        // Other passwords are tried at once.
        refuse(&one);
        assert!(one.is_refused() || refuse(&one).contains("not tried again"));
        one.set_passwords(vec!["b".into()]);
        assert!(!one.is_refused() && one.passwords() == [(0, "b".into())]);
        // Two passwords are two refusals each time.
        assert!(refuse(&shared(&["a", "b"], 3)).contains("not tried again"));
        assert!(!refuse(&shared(&["a", "b"], 4)).contains("not tried again"));
        // A success starts the count anew.
        let one = shared(&["a"], 2);
        refuse(&one);
        one.landed(Ok((login(), 0))).unwrap();
        one.lost(1);
        assert!(!refuse(&one).contains("not tried again"));
    }

    #[test]
    fn the_pauses_grow_and_end() {
        let shared = shared(&["a"], 3);
        let within = |pause: Duration, longest: u64| {
            let longest = Duration::from_millis(longest);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?} of {longest:?}");
        };
        for longest in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            within(shared.unreached(), longest);
        }
        (0..40).for_each(|_| within(shared.unreached(), 30_000));
        assert!(shared.not_before().is_some());
        shared.landed(Ok((login(), 0))).unwrap();
        assert_eq!(shared.not_before(), None);
    }

    #[test]
    fn a_login_that_comes_after_the_end_is_given_back() {
        let shared = shared(&["a"], 3);
        shared.shut();
        let (error, login) = *shared.landed(Ok((login(), 0))).unwrap_err();
        assert!(matches!(error, Error::Closed) && login.is_some());
        assert_eq!((shared.state(), shared.epoch()), (State::Gone, 0));
    }
}
