//! The device behind the minion: the `proxy:` configuration of a vCenter, and the life of the connection to it.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use salt::context::Identity;
use salt::{Map, Value};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use vcenter::session::Protocol;
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials, Secret};

use crate::connection::Exit;
use crate::settings::Settings;

/// The kinds of proxies that lead to a vCenter or an ESXi host.
const PROXYTYPES: &[&str] = &["vcenter", "esxdatacenter", "esxcluster", "esxvm", "esxi"];
/// The pauses between attempts while the vCenter can't be reached.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Checks that there is a device that this minion can serve.
///
/// # Errors
/// The end of the process, in Salt's words.
pub fn check(id: &str, proxy: Option<&Map>) -> Result<(), Exit> {
    let Some(proxy) = proxy else {
        return Err(Exit::new(
            1,
            format!(
                "No proxy key found in pillar or opts for id {id}. Check your pillar/opts configuration and contents.  Salt-proxy aborted."
            ),
        ));
    };
    match proxy.text("proxytype") {
        Some(kind) if PROXYTYPES.contains(&kind) => Ok(()),
        Some(other) => Err(Exit::new(
            1,
            format!(
                "Proxymodule {other} could not be loaded: '{other}.init' is not available.. Salt-proxy aborted. (This minion serves {}.)",
                PROXYTYPES.join(", ")
            ),
        )),
        None => Err(Exit::new(
            1,
            format!("The proxy configuration of id {id} does not say its 'proxytype'. Salt-proxy aborted."),
        )),
    }
}

/// What the `proxy:` map says of the connection.
///
/// # Errors
/// A sentence that names what is missing or wrong.
pub fn config(id: &str, proxy: &Map) -> Result<Config, String> {
    if proxy.text("mechanism") == Some("sspi") {
        return Err("the proxy mechanism 'sspi' is not supported, use 'userpass' with 'username' and 'passwords'".into());
    }
    let host = proxy
        .text("vcenter")
        .or_else(|| proxy.text("host"))
        .ok_or("the proxy configuration has neither 'vcenter' nor 'host'")?;
    let esxi = proxy.text("proxytype") == Some("esxi") && proxy.text("vcenter").is_none();
    let username = match proxy.text("username").or_else(|| proxy.text("user")) {
        Some(name) => name,
        None if esxi => "root",
        None => return Err("the proxy configuration has no 'username'".into()),
    };
    let passwords = passwords(proxy);
    if passwords.is_empty() {
        return Err("the proxy configuration has neither 'passwords' nor 'password'".into());
    }
    let credentials = Credentials { username: username.into(), passwords };
    let mut config = Config::new(host, credentials);
    match proxy.get("port") {
        None | Some(Value::None) => {}
        Some(_) => {
            config.port = u16::try_from(proxy.number("port", 0))
                .ok()
                .filter(|port| *port > 0)
                .ok_or("the 'port' of the proxy configuration is not a port")?;
        }
    }
    config.protocol = match proxy.text("protocol") {
        None | Some("https") => Protocol::Https,
        Some("http") => Protocol::Http,
        Some(other) => return Err(format!("the 'protocol' of the proxy configuration is '{other}', not https or http")),
    };
    config.trust = trust(proxy);
    config.user_agent = format!("vsalt/{} ({id})", env!("CARGO_PKG_VERSION"));
    Ok(config)
}

fn passwords(proxy: &Map) -> Vec<Secret> {
    let listed = proxy.get("passwords").and_then(Value::as_list).unwrap_or_default().iter();
    let mut all: Vec<Secret> = vec![];
    for password in listed.chain(proxy.get("password")).chain(proxy.get("passwords")) {
        let text = match password {
            Value::Str(text) if !text.is_empty() => text.clone(),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) => password.to_string(),
            _ => continue,
        };
        let secret = Secret::from(text);
        if !all.contains(&secret) {
            all.push(secret);
        }
    }
    all
}

fn trust(proxy: &Map) -> Trust {
    if !proxy.flag("verify_ssl", true) {
        return Trust::Insecure;
    }
    match proxy.text("ssl_thumbprint") {
        Some(thumbprint) => Trust::Thumbprint(thumbprint.into()),
        None => Trust::Verify { ca_bundle: proxy.text("ca_bundle").map(Into::into) },
    }
}

/// Where the connection to the device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first attempt is under way.
    Connecting,
    /// There is a session. From here on the client renews it by itself.
    Connected,
    /// The device can't be reached; it is tried again.
    Unreachable,
    /// The device refuses the user; trying again would lock the account.
    Refused,
    /// The configuration is wrong.
    Misconfigured,
}

/// The device of one minion.
pub struct Proxy {
    identity: Arc<Identity>,
    proxy: Option<Map>,
    attempts: Option<JoinHandle<()>>,
    state: watch::Sender<State>,
    connected: mpsc::UnboundedSender<()>,
}

impl Proxy {
    /// A device that is not connected to yet. Each new connection is told to `connected`.
    pub fn new(identity: Arc<Identity>, connected: mpsc::UnboundedSender<()>) -> Proxy {
        let state = watch::Sender::new(State::Connecting);
        Proxy { identity, proxy: None, attempts: None, state, connected }
    }

