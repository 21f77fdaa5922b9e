//! Where a connection stands, and what follows an attempt. Pure: it decides, the connection does.
//!
//! | state | what it means | what leads on |
//! |---|---|---|
//! | `Unresolved` | the master's name has led to no address | an address: `Unauthenticated`; none: `retry_dns` later again, or the next master |
//! | `Unauthenticated` | there are no keys in common | acceptance: `Authenticated`; the key waits or is rejected: `Pending`; anything else: a wait, or the next master |
//! | `Pending` | a person has to accept the key | asked again after `acceptance_wait_time`; rejected without `rejected_retry`: the end |
//! | `Authenticated` | requests and publications work | a loss or a refusal: `Unauthenticated` |

use std::time::Duration;

use rand::Rng;
use salt::{Map, Value};
use tracing::{error, info, warn};

use super::{Address, Exit};
use crate::channel::{AuthOutcome, Error};
use crate::settings::Settings;

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
    /// The address of this machine instead of a name that leads nowhere (`retry_dns: 0`).
    Loopback,
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
    /// `retry_dns`; zero takes the address of this machine for a name that leads nowhere.
    pub retry_dns: Duration,
    /// `retry_dns_count`.
    pub retry_dns_count: Option<u32>,
    /// `random_reauth_delay`: a master that was lost and does not answer is left alone for up to so long, so that not
    /// all its minions come back in the same second.
    pub reauth_delay: Duration,
    /// A pending key is waited for; `vsalt call` gives up instead.
    pub patient: bool,
    /// How many masters there are to go round; one means that there is no other to go to.
    pub masters: usize,
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
            reauth_delay: opts.seconds("random_reauth_delay", 10),
            patient: true,
            masters: 1,
        }
    }
}

/// The state of a connection and what it remembers between attempts.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    state: State,
    wait: Duration,
    unresolved: u32,
    /// Masters in a row that could not be had.
    failed: usize,
    /// The connection was there before, and no attempt has come to its end since.
    lost: bool,
}

impl Machine {
    /// A machine at its start.
    pub fn new(policy: Policy) -> Machine {
        let wait = policy.wait;
        Machine { policy, state: State::Unresolved, wait, unresolved: 0, failed: 0, lost: false }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// There are further masters to go to.
    pub fn failover(&self) -> bool {
        self.policy.masters > 1
    }

    /// The connection is lost: keys have to be agreed on anew.
    pub fn lost(&mut self) {
        self.state = State::Unauthenticated;
        self.wait = self.policy.wait;
        self.failed = 0;
        self.lost = true;
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
        if self.failover() {
            return self.elsewhere("its name leads to no address", master);
        }
        if self.policy.retry_dns.is_zero() {
            warn!("Master hostname: '{}' not found. 127.0.0.1 is used, since retry_dns is 0", master.host);
            self.state = State::Unauthenticated;
            self.unresolved = 0;
            return Next::Loopback;
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
                self.failed = 0;
                self.lost = false;
                info!("Authentication with master at {} successful!", master.host);
                Next::Ready { renewed }
            }
            Ok(A::Pending | A::ClusterNotReady) => {
                self.state = State::Pending;
                if !self.policy.patient {
                    return give_up(
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
                self.failed(&outcome.to_string(), master)
            }
            Err(e) => {
                self.state = State::Unauthenticated;
                self.failed(&e.to_string(), master)
            }
        }
    }

    fn failed(&mut self, why: &str, master: &Address) -> Next {
        if self.failover() {
            return self.elsewhere(why, master);
        }
        if !self.policy.patient {
            return give_up(why);
        }
        error!(
            "Error while bringing up minion for multi-master. Is master at {} responding? The error message was {why}",
            master.host
        );
        Next::Again(self.pause())
    }

    /// The next master at once, or after a wait if none of them could be had.
    fn elsewhere(&mut self, why: &str, master: &Address) -> Next {
        warn!("Master {} could not be reached, trying next master (if any): {why}", master.host);
        self.state = State::Unresolved;
        self.failed += 1;
        if !self.failed.is_multiple_of(self.policy.masters) {
            return Next::Elsewhere(Duration::ZERO);
        }
        error!("No master could be reached or all masters denied the minion's connection attempt.");
        if !self.policy.patient {
            return give_up(why);
        }
        Next::Elsewhere(self.pause())
    }

    /// The wait after a failure: after the first one since a loss it is a random one.
    fn pause(&mut self) -> Duration {
        let most = self.policy.reauth_delay.as_millis().try_into().unwrap_or(u64::MAX);
        if std::mem::take(&mut self.lost) && most > 0 {
            return Duration::from_millis(rand::thread_rng().gen_range(most.min(1000)..=most));
        }
        self.growing()
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

fn give_up(why: &str) -> Next {
    Next::End(Duration::ZERO, Exit::new(2, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::accepted;
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
    fn without_patience_for_names_this_machine_is_the_master() {
        let mut machine = machine(map! { "retry_dns" => 0 });
        assert_eq!(machine.resolved(false, &master()), Next::Loopback);
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
        let mut machine = Machine::new(Policy { patient: false, masters: 2, ..Policy::of(&Map::new()) });
        assert_eq!(machine.answered(Err(Error::Timeout), &master()), Next::Elsewhere(Duration::ZERO));
        assert!(matches!(machine.answered(Err(Error::Timeout), &master()), Next::End(..)));
    }

    #[test]
    fn after_a_round_of_all_masters_there_is_a_wait() {
        let opts = map! { "acceptance_wait_time" => 10, "acceptance_wait_time_max" => 20 };
        let mut machine = Machine::new(Policy { masters: 3, ..Policy::of(&opts) });
        let waits: Vec<u64> = (0..6)
            .map(|n| match n % 2 {
                0 => machine.resolved(false, &master()),
                _ => machine.answered(Err(Error::Timeout), &master()),
            })
            .map(|next| match next {
                Next::Elsewhere(wait) => wait.as_secs(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [0, 0, 10, 0, 0, 20]);
        assert_eq!(machine.state(), State::Unresolved);
    }

    #[test]
    fn a_lost_master_that_is_down_is_left_alone_for_a_random_while() {
        let mut machine = machine(map! { "random_reauth_delay" => 3, "acceptance_wait_time" => 60 });
        machine.answered(accepted(), &master());
        machine.lost();
        assert!((1..=3).contains(&seconds(machine.answered(Err(Error::Timeout), &master()))));
        assert_eq!(seconds(machine.answered(Err(Error::Timeout), &master())), 60);
    }
}
