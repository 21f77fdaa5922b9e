//! The way to a master: from its name to agreed keys, and back to the start when it is lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use salt::function::BoxFuture;
use salt::{Map, Value};
use tracing::{error, info, warn};

use crate::channel::{AuthOutcome, Error, MasterChannel, PubEvent, Publications};
use crate::settings::Settings;

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

/// One master: a host without brackets, and the port of its request server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name or an address.
    pub host: String,
    /// `master_port`, unless the entry says otherwise.
    pub port: u16,
}

impl Address {
    /// An entry of `master`: `host`, `host:port`, `[v6]:port` or a plain v6 address.
    pub fn parse(entry: &str, default_port: u16) -> Result<Address, String> {
        let entry = entry.trim();
        let wrong = || format!("the master '{entry}' is not of the form host, host:port or [address]:port");
        let (host, port) = if let Some(rest) = entry.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        } else if entry.matches(':').count() == 1 {
            let (host, port) = entry.split_once(':').ok_or_else(wrong)?;
            (host, Some(port))
        } else {
            (entry, None)
        };
        let port = match port {
            None => default_port,
            Some(port) => port.parse().map_err(|_| wrong())?,
        };
        if host.is_empty() { Err(wrong()) } else { Ok(Address { host: host.into(), port }) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The master's name has not led to an address yet.
    Unresolved,
    /// There are no keys that master and minion agree on.
    Unauthenticated,
    /// The master holds the public key and waits for a person to accept it.
    Pending,
    /// Requests and publications can be read and written.
    Authenticated,
}

/// What follows an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// On with the life.
    Ready {
        /// The keys differ from those before.
        renewed: bool,
    },
    /// Another attempt after this time.
    Again(Duration),
    /// The next master of a fail-over list, after this time.
    Elsewhere(Duration),
    /// The end of the process, after this time.
    End(Duration, Exit),
}

/// The options that steer how a connection is come by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// `acceptance_wait_time`.
    pub wait: Duration,
    /// `acceptance_wait_time_max`, where 0 means the same as `acceptance_wait_time`.
    pub wait_max: Duration,
    /// `rejected_retry`.
    pub rejected_retry: bool,
    /// `retry_dns`; zero switches the test of the name off.
    pub retry_dns: Duration,
    /// `retry_dns_count`.
    pub retry_dns_count: Option<u32>,
    /// A pending key is waited for; `vsalt call` gives up instead.
    pub patient: bool,
    /// There are further masters to go to.
    pub failover: bool,
}

impl Policy {
    /// The policy of these options.
    pub fn of(opts: &Map) -> Policy {
        let wait = opts.seconds("acceptance_wait_time", 10);
        Policy {
            wait,
            wait_max: opts.seconds("acceptance_wait_time_max", 0).max(wait),
            rejected_retry: opts.flag("rejected_retry", false),
            retry_dns: opts.seconds("retry_dns", 30),
            retry_dns_count: opts
                .get("retry_dns_count")
                .and_then(Value::as_i64)
                .and_then(|n| u32::try_from(n).ok()),
            patient: true,
            failover: false,
        }
    }
}

/// The state of a connection and what it remembers between attempts. Pure: it decides, [`Connection`] does.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    state: State,
    wait: Duration,
    unresolved: u32,
}

