//! One login to a vCenter, shared by everybody.
//!
//! A [`Session`] logs in at its first call, notices when the server has forgotten the login, and logs in anew: once,
//! however many calls are waiting, and with pauses while the server is away.

mod admission;
mod agent;
mod config;
mod login;
mod orphans;
mod patience;
mod probe;
mod secret;
mod state;
mod token;
mod version;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use admission::Limits;
pub(crate) use admission::{Lane, Turn};
pub(crate) use agent::name as agent_name;
pub use config::{Config, Credentials, LoginLimits, Mechanism, Protocol, Timeouts};
pub(crate) use patience::{Patience, retry_after};
pub use secret::Secret;
pub use state::State;

use crate::rest;
use crate::soap::{Header, Request};
use crate::transport::{self, Response, Transport};
use crate::vim::{Args, MoRef, Object, Value};
use crate::{Error, Result, Work};
use login::Login;
use state::Shared;

/// A session: a handle that is cheap to clone; all clones share one login.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
}

/// What a call may say about itself besides its arguments.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// The operation's id in the server's logs, and that of the task it may make; by default that of the [`Work`] it is part of.
    pub op_id: Option<String>,
    /// How long to wait for the answer, instead of the session's default.
    pub timeout: Option<Duration>,
}

impl CallOptions {
    /// With another time to wait for the answer.
    pub fn timeout(timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..Self::default() }
    }
}

impl Session {
    /// A session that logs in at its first call. Must be made inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the configuration cannot work: an unreadable CA bundle, a host name that is none.
    pub fn new(config: Config) -> Result<Self> {
        let transport = Transport::new(&config)?;
        Ok(Self { shared: Arc::new(Shared::new(config, transport)) })
    }

    /// A session that is logged in.
    pub async fn connect(config: Config) -> Result<Self> {
        let session = Self::new(config)?;
        session.login().await?;
        Ok(session)
    }

    /// Logs in if nobody is, and waits for it.
    pub async fn login(&self) -> Result<()> {
        self.live(self.shared.config.timeouts.request).await.map(drop)
    }

    /// `host:port`
    pub fn endpoint(&self) -> &str {
        self.shared.transport.endpoint()
    }

