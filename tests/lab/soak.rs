//! A long life put to the proof: jobs by the ten thousand, and keys that the master changes under way. What must not grow is the
//! memory of the proxy and the number of its open files.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::memory::Memory;
use crate::{Job, Master, Proxy, Result, Settings, Tools, Vcsim, proxy};

/// Jobs on their way at once.
const AT_ONCE: usize = 8;
/// How long anything may take that works.
const LONG: Duration = Duration::from_secs(120);
const ID: &str = "soak";

/// What is done, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Jobs in a row.
    pub jobs: usize,
    /// New session keys, each of which costs the proxy a refused request and a new authentication.
    pub keys: usize,
}

impl Plan {
    /// Some minutes, most of which are the master's.
    pub const MINUTES: Plan = Plan { jobs: 5_000, keys: 100 };
    /// Hours.
    pub const HOURS: Plan = Plan { jobs: 100_000, keys: 1_000 };
    /// What fits into everyday tests.
    pub const SMALL: Plan = Plan { jobs: 200, keys: 5 };
}

/// What was counted.
#[derive(Debug)]
pub struct Figures {
    plan: Plan,
    took: Duration,
    /// Authentications that the master has accepted, without the first.
    authentications: usize,
    failed: Vec<String>,
    memory: Memory,
}

/// Does all of a plan; `say` is told how far it is.
///
/// # Errors
/// If the lab fails. What the proxy does wrong is told by [`Figures::check`].
pub fn run(
    tools: &Tools,
    program: Option<PathBuf>,
    plan: Plan,
    mut say: impl FnMut(&str),
) -> Result<Figures> {
    let program = program.map_or_else(proxy::vsalt, Ok)?;
    let vcsim = Vcsim::start(tools)?;
    let master = Master::start(tools, json!({"auto_accept": true}))?;
    master.pillar(ID, &proxy::pillar(&vcsim))?;
    let settings = Settings { level: "warning".to_owned(), ..Settings::new(ID) };
    let mut from = master.bus()?.mark();
    let mut proxy = Proxy::start_with(&program, &["proxy"], &master, settings)?;
    proxy.wait_ready(&master, from)?;
    from = master.bus()?.mark();

    let began = Instant::now();
    let (mut authentications, mut failed, mut memory) = (0, Vec::new(), Memory::default());
    let mut on_their_way = VecDeque::new();
    let every = (plan.jobs / plan.keys.max(1)).max(1);
    let (warm, tenth) = ((plan.jobs / 10).max(AT_ONCE), (plan.jobs / 10).max(1));
    for n in 1..=plan.jobs {
        let (fun, arg) = job(n);
        on_their_way.push_back((n, master.bus()?.publish(&json!({"tgt": ID, "fun": fun, "arg": arg}))?));
        if on_their_way.len() >= AT_ONCE
            && let Some((n, job)) = on_their_way.pop_front()
        {
            failed.extend(failure(n, &job));
        }
        if n % every == 0 {
            authentications += accepted(&master, &mut from)?;
            // The next request finds that its key is of no use any more.
            let _ = std::fs::remove_file(session_file(&master));
        }
        if n == warm {
            memory.sample("warm", &mut proxy);
        } else if n % tenth == 0 {
            memory.sample("jobs", &mut proxy);
            say(&format!("{n} jobs"));
        }
    }
    for (n, job) in on_their_way {
        failed.extend(failure(n, &job));
    }
    authentications += accepted(&master, &mut from)?;
    memory.sample("end", &mut proxy);
    let took = began.elapsed();
    proxy.stop()?;
    Ok(Figures { plan, took, authentications, failed, memory })
}

fn session_file(master: &Master) -> PathBuf {
    master.path("cache").join("sessions").join(ID)
}

/// How often the master has accepted the key since the last look.
fn accepted(master: &Master, from: &mut usize) -> Result<usize> {
    let bus = master.bus()?;
    let (since, mark) = (bus.since(*from), bus.mark());
    *from = mark;
    Ok(since.iter().filter(|event| event.tag == "salt/auth" && event.data["act"] == "accept").count())
}

/// The n-th job: small and large answers, errors, reads of the inventory, a state run.
fn job(n: usize) -> (&'static str, Value) {
    match n % 20 {
        3 => ("test.echo", json!(["x".repeat(n % 50_000)])),
        7 => ("no.such", json!([])),
        11 => ("vsphere.list_vms", json!([])),
        13 => ("test.exception", json!(["expected"])),
        17 => ("state.single", json!(["test.succeed_with_changes", "x"])),
        19 => ("vmware_datacenter.get", json!(["DC0"])),
        _ => ("test.ping", json!([])),
    }
}

/// Why a job has not done what it should.
fn failure(n: usize, job: &Job<'_>) -> Option<String> {
    let (fun, _) = self::job(n);
    let good = !matches!(fun, "no.such" | "test.exception");
    match job.wait(ID, LONG) {
        Ok(returned) if returned.success() == good => None,
        Ok(returned) => Some(format!("{fun}: {}", returned.text())),
        Err(error) => Some(format!("{fun}: {}", error.to_string().chars().take(200).collect::<String>())),
    }
}

impl Figures {
    /// What is not as it has to be; nothing if all is well.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = self.failed.clone();
        if self.authentications < self.plan.keys.saturating_sub(1) {
            wrong.push(format!("{} authentications for {} keys", self.authentications, self.plan.keys));
        }
        wrong.extend(self.memory.check());
        wrong
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (jobs, keys) = (self.plan.jobs, self.plan.keys);
        let took = self.took.as_secs_f32();
        writeln!(f, "{jobs} jobs in {took:.0} s, {} of them wrong", self.failed.len())?;
        writeln!(f, "{keys} new session keys, {} authentications", self.authentications)?;
        self.failed.iter().try_for_each(|failed| writeln!(f, "    {failed}"))?;
        write!(f, "{}", self.memory)
    }
}
