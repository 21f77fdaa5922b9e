//! The vSphere Automation API (JSON over HTTP): what SOAP does not have, such as tags.
//!
//! Its session is one of its own on the server. There is at most one for a [`Session`]: made at the first call, renewed
//! once when the server has forgotten it, ended by [`Session::close`].

mod error;
pub mod library;
pub mod tags;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use tags::Tags;

use crate::session::{Lane, Patience, Reading, Secret, Session, retry_after};
use crate::transport::{Method, Request, Response, Transport};
use crate::{Error, Result};

/// The header that carries the session's id.
const SESSION: &str = "vmware-api-session-id";

/// Where sessions are made: since 7.0.2, and before.
const NEW: &str = "/api/session";
const OLD: &str = "/rest/com/vmware/cis/session";

/// Single reads under way at once.
const READS: usize = 8;

/// How long saying good-bye may take.
const GOODBYE: Duration = Duration::from_secs(10);

/// The Automation API of a vCenter. Cheap to clone; all clones, and all that come from one session, share one login.
#[derive(Clone, Debug)]
pub struct Rest {
    session: Session,
}

/// The place of the one login; who holds the lock makes it, and the others wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot(Arc<Mutex<Place>>);

#[derive(Debug, Default)]
struct Place {
    login: Option<Arc<Login>>,
    /// The user was refused here though not by SOAP: not tried again until there is a new SOAP session.
    refused: Option<(u64, Error)>,
}

#[derive(Debug)]
struct Login {
    id: Secret,
    /// Whether the server has `/api`.
    api: bool,
}

impl Rest {
    /// The Automation API of the vCenter of `session`. Asks nothing yet.
    pub fn new(session: &Session) -> Self {
        Self { session: session.clone() }
    }

    /// Whether the server has the newer paths (`/api/…`, since 7.0.2) besides the older (`/rest/…`). Logs in if needed.
    pub async fn has_api(&self) -> Result<bool> {
        Ok(self.live().await?.api)
    }

