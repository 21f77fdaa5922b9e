//! One session for life, put to the proof: jobs by the thousand through a real master, sessions that are ended, vCenters that
//! restart, proxies that are stopped and killed. The simulator counts, not the proxy.

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::memory::Memory;
use crate::vcsim::Stats;
use crate::{Error, Job, Master, Proxy, Result, Settings, Tools, Vcsim, eventually, proxy};

/// Jobs on their way at once: what a busy master has, and what the lab's three workers stand.
const AT_ONCE: usize = 8;

/// How long anything may take that works.
const LONG: Duration = Duration::from_secs(120);

const ID: &str = "stress";

/// What is done, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Jobs in a row. Every tenth asks the vCenter itself, the others are answered from the inventory.
    pub jobs: usize,
    /// Sessions that are ended by an administrator.
    pub kills: usize,
    /// Restarts of the vCenter, as after a crash.
    pub restarts: usize,
    /// `kill -9` of the proxy, each followed by a start.
    pub crashes: usize,
}

impl Plan {
    /// The whole proof; takes some ten minutes, most of which is the master's.
    pub const FULL: Plan = Plan { jobs: 10_000, kills: 100, restarts: 20, crashes: 5 };

    /// What fits into everyday tests.
    pub const SMALL: Plan = Plan { jobs: 300, kills: 10, restarts: 3, crashes: 1 };
}

/// What the simulator has counted, and what the proxy has used.
#[derive(Debug)]
pub struct Figures {
    plan: Plan,
    seconds: [f32; 3],
    after_jobs: Stats,
    after_kills: Stats,
    /// Logins that each vCenter since a restart has seen: one each, since it knows no session of before.
    logins_of_restarts: Vec<u64>,
    sessions_of_restarts: Vec<u64>,
    /// Sessions in the vCenter after each end of a proxy: SIGTERM, then SIGINT.
    left: [u64; 2],
    /// Sessions right after each `kill -9`, after the next start, and after the stop of that.
    crashes: Vec<[u64; 3]>,
    /// Reads that were on their way while sessions ended and vCenters restarted, and those of all jobs that failed.
    reads: usize,
    failed: Vec<String>,
    memory: Memory,
}

/// The parts that are up.
struct Stand {
    master: Master,
    vcsim: Vcsim,
    proxy: Proxy,
    memory: Memory,
    failed: Vec<String>,
    reads: usize,
}

/// Does all of a plan; `say` is told how far it is.
///
/// # Errors
///
/// If the lab fails, or the proxy in a way that leaves nothing to count. What is counted wrong is told by
/// [`Figures::check`].
pub fn run(
    tools: &Tools,
    program: Option<PathBuf>,
    plan: Plan,
    mut say: impl FnMut(&str),
) -> Result<Figures> {
    let mut stand = Stand::up(tools, program)?;
    let began = Instant::now();
    let after_jobs = stand.jobs(plan.jobs, &mut say)?;
    let jobs_took = began.elapsed();

    let began = Instant::now();
    stand.vcsim.reset()?;
    for kill in 1..=plan.kills {
        stand.ended_session()?;
        if kill % 20 == 0 {
            say(&format!("{kill} sessions ended"));
        }
    }
    let after_kills = stand.settled()?;
    stand.sample("after the ended sessions");
    let kills_took = began.elapsed();

    let began = Instant::now();
    let (mut logins_of_restarts, mut sessions_of_restarts) = (Vec::new(), Vec::new());
    for restart in 1..=plan.restarts {
        stand.restarted_vcenter()?;
        let stats = stand.settled()?;
        logins_of_restarts.push(stats.count("logins"));
        sessions_of_restarts.push(stats.count("sessions"));
        if restart % 5 == 0 {
            say(&format!("{restart} restarts of the vCenter"));
        }
    }
    stand.sample("after the restarts");
    let restarts_took = began.elapsed();

    let mut left = [0; 2];
    for (signal, left) in ["TERM", "INT"].into_iter().zip(&mut left) {
        stand.proxy.process().signal(signal);
        let code = stand.proxy.process().wait(LONG)?;
        if code != 0 {
            stand.failed.push(format!("SIG{signal} ended the proxy with {code}"));
        }
        *left = stand.vcsim.stats()?.count("sessions");
        stand = stand.start_again()?;
    }
    let mut crashes = Vec::new();
    for _ in 0..plan.crashes {
        stand.proxy.process().kill();
        let orphans = stand.vcsim.stats()?.count("sessions");
        stand = stand.start_again()?;
        let one = stand.settled()?.count("sessions");
        stand.proxy.stop()?;
        crashes.push([orphans, one, stand.vcsim.stats()?.count("sessions")]);
        stand = stand.start_again()?;
    }
    say("stopped and killed");
    Ok(Figures {
        plan,
        seconds: [jobs_took, kills_took, restarts_took].map(|took| took.as_secs_f32()),
        after_jobs,
        after_kills,
        logins_of_restarts,
        sessions_of_restarts,
        left,
        crashes,
        reads: stand.reads,
        failed: std::mem::take(&mut stand.failed),
        memory: std::mem::take(&mut stand.memory),
    })
}