    /// What the session is configured with.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Calls `method` of `object`, as `PowerOnVM_Task` of a virtual machine.
    ///
    /// A method without a result gives [`Value::Null`], as does one whose result is unset.
    ///
    /// # Errors
    ///
    /// [`Error::Schema`] if a name or type is wrong or an argument is missing, and then nothing was sent. A call that
    /// changes something and may have reached the server is not sent again, unless the server refused it because nobody
    /// was logged in. A read that is not answered waits, within its time, until the server is there again.
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
        let options = CallOptions { op_id: Some(op_id.to_owned()), timeout: None };
        self.call_with(&options, object, method, args).await
    }

    /// Calls `method` of `object` with options.
    pub async fn call_with(
        &self,
        options: &CallOptions,
        object: &MoRef,
        method: &str,
        args: impl Into<Args>,
    ) -> Result<Value> {
        let args = args.into();
        let timeout = options.timeout.unwrap_or(self.shared.config.timeouts.request);
        let op_id = options.op_id.clone().or_else(|| Work::current().map(|work| work.id().to_owned()));
        // Wrong names are found before anything is asked of the server, the login included.
        let lane = Lane::of(object.kind(), method);
        // An id that many calls share names no task.
        let activation_id = options.op_id.as_deref().filter(|_| lane == Lane::Write);
        let header = Header { op_id: op_id.as_deref(), activation_id, ..Header::default() };
        let mut request = Request::new(object, method, &args, &header)?;
        let _turn = self.turn(lane, method, timeout).await?;
        let mut patience = lane.patience(timeout);
        let mut reading = Reading::new(timeout);
        let mut repeated = false;
        loop {
            let login = match self.live(timeout.min(self.shared.config.timeouts.request)).await {
                Err(error) if lane == Lane::Read && self.epoch() > 0 && reading.goes_on(&error) => continue,
                login => login?,
            };
            if request.service() != crate::schema::VIM25 {
                let header = Header { cookie: Some(login.session_id()), ..header };
                request = Request::new(object, method, &args, &header)?;
            }
            let answer = login::exchange(&self.shared, &request, Some(&login), &mut patience).await;
            match answer {
                Err(Error::Fault(fault)) if fault.is("NotAuthenticated") => {
                    self.shared.lost(login.epoch);
                    if repeated {
                        return Err(Error::Fault(fault));
                    }
                    // The server refused it, so it was not carried out.
                    repeated = true;
                }
                Err(Error::Fault(fault)) if admission::is_refusal(&fault) && patience.again(None).await => {
                    tracing::debug!("{method} was refused for now: {fault}");
                }
                Err(error @ Error::Transport { .. }) if lane == Lane::Read => {
                    self.answers_again(login.epoch, error, &mut reading).await?;
                }
                Err(Error::Fault(fault)) if fault.is("MethodNotFound") => {
                    let since = request.method().since().text();
                    let since = (!since.is_empty()).then(|| since.to_owned());
                    return Err(Error::Unsupported { what: method.to_owned(), since });
                }
                answer => return answer,
            }
        }
    }

    /// Asks the server's HTTP interface (files of datastores, screenshots) with the session's cookie.
    pub async fn http(&self, request: transport::Request) -> Result<Response> {
        let login = self.live(self.shared.config.timeouts.request).await?;
        let request = request.header("cookie", login.cookie())?;
        let answer = self.shared.transport.send(request).await;
        self.shared.heard(login.epoch, answer.as_ref().err());
        answer
    }

    /// The server's `ServiceContent`; logs in if needed.
    pub async fn content(&self) -> Result<Arc<Object>> {
        Ok(self.live(self.shared.config.timeouts.request).await?.content.clone())
    }

    /// The service `name` of the `ServiceContent`, as `propertyCollector`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if this server has no such service, as an ESXi host lacks some.
    pub async fn service(&self, name: &str) -> Result<MoRef> {
        let content = self.content().await?;
        content.moref(name).cloned().ok_or_else(|| Error::Unsupported { what: name.to_owned(), since: None })
    }

    /// The `UserSession` of the present login, with `key`, `userName` and `loginTime`; logs in if needed.
    pub async fn user_session(&self) -> Result<Arc<Object>> {
        Ok(self.live(self.shared.config.timeouts.request).await?.user_session.clone())
    }

    /// The version of the vCenter API that is spoken, as `8.0.2.0`; logs in if needed.
    pub async fn api_version(&self) -> Result<String> {
        Ok(self.live(self.shared.config.timeouts.request).await?.version.clone())
    }

    /// The number of the present or last login; 0 before the first. What lived in the session (filters, views,
    /// history collectors) died if it grew.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch()
    }

    /// What the session is doing.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// What the session is doing, and every change of it.
    pub fn states(&self) -> tokio::sync::watch::Receiver<State> {
        self.shared.states()
    }

    /// Reports that the login `epoch` was found dead by other means than a fault (a property collector tells it in
    /// `missingSet`), and waits for a new one. Nothing is done if there has been a new one since.
    pub async fn not_authenticated(&self, epoch: u64) -> Result<()> {
        self.shared.lost(epoch);
        self.login().await
    }

    /// Forgets that the password was refused, and allows log-ins again.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Whether the server has refused the passwords so often that they are not tried any more.
    pub fn is_refused(&self) -> bool {
        self.shared.is_refused()
    }

    /// Replaces the passwords, which are tried in this order at the next log-in. The login there is stays as it is; the
    /// one that worked last is still tried first if it is among them. Log-ins that had been given up are allowed again.
    pub fn set_passwords(&self, passwords: Vec<Secret>) {
        self.shared.set_passwords(passwords);
    }

    /// Whether a login with these passwords would be the one that this session has: one of them is the password that
    /// worked last, or would be tried first.
    pub fn knows(&self, passwords: &[Secret]) -> bool {
        passwords.contains(&self.working_password())
    }

    /// Logs out and ends the session, with that of the Automation API; calls fail from now on. May be called again.
    pub async fn close(&self) {
        login::close(&self.shared).await;
        self.shared.rest.end(&self.shared.transport).await;
    }

    /// Waits until it is `what`'s turn; holds a place in its lane until it is dropped.
    pub(crate) async fn turn(&self, lane: Lane, what: &str, timeout: Duration) -> Result<Turn> {
        self.shared.admission.turn(lane, what, timeout).await
    }

    /// After a read under the login `epoch` that got no answer: waits until the server is there again, or gives the
    /// error back when the read's time is over.
    pub(crate) async fn answers_again(&self, epoch: u64, error: Error, reading: &mut Reading) -> Result<()> {
        if !reading.again() {
            return Err(error);
        }
        tracing::debug!(%error, "a read was not answered, waiting for {}", self.shared.transport.endpoint());
        while let Some(probe) = self.shared.silent(epoch) {
            match tokio::time::timeout_at(reading.deadline, probe).await {
                Ok(Ok(())) => break,
                Ok(Err(still)) if reading.goes_on(&still) => {}
                Ok(Err(other)) => return Err(other),
                Err(_) => return Err(error),
            }
        }
        Ok(())
    }

    /// The same for a task on a host's virtual machines; to be waited for before the lane of the tasks.
    pub(crate) async fn host_turn(&self, host: &str, what: &str, timeout: Duration) -> Result<Turn> {
        self.shared.admission.host_turn(host, what, timeout).await
    }

    /// The way to the server, for what is no call.
    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    /// The place of the Automation API's login.
    pub(crate) fn rest_slot(&self) -> &rest::Slot {
        &self.shared.rest
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// The password that worked last.
    pub(crate) fn working_password(&self) -> Secret {
        self.shared.passwords().into_iter().next().map_or_else(|| Secret::from(""), |(_, password)| password)
    }

    /// The present login, or a new one if there is none.
    async fn live(&self, patience: Duration) -> Result<Arc<Login>> {
        let waiting = async {
            loop {
                match self.shared.join()? {
                    state::Join::Live(login) => return Ok(login),
                    state::Join::Wait(flight) => flight.await?,
                }
            }
        };
        match tokio::time::timeout(patience, waiting).await {
            Ok(login) => login,
            Err(_) => {
                let reason = format!("the log-in was not answered within {} s", patience.as_secs_f32());
                // It was not this call that was sent.
                Err(Error::Transport {
                    endpoint: self.shared.transport.endpoint().to_owned(),
                    reason,
                    sent: false,
                })
            }
        }
    }
}

/// How long a read goes on while the server gives no answer.
#[derive(Debug)]
pub(crate) struct Reading {
    deadline: Instant,
    /// How often it may still be read anew: where other questions are answered, it may be this one that cannot be.
    left: u32,
}

impl Reading {
    /// One that may take `timeout` in all.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, left: 3 }
    }

    fn again(&mut self) -> bool {
        let again = self.left > 0 && Instant::now() < self.deadline;
        self.left = self.left.saturating_sub(1);
        again
    }

    /// Whether this error may pass in the time that is left.
    fn goes_on(&self, error: &Error) -> bool {
        error.recovery() == crate::Recovery::Retry && Instant::now() < self.deadline
    }
}

#[cfg(test)]
mod tests;
