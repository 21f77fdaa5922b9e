//! HTTPS to a vCenter: trust, timeouts, one pool of connections. The only file of this crate that opens a connection.

mod trust;

use std::error::Error as _;
use std::io;
use std::time::Duration;

pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Body, Method};
pub use trust::Trust;

use crate::session::{self, Config, Protocol};
use crate::{Error, Result};
use trust::Untrusted;

/// How long an unused connection is kept. Proxies in front of vCenter close theirs after a minute or more; a request
/// on a connection that is just being closed would fail, and must not be sent again.
const IDLE: Duration = Duration::from_secs(45);

/// TCP probes, so that a wait of minutes notices a server that has vanished.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The way to one server.
#[derive(Clone, Debug)]
pub struct Transport {
    client: reqwest::Client,
    base: String,
    endpoint: String,
    /// How we are called in the server's list of sessions.
    agent: String,
    connect: Duration,
    max_body: u64,
}

/// A request: what is asked, of which path, and how long it may take.
#[derive(Debug)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: Method,
    /// The path from the root, with its query.
    pub path: String,
    /// Headers besides those of HTTP itself.
    pub headers: HeaderMap,
    /// What is sent; may be a stream.
    pub body: Body,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, path: impl Into<String>, timeout: Duration) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Body::default(), timeout }
    }

    /// With a header. The values are ours; one that HTTP cannot carry is an error.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            Error::Schema(format!("the header {name} holds a character that HTTP cannot carry"))
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }
}

/// An answer whose head has come; its body may still be on the way.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    what: String,
    endpoint: String,
    timeout: Duration,
    max_body: u64,
}

impl Transport {
    /// The way to the server of `config`. Reads the certificates to trust; connects to nothing yet.
    pub fn new(config: &Config) -> Result<Self> {
        // An IPv6 address is bracketed in a URL.
        let host = match config.host.contains(':') && !config.host.starts_with('[') {
            true => format!("[{}]", config.host),
            false => config.host.clone(),
        };
        let endpoint = format!("{host}:{}", config.port);
        let scheme = match config.protocol {
            Protocol::Https => "https",
            Protocol::Http => "http",
        };
        let broken = |error: reqwest::Error| Error::Transport {
            endpoint: endpoint.clone(),
            reason: chain(&error),
            sent: false,
        };
        let base = format!("{scheme}://{endpoint}");
        reqwest::Url::parse(&base).map_err(|error| Error::Transport {
            endpoint: endpoint.clone(),
            reason: format!("'{}' is no host name: {error}", config.host),
            sent: false,
        })?;
        let agent = session::agent_name(&config.user_agent);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::client(&config.trust, &endpoint)?)
            .user_agent(&agent)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // What has been sent may have been done: whether to ask again is for those to decide who know.
            .retry(reqwest::retry::never())
            .connect_timeout(config.timeouts.connect)
            .pool_idle_timeout(IDLE)
            .tcp_keepalive(KEEPALIVE)
            .build()
            .map_err(broken)?;
        Ok(Self {
            client,
            base,
            endpoint,
            agent,
            connect: config.timeouts.connect,
            max_body: config.max_body,
        })
    }

    /// `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How we are called in the server's list of sessions.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// Sends `request` and waits for the head of the answer, whatever its status.
    pub async fn send(&self, request: Request) -> Result<Response> {
        let Request { method, path, headers, body, timeout } = request;
        let what = format!("{method} {}{path}", self.base);
        let sent = self
            .client
            .request(method, format!("{}{path}", self.base))
            .headers(headers)
            .body(body)
            .timeout(timeout)
            .send()
            .await;
        match sent {
            Ok(inner) => Ok(Response {
                inner,
                what,
                endpoint: self.endpoint.clone(),
                timeout,
                max_body: self.max_body,
            }),
            Err(error) => Err(explain(
                &error,
                &self.endpoint,
                &what,
                if error.is_connect() { self.connect } else { timeout },
            )),
        }
    }
}

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        self.inner.status().is_success()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let chunk = self.inner.chunk().await;
        chunk
            .map(|some| some.map(|bytes| bytes.to_vec()))
            .map_err(|error| explain(&error, &self.endpoint, &self.what, self.timeout))
    }

    /// The whole body, if it is not larger than the configuration allows.
    pub async fn bytes(mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.inner.chunk().await;
            let chunk = chunk.map_err(|error| explain(&error, &self.endpoint, &self.what, self.timeout))?;
            let Some(chunk) = chunk else { return Ok(body) };
            if body.len() as u64 + chunk.len() as u64 > self.max_body {
                let at = format!("it is larger than {} bytes", self.max_body);
                return Err(Error::Decode { method: self.what, at });
            }
            body.extend_from_slice(&chunk);
        }
    }
}

/// An error of the HTTP client as one of ours.
fn explain(error: &reqwest::Error, endpoint: &str, what: &str, after: Duration) -> Error {
    if let Some(tls) = tls_error(error) {
        return tls;
    }
    if error.is_timeout() && !error.is_connect() {
        return Error::Timeout { what: what.to_owned(), after };
    }
    let reason = match error.is_timeout() {
        true => format!("no connection within {} s", after.as_secs_f32()),
        false => chain(error),
    };
    Error::Transport { endpoint: endpoint.to_owned(), reason, sent: !error.is_connect() }
}

/// The TLS error inside, if that is the cause.
fn tls_error(error: &reqwest::Error) -> Option<Error> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(here) = at {
        if let Some(tls) = here.downcast_ref::<rustls::Error>() {
            return Some(tls_message(tls));
        }
        // An io::Error hides what it was made of from source().
        let hidden = here.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        at = match hidden {
            Some(inner) => Some(inner),
            None => here.source(),
        };
    }
    None
}

fn tls_message(error: &rustls::Error) -> Error {
    if let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error
        && let Some(untrusted) = other.0.downcast_ref::<Untrusted>()
    {
        return Error::Tls(untrusted.to_string());
    }
    Error::Tls(format!("The TLS connection could not be made: {error}"))
}

/// An error and its causes, without the repetitions.
fn chain(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut at = error.source();
    while let Some(here) = at {
        let text = here.to_string();
        // The HTTP client's own "client error (Connect)" says nothing that the cause does not.
        let empty = text.starts_with("client error (") && here.source().is_some();
        if !empty && !causes.iter().any(|cause| cause.contains(&text)) {
            causes.push(text);
        }
        at = here.source();
    }
    match causes.is_empty() {
        true => error.to_string(),
        false => causes.join(": "),
    }
}