    /// Reads. The path is given from the root, with its query: `/rest/vcenter/vm?filter.names=a`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.request(Method::GET, path, None).await
    }

    /// Creates, or carries out an action.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::POST, path, Some(body)).await
    }

    /// Changes some properties.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::PATCH, path, Some(body)).await
    }

    /// Sets all properties.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.request(Method::DELETE, path, None).await
    }

    /// One operation. The answer is what the operation results in (`/rest` puts a `{"value": …}` around it, which is taken
    /// off); `Null` if that is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Api`] if the API refuses it. An answer that says that the service is busy (503) is waited out for a
    /// while; what may have been done is not sent again. A read that is not answered waits, within its time, until the
    /// server is there again.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let timeout = self.session.config().timeouts.request;
        let operation = format!("{method} {}", path.split('?').next().unwrap_or_default());
        // What lists by POST reads.
        let reads = method == Method::GET || path.contains("action=list");
        let lane = if reads { Lane::Read } else { Lane::Write };
        let _turn = self.session.turn(lane, &operation, timeout).await?;
        let mut patience = Patience::new(timeout);
        let mut reading = Reading::new(timeout);
        let mut repeated = false;
        loop {
            let epoch = self.session.epoch();
            let answer = async {
                let login = self.live().await?;
                let mut request = Request::new(method.clone(), path, patience.left())
                    .header("accept", "application/json")?
                    .header(SESSION, login.id.reveal())?;
                if let Some(body) = body {
                    request = request.header("content-type", "application/json")?.body(body.to_string());
                }
                let response = self.session.transport().send(request).await?;
                match response.status() {
                    401 if !repeated => {
                        repeated = true;
                        self.lost(&login).await;
                        Ok(None)
                    }
                    503 if patience.again(retry_after(response.headers())).await => Ok(None),
                    _ => result(&operation, path, response).await.map(Some),
                }
            };
            match answer.await {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error @ Error::Transport { .. }) if reads => {
                    self.session.answers_again(epoch, error, &mut reading).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The present login, or a new one.
    async fn live(&self) -> Result<Arc<Login>> {
        let place = self.session.rest_slot().0.clone().lock_owned().await;
        if self.session.is_closed() {
            return Err(Error::Closed);
        }
        if let Some(login) = &place.login {
            return Ok(login.clone());
        }
        // A task of its own: a log-in that is cut off halfway would leave a session that nobody ends.
        let session = self.session.clone();
        tokio::spawn(log_in(session, place)).await.unwrap_or(Err(Error::Closed))
    }

    /// The server does not know this login any more; nothing happens if there is a newer one.
    async fn lost(&self, login: &Arc<Login>) {
        let mut place = self.session.rest_slot().0.lock().await;
        if place.login.as_ref().is_some_and(|it| Arc::ptr_eq(it, login)) {
            place.login = None;
            tracing::info!(
                "{} has ended our API session; logging in anew",
                self.session.transport().endpoint()
            );
        }
    }
}

async fn log_in(session: Session, mut place: OwnedMutexGuard<Place>) -> Result<Arc<Login>> {
    // By SOAP it is known which password is right, and too many wrong ones lock the account.
    session.login().await?;
    let epoch = session.epoch();
    if let Some((_, error)) = place.refused.as_ref().filter(|(refused_in, _)| *refused_in == epoch) {
        return Err(error.clone());
    }
    let transport = session.transport();
    let timeout = session.config().timeouts.request;
    let version = session.api_version().await?;
    let mut answer = None;
    if is_new(&version) {
        let response = create(&session, NEW, timeout).await?;
        // An ESXi host, or a proxy that does not let it through.
        answer = (response.status() != 404).then_some((response, true));
    }
    let (response, api) = match answer {
        Some(answer) => answer,
        None => (create(&session, OLD, timeout).await?, false),
    };
    let path = if api { NEW } else { OLD };
    let status = response.status();
    let id = match result(&format!("POST {path}"), path, response).await {
        Ok(id) => id,
        Err(Error::Api { .. }) if status == 404 => {
            return Err(Error::Unsupported { what: "the vSphere Automation API".to_owned(), since: None });
        }
        Err(Error::Api { message, .. }) if matches!(status, 401 | 403) => {
            let error = Error::Login {
                host: transport.endpoint().to_owned(),
                user: session.config().credentials.username.clone(),
                reason: message,
            };
            place.refused = Some((epoch, error.clone()));
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let Value::String(id) = id else {
        return Err(Error::Decode {
            method: format!("POST {path}"),
            at: "there is no session id".to_owned(),
        });
    };
    let login = Arc::new(Login { id: Secret::from(id), api });
    place.login = Some(login.clone());
    tracing::debug!("logged in to the API of {}", transport.endpoint());
    Ok(login)
}

async fn create(session: &Session, path: &str, timeout: Duration) -> Result<Response> {
    let user = &session.config().credentials.username;
    let password = session.working_password();
    let pair = format!("{user}:{}", password.reveal());
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let mut patience = Patience::new(timeout);
    loop {
        let request = Request::new(Method::POST, path, patience.left())
            .header("accept", "application/json")?
            .header("authorization", &basic)?;
        let response = session.transport().send(request).await?;
        if response.status() != 503 || !patience.again(retry_after(response.headers())).await {
            return Ok(response);
        }
    }
}

impl Slot {
    /// Ends the login, if there is one; waits for one that is being made.
    pub(crate) async fn end(&self, transport: &Transport) {
        let Some(login) = self.0.lock().await.login.take() else { return };
        let path = if login.api { NEW } else { OLD };
        let ended = match Request::new(Method::DELETE, path, GOODBYE).header(SESSION, login.id.reveal()) {
            Ok(request) => transport.send(request).await.map(drop),
            Err(error) => Err(error),
        };
        // The server ends it by itself in time.
        if let Err(error) = ended {
            tracing::debug!("could not log out of the API of {}: {error}", transport.endpoint());
        }
    }
}

async fn result(operation: &str, path: &str, response: Response) -> Result<Value> {
    let (status, success) = (response.status(), response.is_success());
    let body = response.bytes().await?;
    if !success {
        return Err(error::read(operation, status, &body));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let answer: Value = serde_json::from_slice(&body)
        .map_err(|error| Error::Decode { method: operation.to_owned(), at: format!("no JSON: {error}") })?;
    Ok(match answer {
        Value::Object(mut map) if path.starts_with("/rest/") && map.len() <= 1 => {
            map.remove("value").unwrap_or(Value::Object(map))
        }
        other => other,
    })
}

/// An id as a step of a path, whatever somebody has given for one.
pub(crate) fn escape(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte);
    id.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Reads what has to be read one by one, several at once, in no order; what is gone is left out.
async fn each<T, F: Future<Output = Result<Option<T>>>>(
    ids: &[String],
    read: impl Fn(String) -> F,
) -> Result<Vec<T>> {
    let reads = stream::iter(ids.to_vec()).map(read).buffer_unordered(READS);
    reads.try_filter_map(|read| async move { Ok(read) }).try_collect().await
}

/// Whether a vCenter of this version has `/api`: since 7.0.2.
fn is_new(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let version: (u32, u32, u32) = (next(), next(), next());
    version >= (7, 0, 2)
}

#[cfg(test)]
mod tests;