    /// Connects as the configuration says. One that is in use already is left alone, unless the device refused it.
    pub async fn apply(&mut self, proxy: &Map) {
        let refused = *self.state.borrow() == State::Refused;
        if self.proxy.as_ref() == Some(proxy) && !refused {
            return;
        }
        self.close().await;
        self.proxy = Some(proxy.clone());
        let config = match config(self.identity.id(), proxy) {
            Ok(config) => config,
            Err(reason) => {
                error!("{reason}");
                self.identity.set_vcenter(Err(reason));
                self.state.send_replace(State::Misconfigured);
                return;
            }
        };
        info!("connecting to {} as {}", config.host, config.credentials.username);
        self.identity.set_vcenter(Err(format!("the connection to {} is being made", config.host)));
        self.state.send_replace(State::Connecting);
        let (identity, state, connected) = (self.identity.clone(), self.state.clone(), self.connected.clone());
        self.attempts = Some(tokio::spawn(async move {
            let outcome = connect(&config, &identity, &state).await;
            if let Some(client) = outcome {
                identity.set_vcenter(Ok(client));
                state.send_replace(State::Connected);
                // Nobody listens any more when the minion is about to end.
                let _ = connected.send(());
            }
        }));
    }

    /// Where the connection stands.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Waits for the end of the first attempt, but not longer than that.
    pub async fn first_attempt(&self, longest: Duration) {
        let mut state = self.state.subscribe();
        let ended = state.wait_for(|state| *state != State::Connecting);
        // The sender lives in self; and that the time is over is no error either.
        let _ = tokio::time::timeout(longest, ended).await;
    }

    /// Ends attempts and session.
    pub async fn close(&mut self) {
        if let Some(attempts) = self.attempts.take() {
            attempts.abort();
            // It was aborted, or had come to its end before.
            let _ = attempts.await;
        }
        if let Ok(client) = self.identity.vcenter() {
            self.identity.set_vcenter(Err("the session with the vCenter has been closed".into()));
            client.close().await;
        }
    }
}

/// Tries until there is a session, or until it makes no sense any more.
async fn connect(config: &Config, identity: &Identity, state: &watch::Sender<State>) -> Option<Client> {
    let mut pause = PAUSE;
    loop {
        let error = match Client::connect(config.clone()).await {
            Ok(client) => {
                info!("connected to {}", config.host);
                return Some(client);
            }
            Err(error) => error,
        };
        if let vcenter::Error::Login { .. } = &error {
            let reason = format!(
                "{error}. Not trying again, so that the account is not locked: correct the credentials in the pillar and run saltutil.refresh_pillar."
            );
            error!("{reason}");
            identity.set_vcenter(Err(reason));
            state.send_replace(State::Refused);
            return None;
        }
        let wait = pause.mul_f64(rand::thread_rng().gen_range(0.75..1.25));
        warn!("{error}; the next attempt follows in {:.0} seconds", wait.as_secs_f64());
        identity.set_vcenter(Err(error.to_string()));
        state.send_replace(State::Unreachable);
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    fn sample() -> Map {
        map! {
            "proxytype" => "vcenter", "vcenter" => "vc.example.com", "username" => "u",
            "passwords" => list!["one", "two"], "mechanism" => "userpass",
        }
    }

    #[test]
    fn a_configuration_is_read_or_explained() {
        let read = config("vc01", &sample().with("password", "two").with("port", 8443)).unwrap();
        assert_eq!((read.host.as_str(), read.port), ("vc.example.com", 8443));
        let passwords: Vec<&str> = read.credentials.passwords.iter().map(Secret::reveal).collect();
        assert_eq!(passwords, ["one", "two"]);
        assert_eq!(read.trust, Trust::Verify { ca_bundle: None });
        let trust = |key: &str, value: Value| config("vc01", &sample().with(key, value)).unwrap().trust;
        assert_eq!(trust("verify_ssl", false.into()), Trust::Insecure);
        assert_eq!(trust("ca_bundle", "/ca".into()), Trust::Verify { ca_bundle: Some("/ca".into()) });
        assert_eq!(trust("ssl_thumbprint", "aa".into()), Trust::Thumbprint("aa".into()));
        let wrong = |proxy: Map| config("vc01", &proxy).unwrap_err();
        assert!(wrong(sample().with("mechanism", "sspi")).contains("sspi"));
        assert!(wrong(sample().with("vcenter", "")).contains("vcenter"));
        assert!(wrong(sample().with("port", 70000)).contains("port"));
        assert!(wrong(sample().with("passwords", list![])).contains("password"));
    }

    #[test]
    fn a_minion_without_a_device_ends() {
        let exit = check("vc01", None).unwrap_err();
        assert!(exit.reason.starts_with("No proxy key found in pillar or opts for id vc01. Check"));
        assert_eq!(exit.status, 1);
        assert!(check("vc01", Some(&map! { "proxytype" => "junos" })).unwrap_err().reason.contains("'junos.init'"));
        assert!(check("vc01", Some(&Map::new())).unwrap_err().reason.contains("proxytype"));
        assert!(check("vc01", Some(&sample())).is_ok());
    }
}
