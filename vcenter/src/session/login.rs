//! Logging in and out, and the exchange of one request for one answer.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::patience::{Patience, retry_after};
use super::state::Shared;
use super::{Mechanism, Secret, orphans, token, version};
use crate::schema::VIM25;
use crate::soap::{Header, Request};
use crate::transport::{self, HeaderMap, Method};
use crate::vim::{Args, MoRef, Object, Value};
use crate::{Error, Result};

/// The cookie of a session, whatever the service.
const COOKIE: &str = "vmware_soap_session";

/// How long saying good-bye may take.
const GOODBYE: Duration = Duration::from_secs(10);

/// Answers larger than this are read on a thread that may be kept busy.
const LARGE: usize = 256 * 1024;

/// A login: what the server gave us for it.
#[derive(Debug)]
pub struct Login {
    pub epoch: u64,
    /// `vmware_soap_session="…"`, as it goes into the header.
    cookie: Secret,
    pub version: String,
    pub content: Arc<Object>,
    pub user_session: Arc<Object>,
}

impl Login {
    /// The value of the `Cookie` header.
    pub fn cookie(&self) -> &str {
        self.cookie.reveal()
    }

    #[cfg(test)]
    pub fn for_test(content: Object) -> Self {
        Self {
            epoch: 0,
            cookie: Secret::from("vmware_soap_session=x"),
            version: "6.5".to_owned(),
            content: Arc::new(content),
            user_session: Arc::new(Object::new("UserSession")),
        }
    }

    /// The cookie's bare value, as services beside the vCenter API want it in the envelope.
    pub fn session_id(&self) -> &str {
        let value = self.cookie().split_once('=').map_or("", |(_, value)| value);
        value.trim_matches('"')
    }
}

/// Logs in, as often as the limits allow; the one log-in that is under way.
pub async fn run(shared: Arc<Shared>) -> Result<()> {
    let mut attempt = 0;
    let result = loop {
        if let Some(moment) = shared.not_before() {
            tokio::time::sleep_until(moment).await;
        }
        if shared.is_closed() {
            break Err(Error::Closed);
        }
        attempt += 1;
        let error = match attempt_login(&shared).await {
            Ok(login) => break Ok(login),
            Err(error) => error,
        };
        match error {
            Error::Transport { .. } | Error::Timeout { .. } | Error::Fault(_) | Error::Decode { .. } => {
                let pause = shared.unreached();
                let endpoint = shared.transport.endpoint();
                tracing::warn!(
                    ?pause,
                    "Could not log in to {endpoint}, the next attempt comes after a pause: {error}"
                );
                if attempt >= shared.config.login.attempts {
                    break Err(error);
                }
            }
            error => break Err(error),
        }
    };
    match shared.landed(result) {
        Ok(()) => {
            tracing::info!("Logged in to {}", shared.transport.endpoint());
            if shared.take_strayed() {
                tokio::spawn(orphans::end(shared));
            }
            Ok(())
        }
        Err(landed) => {
            let (error, login) = *landed;
            if let Some(login) = login {
                logout(&shared, &login).await;
            }
            Err(error)
        }
    }
}

/// One attempt: the server's versions and content, then the passwords in order.
async fn attempt_login(shared: &Shared) -> Result<(Login, usize)> {
    let timeout = shared.config.timeouts.request;
    let negotiated = version::negotiate(&shared.transport, VIM25, timeout).await?;
    let mut version = negotiated.clone().unwrap_or_else(|| version::default(VIM25).to_owned());
    let mut cookie = None;
    let instance = MoRef::new("ServiceInstance", "ServiceInstance");
    let request = Request::new(&instance, "RetrieveServiceContent", &Args::new(), &Header::default())?;
    let content = post(shared, &request, &version, &mut cookie, &mut Patience::once(timeout)).await?;
    let content = content.into_object().ok_or_else(|| missing("RetrieveServiceContent", "content"))?;
    if negotiated.is_none() {
        version = version::of_product(content.str("about.apiVersion").unwrap_or_default());
    }
    let manager =
        content.moref("sessionManager").ok_or_else(|| missing("RetrieveServiceContent", "sessionManager"))?;

    let mut words = "there is no password to try".to_owned();
    for (place, password) in shared.passwords() {
        match knock(shared, manager, &password, &version, &mut cookie).await {
            Ok(session) => {
                let cookie = cookie.ok_or_else(|| missing("Login", "session cookie"))?;
                let user_session =
                    Arc::new(session.into_object().unwrap_or_else(|| Object::new("UserSession")));
                let login = Login { epoch: 0, cookie, version, content: Arc::new(content), user_session };
                return Ok((login, place));
            }
            Err(Error::Fault(fault)) if fault.is("InvalidLogin") => words = fault.message().to_owned(),
            Err(Error::Fault(fault)) if fault.is("NoPermission") => {
                return Err(Error::Login {
                    host: shared.transport.endpoint().to_owned(),
                    user: shared.config.credentials.username.clone(),
                    reason: format!("{fault}"),
                });
            }
            Err(error) => {
                if error.is_ambiguous() {
                    shared.strayed();
                }
                return Err(error);
            }
        }
    }
    Err(shared.refused(&words))
}