impl Machine {
    /// A machine at its start.
    pub fn new(policy: Policy) -> Machine {
        let wait = policy.wait;
        Machine { policy, state: State::Unresolved, wait, unresolved: 0 }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The connection is lost: keys have to be agreed on anew.
    pub fn lost(&mut self) {
        self.state = State::Unauthenticated;
        self.wait = self.policy.wait;
    }

    /// The master's name was looked up.
    pub fn resolved(&mut self, found: bool, master: &Address) -> Next {
        if found {
            self.state = State::Unauthenticated;
            self.unresolved = 0;
            return Next::Again(Duration::ZERO);
        }
        self.unresolved += 1;
        self.state = State::Unresolved;
        if self.policy.failover {
            return Next::Elsewhere(Duration::ZERO);
        }
        if self.policy.retry_dns_count.is_some_and(|most| self.unresolved > most) || !self.policy.patient {
            let reason = format!(
                "Master address: '{}' could not be resolved. Invalid or unresolveable address. Set 'master' value in minion config.",
                master.host
            );
            return Next::End(Duration::ZERO, Exit::new(42, reason));
        }
        error!(
            "Master hostname: '{}' not found or not responsive. Retrying in {} seconds",
            master.host,
            self.policy.retry_dns.as_secs()
        );
        Next::Again(self.policy.retry_dns)
    }

    /// An `_auth` came to its end.
    pub fn answered(&mut self, outcome: Result<AuthOutcome, Error>, master: &Address) -> Next {
        use AuthOutcome as A;
        match outcome {
            Ok(A::Accepted { renewed, .. }) => {
                self.state = State::Authenticated;
                self.wait = self.policy.wait;
                info!("Authentication with master at {} successful!", master.host);
                Next::Ready { renewed }
            }
            Ok(A::Pending | A::ClusterNotReady) => {
                self.state = State::Pending;
                if !self.policy.patient {
                    return self.give_up(
                        "Minion failed to authenticate with the master, has the minion key been accepted?",
                    );
                }
                let wait = self.growing();
                error!(
                    "The Salt Master has cached the public key for this node, this salt minion will wait for {} seconds before attempting to re-authenticate",
                    wait.as_secs()
                );
                Next::Again(wait)
            }
            Ok(outcome @ A::Rejected) => {
                self.state = State::Pending;
                error!("{outcome}");
                if self.policy.rejected_retry && self.policy.patient {
                    return Next::Again(self.growing());
                }
                let pause = match self.policy.patient {
                    true => Duration::from_secs(rand::thread_rng().gen_range(10..=20)),
                    false => Duration::ZERO,
                };
                Next::End(pause, Exit::new(77, outcome.to_string()))
            }
            Ok(outcome @ A::FingerMismatch { .. }) => {
                self.state = State::Unauthenticated;
                Next::End(Duration::ZERO, Exit::new(42, outcome.to_string()))
            }
            Ok(outcome) => {
                // A changed key is among them: nothing is believed until a person has looked.
                self.state = State::Unauthenticated;
                error!("{outcome}");
                self.failed(outcome.to_string(), master)
            }
            Err(e) => {
                self.state = State::Unauthenticated;
                self.failed(e.to_string(), master)
            }
        }
    }

    fn failed(&mut self, why: String, master: &Address) -> Next {
        if self.policy.failover {
            warn!("Master {} could not be reached, trying next master (if any): {why}", master.host);
            return Next::Elsewhere(Duration::from_secs(1));
        }
        if !self.policy.patient {
            return self.give_up(&why);
        }
        error!(
            "Error while bringing up minion for multi-master. Is master at {} responding? The error message was {why}",
            master.host
        );
        Next::Again(self.growing())
    }

    fn give_up(&self, why: &str) -> Next {
        Next::End(Duration::ZERO, Exit::new(2, why))
    }

    /// The present wait; the next one is twice as long while it is below the maximum.
    fn growing(&mut self) -> Duration {
        let now = self.wait;
        if self.wait < self.policy.wait_max {
            self.wait *= 2;
        }
        now
    }
}

/// Opens the channel to one master: the real one, or a scripted double in tests.
pub type Opener = Arc<dyn Fn(Address) -> BoxFuture<'static, Result<Arc<dyn Channel>, Exit>> + Send + Sync>;

/// A connection to one master, or to one of several.
pub struct Connection {
    masters: Vec<Address>,
    at: usize,
    machine: Machine,
    open: Opener,
    channel: Option<Arc<dyn Channel>>,
}

impl Connection {
    /// A connection that is not made yet. With several masters it goes on to the next one when one fails.
    pub fn new(masters: Vec<Address>, mut policy: Policy, open: Opener) -> Connection {
        policy.failover = masters.len() > 1;
        Connection { masters, at: 0, machine: Machine::new(policy), open, channel: None }
    }

