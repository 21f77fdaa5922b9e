//! The way to a master: from its name to agreed keys, and back to the start when it is lost.

mod address;
mod machine;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use salt::function::BoxFuture;
use salt::{Map, Value, map};
use tracing::info;

pub use address::Address;
pub use machine::{Machine, Next, Policy, State};

use crate::channel::{AuthOutcome, Error, MasterChannel, PubEvent, Publications};

/// What the life of a minion needs of its channel to a master. [`MasterChannel`] is the real one.
pub trait Channel: Send + Sync {
    /// One `_auth`.
    fn authenticate(&self) -> BoxFuture<'_, Result<AuthOutcome, Error>>;
    /// Drops the credentials.
    fn forget(&self);
    /// A load and its decrypted reply. Without a patience the channel's own time and tries.
    fn request(&self, load: Map, patience: Option<Patience>) -> BoxFuture<'_, Result<Value, Error>>;
    /// The same with the values of the reply left as bytes.
    fn request_bytes(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>>;
    /// The private reply to `_pillar`.
    fn pillar(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>>;
    /// Whether the master answers to a `ping` in clear, which needs no keys.
    fn ping(&self, patience: Duration) -> BoxFuture<'_, Result<(), Error>>;
    /// The publications, once authenticated.
    fn subscribe(&self) -> Result<Box<dyn Subscription>, Error>;
}

/// What arrives on the publish connection.
pub trait Subscription: Send {
    /// The next event; never ends.
    fn next(&mut self) -> BoxFuture<'_, PubEvent>;
}

/// How long a request may take, and how often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time of one try.
    pub timeout: Duration,
    /// How many tries.
    pub tries: u32,
}

impl Channel for MasterChannel {
    fn authenticate(&self) -> BoxFuture<'_, Result<AuthOutcome, Error>> {
        Box::pin(MasterChannel::authenticate(self))
    }

    fn forget(&self) {
        MasterChannel::forget(self);
    }

    fn request(&self, load: Map, patience: Option<Patience>) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            match patience {
                None => MasterChannel::request(self, load).await,
                Some(p) => self.request_with(load, p.timeout, p.tries).await,
            }
        })
    }

    fn request_bytes(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(self.request_raw_bytes(load))
    }

    fn pillar(&self, load: Map) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(MasterChannel::pillar(self, load))
    }

    fn ping(&self, patience: Duration) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.clear(map! { "cmd" => "ping" }, patience).await.map(drop) })
    }

    fn subscribe(&self) -> Result<Box<dyn Subscription>, Error> {
        Ok(Box::new(MasterChannel::subscribe(self)?))
    }
}

impl Subscription for Publications {
    fn next(&mut self) -> BoxFuture<'_, PubEvent> {
        Box::pin(Publications::next(self))
    }
}

/// Why the process ends, and with which status (`salt/defaults/exitcodes.py`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit status.
    pub status: i32,
    /// The reason, for the log.
    pub reason: String,
}