/// Tries one password; gives the `UserSession`.
async fn knock(
    shared: &Shared,
    manager: &MoRef,
    password: &Secret,
    version: &str,
    cookie: &mut Option<Secret>,
) -> Result<Value> {
    let args = Args::new().set("locale", shared.config.locale.as_str());
    let request = match &shared.config.credentials.mechanism {
        Mechanism::Password => {
            let args =
                args.set("userName", &shared.config.credentials.username).set("password", password.reveal());
            Request::new(manager, "Login", &args, &Header::default())?
        }
        Mechanism::Token { domain } => {
            let token = token::issue(shared, domain, password).await?;
            let header = Header { assertion: Some(token.reveal()), ..Header::default() };
            Request::new(manager, "LoginByToken", &args, &header)?
        }
    };
    post(shared, &request, version, cookie, &mut Patience::once(shared.config.timeouts.request)).await
}

/// Ends the session; waits for a log-in that is under way, since its login must be ended too.
pub async fn close(shared: &Arc<Shared>) {
    let (login, flight) = shared.shut();
    if let Some(login) = login {
        logout(shared, &login).await;
    }
    if let Some(flight) = flight {
        // It logs out by itself when it finds the session closed.
        let _ = tokio::time::timeout(GOODBYE, flight).await;
    }
}

async fn logout(shared: &Shared, login: &Login) {
    let Some(manager) = login.content.moref("sessionManager") else { return };
    let Ok(request) = Request::new(manager, "Logout", &Args::new(), &Header::default()) else { return };
    let mut cookie = Some(login.cookie.clone());
    match post(shared, &request, &login.version, &mut cookie, &mut Patience::once(GOODBYE)).await {
        Ok(_) => tracing::info!("Logged out of {}", shared.transport.endpoint()),
        // The server ends it by itself in time.
        Err(error) => tracing::debug!("Could not log out of {}: {error}", shared.transport.endpoint()),
    }
}

/// Sends `request` under `login` and reads the answer.
pub async fn exchange(
    shared: &Shared,
    request: &Request,
    login: Option<&Login>,
    patience: &mut Patience,
) -> Result<Value> {
    let mut cookie = login.map(|login| login.cookie.clone());
    let version = match (request.service(), login) {
        (VIM25, Some(login)) => login.version.clone(),
        (service, _) => version_of(shared, service).await?,
    };
    let answer = post(shared, request, &version, &mut cookie, patience).await;
    if let Some(login) = login {
        shared.heard(login.epoch, answer.as_ref().err());
    }
    answer
}

/// The version of a service beside the vCenter API; asked for once in a login.
async fn version_of(shared: &Shared, service: &'static str) -> Result<String> {
    if let Some(version) = shared.version(service) {
        return Ok(version);
    }
    let negotiated = version::negotiate(&shared.transport, service, shared.config.timeouts.request).await?;
    let version = negotiated.unwrap_or_else(|| version::default(service).to_owned());
    shared.set_version(service, version.clone());
    Ok(version)
}