    /// The master that is tried or held at the moment.
    pub fn master(&self) -> &Address {
        &self.masters[self.at]
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// The connection is lost, or its keys are refused.
    pub fn lost(&mut self) {
        self.machine.lost();
        if let Some(channel) = &self.channel {
            channel.forget();
        }
    }

    /// Takes note of an outcome that a request had while the connection was in use.
    pub fn refused(&mut self) {
        self.machine.lost();
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
                Next::Elsewhere(wait) => {
                    self.at = (self.at + 1) % self.masters.len();
                    self.channel = None;
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
        if self.machine.policy.retry_dns.is_zero() {
            return true;
        }
        match tokio::net::lookup_host((master.host.as_str(), master.port)).await {
            Ok(mut found) => found.next().is_some(),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{Scripted, accepted};
    use salt::map;

    fn master() -> Address {
        Address { host: "127.0.0.1".into(), port: 4506 }
    }

    fn machine(opts: Map) -> Machine {
        Machine::new(Policy::of(&opts))
    }

    fn seconds(next: Next) -> u64 {
        match next {
            Next::Again(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_is_looked_up_until_it_is_given_up() {
        let mut machine = machine(map! { "retry_dns" => 7, "retry_dns_count" => 1 });
        assert_eq!(machine.state(), State::Unresolved);
        assert_eq!(seconds(machine.resolved(false, &master())), 7);
        let Next::End(_, exit) = machine.resolved(false, &master()) else { panic!("it is given up") };
        assert_eq!(exit.status, 42);
        assert_eq!(machine.resolved(true, &master()), Next::Again(Duration::ZERO));
        assert_eq!(machine.state(), State::Unauthenticated);
    }

    #[test]
    fn a_pending_key_is_waited_for_with_growing_patience() {
        let mut machine = machine(map! { "acceptance_wait_time" => 10, "acceptance_wait_time_max" => 35 });
        let pending = |m: &mut Machine| seconds(m.answered(Ok(AuthOutcome::Pending), &master()));
        assert_eq!(
            [pending(&mut machine), pending(&mut machine), pending(&mut machine), pending(&mut machine)],
            [10, 20, 40, 40]
        );
        assert_eq!(machine.state(), State::Pending);
        assert_eq!(machine.answered(accepted(), &master()), Next::Ready { renewed: true });
        assert_eq!(machine.state(), State::Authenticated);
        machine.lost();
        assert_eq!(machine.state(), State::Unauthenticated);
        assert_eq!(pending(&mut machine), 10, "the patience is fresh after a success");
    }

    #[test]
    fn a_rejected_key_ends_the_process_unless_told_otherwise() {
        let mut strict = machine(Map::new());
        let Next::End(wait, exit) = strict.answered(Ok(AuthOutcome::Rejected), &master()) else {
            panic!("the end")
        };
        assert!((10..=20).contains(&wait.as_secs()) && exit.status == 77);
        let mut lenient = machine(map! { "rejected_retry" => true });
        assert_eq!(seconds(lenient.answered(Ok(AuthOutcome::Rejected), &master())), 10);
    }

    #[test]
    fn a_changed_master_is_never_believed_but_asked_again() {
        let mut machine = machine(Map::new());
        assert_eq!(seconds(machine.answered(Ok(AuthOutcome::MasterKeyChanged), &master())), 10);
        assert_eq!(machine.state(), State::Unauthenticated);
        assert_eq!(seconds(machine.answered(Err(Error::Timeout), &master())), 10);
        let mismatch = AuthOutcome::FingerMismatch { expected: "a".into(), seen: "b".into() };
        let Next::End(_, exit) = machine.answered(Ok(mismatch), &master()) else { panic!("the end") };
        assert_eq!(exit.status, 42);
    }

    #[test]
    fn a_call_gives_up_where_the_daemon_waits() {
        let mut machine = Machine::new(Policy { patient: false, ..Policy::of(&Map::new()) });
        let Next::End(wait, exit) = machine.answered(Ok(AuthOutcome::Pending), &master()) else {
            panic!("the end")
        };
        assert_eq!((wait, exit.status), (Duration::ZERO, 2));
        assert!(matches!(machine.answered(Err(Error::Timeout), &master()), Next::End(..)));
    }

    #[tokio::test(start_paused = true)]
    async fn failover_goes_on_to_the_next_master() {
        let dead = Scripted::new(Map::new());
        dead.outcomes([Err(Error::Timeout)]);
        let alive = Scripted::new(Map::new());
        let (one, two) = (dead.opener(), alive.opener());
        let open: Opener =
            Arc::new(move |address| if address.port == 1 { one(address) } else { two(address) });
        let at = |port| Address { host: "127.0.0.1".into(), port };
        let mut connection = Connection::new(vec![at(1), at(2)], Policy::of(&Map::new()), open);
        let (channel, renewed) = connection.establish().await.unwrap();
        assert!(renewed && connection.master().port == 2 && connection.state() == State::Authenticated);
        channel.request(map! { "cmd" => "x" }, None).await.unwrap();
        assert_eq!((dead.heard().len(), alive.heard().len()), (0, 1));
        connection.lost();
        assert_eq!((alive.forgotten(), connection.state()), (1, State::Unauthenticated));
    }

    #[test]
    fn an_address_has_many_forms() {
        let text = |entry: &str| Address::parse(entry, 4506).map(|a| a.to_string());
        assert_eq!(text("salt").as_deref(), Ok("salt:4506"));
        assert_eq!(text(" m:1 ").as_deref(), Ok("m:1"));
        assert_eq!(text("[::1]:7").as_deref(), Ok("[::1]:7"));
        assert_eq!(text("[::1]").as_deref(), Ok("[::1]:4506"));
        assert_eq!(text("::1").as_deref(), Ok("[::1]:4506"));
        for wrong in ["", "m:x", "[::1", "m:70000", ":1"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