impl Stand {
    fn up(tools: &Tools, program: Option<PathBuf>) -> Result<Stand> {
        let program = program.map_or_else(proxy::vsalt, Ok)?;
        let vcsim = Vcsim::start(tools)?;
        let master = Master::start(tools, json!({"auto_accept": true}))?;
        master.pillar(ID, &proxy::pillar(&vcsim))?;
        let settings = Settings { level: "info".to_owned(), ..Settings::new(ID) };
        let mark = master.bus()?.mark();
        let mut proxy = Proxy::start_with(&program, &["proxy"], &master, settings)?;
        proxy.wait_ready(&master, mark)?;
        Ok(Stand { master, vcsim, proxy, memory: Memory::default(), failed: Vec::new(), reads: 0 })
    }

    fn start_again(self) -> Result<Stand> {
        let mark = self.master.bus()?.mark();
        let mut proxy = self.proxy.restart(&["proxy"])?;
        proxy.wait_ready(&self.master, mark)?;
        Ok(Stand { proxy, ..self })
    }

    /// Jobs as fast as the master takes them.
    fn jobs(&mut self, jobs: usize, say: &mut impl FnMut(&str)) -> Result<Stats> {
        let warm = (jobs / 10).max(AT_ONCE);
        let mut on_their_way = VecDeque::new();
        let every = (jobs / 10).max(1);
        for n in 0..jobs {
            let (fun, arg) = read(n);
            let job = self.master.bus()?.publish(&json!({"tgt": ID, "fun": fun, "arg": arg}))?;
            on_their_way.push_back((fun, job));
            if on_their_way.len() >= AT_ONCE
                && let Some((fun, job)) = on_their_way.pop_front()
            {
                self.failed.extend(failure(fun, &job));
            }
            match n + 1 {
                n if n == warm => self.memory.sample("warm", &mut self.proxy),
                n if n % every == 0 => {
                    self.memory.sample("jobs", &mut self.proxy);
                    say(&format!("{n} jobs"));
                }
                _ => {}
            }
        }
        for (fun, job) in on_their_way {
            self.failed.extend(failure(fun, &job));
        }
        self.vcsim.stats()
    }

    /// An administrator ends the session while jobs come.
    fn ended_session(&mut self) -> Result<()> {
        self.settled()?;
        self.vcsim.drop_sessions()?;
        self.reads(|_| Ok(()))
    }

    /// The vCenter dies while jobs come, and is back a while later.
    fn restarted_vcenter(&mut self) -> Result<()> {
        self.vcsim.kill();
        self.reads(|vcsim| {
            std::thread::sleep(Duration::from_millis(300));
            vcsim.restart()
        })
    }

    /// Reads of both kinds, with something happening while they are on their way.
    fn reads(&mut self, meanwhile: impl FnOnce(&mut Vcsim) -> Result<()>) -> Result<()> {
        let bus = self.master.bus()?;
        let jobs = [0, 9, 1, 19]
            .map(read)
            .into_iter()
            .map(|(fun, arg)| Ok((fun, bus.publish(&json!({"tgt": ID, "fun": fun, "arg": arg}))?)))
            .collect::<Result<Vec<_>>>()?;
        meanwhile(&mut self.vcsim)?;
        for (fun, job) in &jobs {
            self.failed.extend(failure(fun, job));
        }
        self.reads += jobs.len();
        Ok(())
    }

    /// The counters once there is one session again.
    fn settled(&mut self) -> Result<Stats> {
        let mut last = self.vcsim.stats()?;
        let one = eventually(LONG, || {
            last = self.vcsim.stats().ok()?;
            (last.count("sessions") == 1).then_some(())
        });
        match one {
            Some(()) => Ok(last),
            None => Err(Error::new(format!(
                "there are {} sessions, and not one\n{}",
                last.count("sessions"),
                self.proxy.process().tail()
            ))),
        }
    }