/// One POST, and more as long as the server is too busy for it and there is patience. The cookie that goes along is
/// replaced by that of the answer, if there is one.
async fn post(
    shared: &Shared,
    request: &Request,
    version: &str,
    cookie: &mut Option<Secret>,
    patience: &mut Patience,
) -> Result<Value> {
    let name = request.method().name();
    loop {
        let mut http =
            transport::Request::new(Method::POST, version::path(request.service()), patience.left())
                .header("content-type", "text/xml; charset=utf-8")?
                .header("soapaction", &format!("\"urn:{}/{version}\"", request.service()))?
                .body(request.body().to_owned());
        if let Some(cookie) = cookie {
            http = http.header("cookie", cookie.reveal())?;
        }
        let response =
            shared.transport.send(http).await.map_err(|error| named(error, name, patience.whole()))?;
        if let Some(fresh) = session_cookie(response.headers()) {
            *cookie = Some(fresh);
        }
        let status = response.status();
        let said = retry_after(response.headers());
        let kind = content_type(response.headers());
        let body = response.bytes().await.map_err(|error| named(error, name, patience.whole()))?;
        // A fault comes with status 500; other statuses, and other answers, come from what stands in front of the vCenter.
        if matches!(status, 200 | 500) && looks_like_soap(&body) {
            return read(request, body).await;
        }
        if status == 200 {
            return Err(Error::Transport {
                endpoint: shared.transport.endpoint().to_owned(),
                reason: format!("{name} was answered with {kind}, and not by a vCenter"),
                sent: true,
            });
        }
        if status == 503 && patience.again(said).await {
            continue;
        }
        return Err(Error::Transport {
            endpoint: shared.transport.endpoint().to_owned(),
            reason: format!("{name} was answered with HTTP status {status}"),
            // These say that nobody has seen the request who could carry it out.
            sent: !matches!(status, 400..=499 | 502 | 503),
        });
    }
}

async fn read(request: &Request, body: Vec<u8>) -> Result<Value> {
    if body.len() < LARGE {
        return request.answer(&body);
    }
    let request = request.clone();
    let method = request.method().name();
    let reading = tokio::task::spawn_blocking(move || request.answer(&body));
    reading
        .await
        .unwrap_or_else(|error| Err(Error::Decode { method: method.to_owned(), at: error.to_string() }))
}

/// A timeout says which call it was, rather than which URL, and how long the call was waited for with all its attempts.
fn named(error: Error, method: &str, whole: Duration) -> Error {
    match error {
        Error::Timeout { .. } => Error::Timeout { what: method.to_owned(), after: whole },
        Error::Decode { at, .. } => Error::Decode { method: method.to_owned(), at },
        other => other,
    }
}

/// What an answer says it is, in words.
fn content_type(headers: &HeaderMap) -> &'static str {
    let text = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text.split(';').next().unwrap_or_default().trim() {
        "text/html" => "a web page",
        "application/json" => "JSON",
        _ => "something that is no SOAP",
    }
}

fn looks_like_soap(body: &[u8]) -> bool {
    let head = &body[..body.len().min(1024)];
    head.windows(8).any(|window| window == b"Envelope")
}

/// The session's cookie among those that an answer sets, without its attributes.
fn session_cookie(headers: &HeaderMap) -> Option<Secret> {
    let all = headers.get_all("set-cookie");
    let texts = all.iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.filter_map(|text| text.split(';').next()).map(str::trim);
    let mut found = pairs
        .filter(|pair| pair.split_once('=').is_some_and(|(name, value)| name == COOKIE && !value.is_empty()));
    found.next().map(Secret::from)
}

fn missing(method: &str, what: &str) -> Error {
    Error::Decode { method: method.to_owned(), at: format!("there is no {what}") }
}

/// A random factor between a half and one, so that many clients do not come back at the same moment.
pub fn jitter() -> f64 {
    // Each RandomState has its own random keys.
    let random = RandomState::new().build_hasher().finish();
    0.5 + (random >> 11) as f64 / (1u64 << 53) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_cookie_is_told_from_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(session_cookie(&headers), None);
        for text in ["other=1; Path=/", "vmware_soap_session=\"52-aa\"; Path=/; HttpOnly; Secure;"] {
            headers.append("set-cookie", text.parse().unwrap());
        }
        let cookie = session_cookie(&headers).unwrap();
        assert_eq!(cookie.reveal(), "vmware_soap_session=\"52-aa\"");
        let login = Login { cookie, ..Login::for_test(Object::new("ServiceContent")) };
        assert_eq!(login.session_id(), "52-aa");
        assert!(!format!("{login:?}").contains("52-aa"));
    }

    #[test]
    fn jitter_stays_between_a_half_and_one() {
        let all: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(all.iter().all(|it| (0.5..1.0).contains(it)), "{all:?}");
        assert!(all.iter().any(|it| *it != all[0]));
    }
}
