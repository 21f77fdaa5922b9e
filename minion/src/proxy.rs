//! The device behind the minion: the `proxy:` configuration of a vCenter, and the life of the connection to it.

use std::sync::Arc;
use std::time::Duration;

use config::proxy::{self, Problems, ProxyType};
use rand::Rng;
use salt::Map;
use salt::context::Identity;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use vcenter::session::Protocol;
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials, Secret};

use crate::connection::Exit;
use crate::settings::Settings;

/// The pauses between attempts while the vCenter can't be reached.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a logout may take.
const LOGOUT: Duration = Duration::from_secs(5);

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
        Some(kind) if ProxyType::named(kind).is_some() => Ok(()),
        Some(other) => Err(Exit::new(
            1,
            format!(
                "Proxymodule {other} could not be loaded: '{other}.init' is not available.. Salt-proxy aborted. (This minion serves {}.)",
                ProxyType::NAMES.join(", ")
            ),
        )),
        None => Err(Exit::new(
            1,
            format!("The proxy configuration of id {id} does not say its 'proxytype'. Salt-proxy aborted."),
        )),
    }
}

/// What the vSphere client is told of the `proxy:` map. The id stands in vCenter's list of sessions.
fn connection(id: &str, proxy: &Map) -> Result<Config, Problems> {
    let proxy = proxy::Proxy::read(proxy)?;
    proxy.warnings.iter().for_each(|warning| warn!("{warning}"));
    let passwords = proxy.passwords.iter().map(|password| Secret::from(password.reveal())).collect();
    let mut config = Config::new(proxy.endpoint, Credentials { username: proxy.username, passwords });
    config.port = proxy.port;
    config.protocol = if proxy.https { Protocol::Https } else { Protocol::Http };
    config.trust = match proxy.trust {
        proxy::Trust::Verified { ca_bundle } => Trust::Verify { ca_bundle: ca_bundle.map(Into::into) },
        proxy::Trust::Thumbprint(thumbprint) => Trust::Thumbprint(thumbprint),
        proxy::Trust::Anything => Trust::Insecure,
    };
    config.user_agent = format!("vsalt/{} ({id})", env!("CARGO_PKG_VERSION"));
    Ok(config)
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

    /// Connects as the configuration says. One that is in use already is left alone, unless the device refused it and
    /// somebody who may have corrected that asks for another try.
    pub async fn apply(&mut self, proxy: &Map, retry: bool) {
        let refused = self.state() == State::Refused;
        if self.proxy.as_ref() == Some(proxy) && !(refused && retry) {
            return;
        }
        self.close().await;
        self.proxy = Some(proxy.clone());
        let config = match connection(self.identity.id(), proxy) {
            Ok(config) => config,
            Err(problems) => {
                error!("{problems}");
                self.identity.set_vcenter(Err(problems.to_string()));
                self.state.send_replace(State::Misconfigured);
                return;
            }
        };
        info!("connecting to {} as {}", config.host, config.credentials.username);
        if !refused {
            // Otherwise the reason stands until there is a better one.
            self.identity.set_vcenter(Err(format!("the connection to {} is being made", config.host)));
        }
        self.state.send_replace(State::Connecting);
        let (identity, state, connected) =
            (self.identity.clone(), self.state.clone(), self.connected.clone());
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
            if tokio::time::timeout(LOGOUT, client.close()).await.is_err() {
                warn!("the vCenter did not answer the logout");
            }
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
                "{}. Not trying again, so that the account is not locked: correct the credentials in the pillar and run saltutil.refresh_pillar.",
                error.to_string().trim_end_matches('.')
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
    fn the_daemon_tells_the_vcenter_who_it_is() {
        let read = connection("vc01", &sample().with("port", 8443)).unwrap();
        assert_eq!((read.host.as_str(), read.port), ("vc.example.com", 8443));
        assert!(read.user_agent.starts_with("vsalt/") && read.user_agent.ends_with("(vc01)"));
        assert!(connection("vc01", &sample().with("vcenter", "")).is_err());
    }

    #[tokio::test]
    async fn a_wrong_configuration_is_what_jobs_are_told() {
        let identity = crate::scripted::identity(Map::new());
        let (connected, mut connections) = mpsc::unbounded_channel();
        let mut proxy = Proxy::new(identity.clone(), connected);
        proxy.apply(&sample().with("mechanism", "sspi"), false).await;
        proxy.first_attempt(Duration::from_secs(60)).await;
        assert_eq!(proxy.state(), State::Misconfigured);
        assert!(identity.vcenter().unwrap_err().to_string().contains("sspi"));
        proxy.close().await;
        assert!(connections.try_recv().is_err());
    }

    #[tokio::test]
    async fn an_unreachable_device_is_tried_again() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let identity = crate::scripted::identity(Map::new());
        let mut proxy = Proxy::new(identity.clone(), mpsc::unbounded_channel().0);
        proxy.apply(&sample().with("vcenter", "127.0.0.1").with("port", port), false).await;
        proxy.first_attempt(Duration::from_secs(60)).await;
        assert_eq!(proxy.state(), State::Unreachable);
        assert!(identity.vcenter().unwrap_err().to_string().contains(&port.to_string()));
        proxy.close().await;
    }

    #[test]
    fn a_minion_without_a_device_ends() {
        let exit = check("vc01", None).unwrap_err();
        assert!(exit.reason.starts_with("No proxy key found in pillar or opts for id vc01. Check"));
        assert_eq!(exit.status, 1);
        assert!(
            check("vc01", Some(&map! { "proxytype" => "junos" }))
                .unwrap_err()
                .reason
                .contains("'junos.init'")
        );
        assert!(check("vc01", Some(&Map::new())).unwrap_err().reason.contains("proxytype"));
        assert!(check("vc01", Some(&sample())).is_ok());
    }
}