impl Exit {
    /// An end with a status and its reason.
    pub fn new(status: i32, reason: impl Into<String>) -> Exit {
        Exit { status, reason: reason.into() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Opens the channel to one master: the real one, or a scripted double in tests.
pub type Opener = Arc<dyn Fn(Address) -> BoxFuture<'static, Result<Arc<dyn Channel>, Exit>> + Send + Sync>;

/// A connection to one master, or to one of several.
pub struct Connection {
    /// In the order of the options.
    configured: Vec<Address>,
    /// In the order in which they are tried.
    masters: Vec<Address>,
    at: usize,
    machine: Machine,
    open: Opener,
    channel: Option<Arc<dyn Channel>>,
}

impl Connection {
    /// A connection that is not made yet. With several masters it goes on to the next one when one fails.
    pub fn new(masters: Vec<Address>, mut policy: Policy, open: Opener) -> Connection {
        policy.masters = masters.len();
        Connection {
            configured: masters.clone(),
            masters,
            at: 0,
            machine: Machine::new(policy),
            open,
            channel: None,
        }
    }

    /// The master that is tried or held at the moment.
    pub fn master(&self) -> &Address {
        &self.masters[self.at]
    }

    /// The first master of the options, if it is another than that of the moment.
    pub fn preferred(&self) -> Option<&Address> {
        self.configured.first().filter(|first| *first != self.master())
    }

    /// Opens a channel to a master beside the connection.
    pub fn beside(&self, master: Address) -> BoxFuture<'static, Result<Arc<dyn Channel>, Exit>> {
        (self.open)(master)
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// The keys are refused.
    pub fn refused(&mut self) {
        self.machine.lost();
        if let Some(channel) = &self.channel {
            channel.forget();
        }
    }

    /// The master does not answer any more. With several, it is the last to be tried again.
    pub fn lost(&mut self) {
        self.refused();
        if self.machine.failover() {
            let failed = self.masters.remove(self.at);
            info!("Moving possibly failed master {} to the end of the list of masters", failed.host);
            self.masters.push(failed);
            self.go_to(0);
        }
    }

    /// The preferred master is there again: all are tried in the order of the options.
    pub fn fail_back(&mut self) {
        self.refused();
        self.masters.clone_from(&self.configured);
        self.go_to(0);
    }

    fn go_to(&mut self, at: usize) {
        self.at = at;
        self.channel = None;
    }

    /// Goes on until the master has authenticated this minion. Cancel-safe: what was reached is kept.
    ///
    /// # Errors
    /// The end of the process.
    pub async fn establish(&mut self) -> Result<(Arc<dyn Channel>, bool), Exit> {
        loop {
            let next = match self.machine.state() {
                State::Unresolved => {
                    let found = self.resolve().await;
                    self.machine.resolved(found, &self.masters[self.at])
                }
                _ => {
                    let channel = self.channel().await?;
                    let outcome = channel.authenticate().await;
                    self.machine.answered(outcome, &self.masters[self.at])
                }
            };
            match next {
                Next::Ready { renewed } => return Ok((self.channel().await?, renewed)),
                Next::Again(wait) => tokio::time::sleep(wait).await,
                Next::Loopback => self.masters[self.at].host = "127.0.0.1".into(),
                Next::Elsewhere(wait) => {
                    self.go_to((self.at + 1) % self.masters.len());
                    tokio::time::sleep(wait).await;
                }
                Next::End(wait, exit) => {
                    tokio::time::sleep(wait).await;
                    return Err(exit);
                }
            }
        }
    }

    async fn channel(&mut self) -> Result<Arc<dyn Channel>, Exit> {
        if let Some(channel) = &self.channel {
            return Ok(channel.clone());
        }
        let channel = (self.open)(self.masters[self.at].clone()).await?;
        Ok(self.channel.insert(channel).clone())
    }

    async fn resolve(&self) -> bool {
        let master = self.master();
        match tokio::net::lookup_host((master.host.as_str(), master.port)).await {
            Ok(mut found) => found.next().is_some(),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Scripted;

    fn at(port: u16) -> Address {
        Address { host: "127.0.0.1".into(), port }
    }

    /// A connection to masters on ports 1, 2 and so on.
    fn connection(masters: &[&Arc<Scripted>]) -> Connection {
        let openers: Vec<Opener> = masters.iter().map(|master| master.opener()).collect();
        let open: Opener = Arc::new(move |address| openers[usize::from(address.port) - 1](address));
        let addresses = (1..).take(masters.len()).map(at).collect();
        Connection::new(addresses, Policy::of(&Map::new()), open)
    }

    #[tokio::test(start_paused = true)]
    async fn failover_goes_on_to_the_next_master() {
        let (dead, alive) = (Scripted::new(Map::new()), Scripted::new(Map::new()));
        dead.outcomes([Err(Error::Timeout)]);
        let mut connection = connection(&[&dead, &alive]);
        let (channel, renewed) = connection.establish().await.unwrap();
        assert!(renewed && connection.master().port == 2 && connection.state() == State::Authenticated);
        channel.request(map! { "cmd" => "x" }, None).await.unwrap();
        assert_eq!((dead.heard().len(), alive.heard().len()), (0, 1));
        connection.refused();
        assert_eq!((alive.forgotten(), connection.state()), (1, State::Unauthenticated));
        connection.establish().await.unwrap();
        assert_eq!(connection.master().port, 2, "a master that asks for a new sign-in gets it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_master_is_the_last_to_be_tried_again() {
        let masters = [(); 3].map(|()| Scripted::new(Map::new()));
        masters[0].outcomes([Err(Error::Timeout)]);
        let mut connection = connection(&masters.each_ref());
        connection.establish().await.unwrap();
        assert_eq!((connection.master(), connection.preferred()), (&at(2), Some(&at(1))));
        connection.lost();
        masters[0].outcomes([Err(Error::Timeout)]);
        masters[2].outcomes([Err(Error::Timeout)]);
        connection.establish().await.unwrap();
        assert_eq!(connection.master(), &at(2), "after the first and the third");
        connection.fail_back();
        connection.establish().await.unwrap();
        assert_eq!((connection.master(), connection.preferred()), (&at(1), None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_leads_nowhere_can_mean_this_machine() {
        let master = Scripted::new(Map::new());
        let nowhere = Address { host: "no such name".into(), port: 1 };
        let policy = Policy::of(&map! { "retry_dns" => 0 });
        let mut connection = Connection::new(vec![nowhere], policy, master.opener());
        connection.establish().await.unwrap();
        assert_eq!(connection.master(), &at(1));
    }
}
