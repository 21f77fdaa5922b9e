//! The device behind the minion: the `proxy:` configuration of a vCenter, and the life of the connection to it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use config::proxy::{self, Problems, ProxyType};
use rand::Rng;
use salt::Map;
use salt::context::Identity;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use vcenter::pool::Held;
use vcenter::{Client, Config};

use crate::connection::Exit;
use crate::settings::Settings;

/// The pauses between attempts while the vCenter can't be reached.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The first pause after a refused password: what checks passwords may just be starting, and a wrong one is not to lock the
/// account.
const PAUSE_REFUSED: Duration = Duration::from_secs(10);

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

/// What the vSphere client is told of the `proxy:` map.
fn connection(identity: &Identity, proxy: &Map) -> Result<Config, Problems> {
    let proxy = proxy::Proxy::read(proxy)?;
    proxy.warnings.iter().for_each(|warning| warn!("{warning}"));
    Ok(proxy.endpoint.config(identity.id(), &identity.opts()))
}

/// Where the connection to the device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first attempt is under way; jobs wait for its end. Leads to all others but `Misconfigured`.
    Connecting,
    /// There is a session. From here on the client renews it by itself.
    Connected,
    /// The device can't be reached, or did not take the password yet; it is tried again.
    Unreachable,
    /// The device has refused the passwords as often as is allowed (`vcenter_login_refusals`): trying on would lock the
    /// account. A new pillar leads to `Connecting`.
    Refused,
    /// The configuration is wrong. Another one leads to `Connecting`.
    Misconfigured,
}

/// The device of one minion.
pub struct Proxy {
    identity: Arc<Identity>,
    proxy: Option<Map>,
    /// The device in the pool, once its configuration could be read to the end (its CA bundle too).
    held: Arc<OnceLock<Held>>,
    attempts: Option<JoinHandle<()>>,
    state: watch::Sender<State>,
    connected: mpsc::UnboundedSender<()>,
}

impl Proxy {
    /// A device that is not connected to yet. Each new connection is told to `connected`.
    pub fn new(identity: Arc<Identity>, connected: mpsc::UnboundedSender<()>) -> Proxy {
        let state = watch::Sender::new(State::Connecting);
        Proxy { identity, proxy: None, held: Arc::default(), attempts: None, state, connected }
    }

    /// Connects as the configuration says. A connection that is in use already is left alone; one that differs in its
    /// passwords only is told the new ones, and one that differs in more is replaced when the new one is there. With
    /// `retry`, somebody may have corrected what was wrong: refused passwords are tried again.
    pub async fn apply(&mut self, proxy: &Map, retry: bool) {
        let refused = self.held.get().is_some_and(|held| held.session().is_refused());
        if retry {
            self.identity.vcenters().forgive();
        }
        if self.proxy.as_ref() == Some(proxy) && !(refused && retry) {
            return;
        }
        self.proxy = Some(proxy.clone());
        let config = match connection(&self.identity, proxy) {
            Ok(config) => config,
            Err(problems) => {
                error!("{problems}");
                self.give_up().await;
                self.identity.set_vcenter(Err(problems.to_string()));
                self.state.send_replace(State::Misconfigured);
                return;
            }
        };
        if let Some(held) = self.held.get()
            && held.session().config().same_target(&config)
        {
            held.session().set_passwords(config.credentials.passwords.clone());
            if self.state() == State::Refused {
                self.attempt(config, None).await;
            }
            return;
        }
        info!("connecting to {} as {}", config.host, config.credentials.username);
        let same = |held: &Held| held.session().config().same_server(&config);
        let before = self.held.get().filter(|held| same(held)).cloned();
        if before.is_none() {
            // Nobody shall work on a server that is not meant any more.
            self.give_up().await;
        }
        self.held = Arc::default();
        self.attempt(config, before).await;
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

    /// Ends the attempts, and lets go of the session: whoever has the pool closes it.
    pub async fn close(&mut self) {
        self.stop().await;
        self.identity.set_vcenter(Err("the session with the vCenter has been closed".into()));
    }

    /// Starts attempts; `before` is the same server's connection, which serves until they have come to something.
    async fn attempt(&mut self, config: Config, before: Option<Held>) {
        self.stop().await;
        if before.is_none() {
            let reason = format!("the connection to {} is being made", config.host);
            self.identity.set_vcenter_connecting(reason);
        }
        self.state.send_replace(State::Connecting);
        let attempts = Attempts {
            config,
            held: self.held.clone(),
            before,
            identity: self.identity.clone(),
            state: self.state.clone(),
        };
        let connected = self.connected.clone();
        self.attempts = Some(tokio::spawn(async move {
            if attempts.connect().await {
                // Nobody listens any more when the minion is about to end.
                let _ = connected.send(());
            }
        }));
    }

    async fn stop(&mut self) {
        if let Some(attempts) = self.attempts.take() {
            attempts.abort();
            // It was aborted, or had come to its end before.
            let _ = attempts.await;
        }
    }

    /// Ends attempts and connection; those who work with it may finish.
    async fn give_up(&mut self) {
        self.stop().await;
        if let Some(held) = std::mem::take(&mut self.held).get() {
            self.identity.set_vcenter(Err("the vCenter is configured anew".into()));
            self.identity.vcenters().retire(held.clone());
        }
    }
}

/// The attempts to connect to one target.
struct Attempts {
    config: Config,
    held: Arc<OnceLock<Held>>,
    before: Option<Held>,
    identity: Arc<Identity>,
    state: watch::Sender<State>,
}

impl Attempts {
    /// Tries until there is a session, or until it makes no sense any more. True if there is one.
    async fn connect(mut self) -> bool {
        let mut pause = PAUSE;
        loop {
            let outcome = self.once().await;
            let refused = self.held.get().is_some_and(|held| held.session().is_refused());
            let (told, state) = match &outcome {
                Ok(client) => (Ok(client.clone()), State::Connected),
                Err(error) if refused => {
                    let reason = format!(
                        "{error}: correct the credentials in the pillar and run saltutil.refresh_pillar"
                    );
                    (Err(reason), State::Refused)
                }
                Err(error) => (Err(error.to_string()), State::Unreachable),
            };
            self.identity.set_vcenter(told.clone());
            if let Some(before) = self.before.take() {
                self.identity.vcenters().retire(before);
            }
            match (told, state) {
                (Ok(_), _) => info!("connected to {}", self.config.host),
                (Err(reason), State::Refused) => error!("{reason}"),
                (Err(_), _) => {}
            }
            self.state.send_replace(state);
            let Err(error) = outcome else { return true };
            if refused {
                return false;
            }
            if matches!(error, vcenter::Error::Login { .. }) {
                pause = pause.max(PAUSE_REFUSED);
            }
            let wait = pause.mul_f64(rand::thread_rng().gen_range(0.75..1.25));
            warn!("{error}; the next attempt follows in {:.0} seconds", wait.as_secs_f64());
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once(&self) -> vcenter::Result<Client> {
        let held = match self.held.get() {
            Some(held) => held,
            None => {
                let held = self.identity.vcenters().hold(self.config.clone())?;
                self.held.get_or_init(|| held)
            }
        };
        held.client().await
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