    fn sample(&mut self, when: &'static str) {
        self.memory.sample(when, &mut self.proxy);
    }
}

/// The n-th job: reads of all kinds; every tenth asks the vCenter itself.
fn read(n: usize) -> (&'static str, Value) {
    let reads = [
        ("vsphere.list_vms", json!([])),
        ("vmware_vm.list", json!([])),
        ("vsphere.list_hosts", json!([])),
        ("test.ping", json!([])),
        ("vsphere.list_datacenters", json!([])),
        ("vmware_datacenter.list", json!([])),
        ("vsphere.list_clusters", json!([])),
        ("vsphere.list_datastores", json!([])),
        ("grains.get", json!(["id"])),
    ];
    match n % 20 {
        9 => ("vmware_datacenter.get", json!(["DC0"])),
        19 => ("vsphere.test_vcenter_connection", json!([])),
        n => reads[n % reads.len()].clone(),
    }
}

/// Why a job has not done what it should.
fn failure(fun: &str, job: &Job<'_>) -> Option<String> {
    match job.wait(ID, LONG) {
        Ok(returned) if returned.success() && returned.retcode() == 0 => None,
        Ok(returned) => Some(format!("{fun}: {}", returned.text())),
        Err(error) => Some(format!("{fun}: {}", error.to_string().chars().take(200).collect::<String>())),
    }
}

impl Figures {
    /// What is not as it has to be; nothing if all is well.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = self.failed.clone();
        let mut must = |is: bool, what: String| {
            if !is {
                wrong.push(what);
            }
        };
        let (jobs, kills) = (&self.after_jobs, &self.after_kills);
        must(jobs.count("logins") == 1, format!("{} logins after the jobs", jobs.count("logins")));
        must(jobs.count("sessions") == 1, format!("{} sessions after the jobs", jobs.count("sessions")));
        let logins = 1 + kills.count("logins");
        must(
            logins <= 1 + self.plan.kills as u64,
            format!("{logins} logins after {} ended sessions", self.plan.kills),
        );
        must(kills.count("logins_failed") == 0, "a login failed".to_owned());
        must(
            self.logins_of_restarts.iter().all(|&n| n == 1),
            format!("logins: {:?}", self.logins_of_restarts),
        );
        must(
            self.sessions_of_restarts.iter().all(|&n| n == 1),
            format!("sessions: {:?}", self.sessions_of_restarts),
        );
        must(self.left == [0, 0], format!("sessions left by SIGTERM and SIGINT: {:?}", self.left));
        let clean = self.crashes.iter().all(|counts| *counts == [1, 1, 0]);
        must(clean, format!("sessions after kill -9, the next start, its stop: {:?}", self.crashes));
        wrong.extend(self.memory.check());
        wrong
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { jobs, kills, restarts, crashes } = self.plan;
        let [jobs_took, kills_took, restarts_took] = self.seconds;
        let (one, two) = (&self.after_jobs, &self.after_kills);
        writeln!(
            f,
            "{jobs} jobs in {jobs_took:.0} s: {} logins, {} sessions",
            one.count("logins"),
            one.count("sessions")
        )?;
        for (method, calls) in one.methods_but(&[]) {
            writeln!(f, "    {calls:6} {method}")?;
        }
        writeln!(
            f,
            "{kills} sessions ended in {kills_took:.0} s: {} logins since the start, {} sessions",
            one.count("logins") + two.count("logins"),
            two.count("sessions")
        )?;
        writeln!(
            f,
            "{restarts} restarts of the vCenter in {restarts_took:.0} s: logins of each {:?}, sessions {:?}",
            self.logins_of_restarts, self.sessions_of_restarts
        )?;
        writeln!(
            f,
            "{} reads on their way meanwhile; of all jobs failed: {}",
            self.reads,
            self.failed.len()
        )?;
        self.failed.iter().try_for_each(|failed| writeln!(f, "    {failed}"))?;
        writeln!(f, "sessions left by SIGTERM and SIGINT: {:?}", self.left)?;
        writeln!(
            f,
            "{crashes} times kill -9: sessions then, after the next start, after its stop: {:?}",
            self.crashes
        )?;
        write!(f, "{}", self.memory)
    }
}
