//! Many jobs, while master and minion are killed at random: what ran, what came back, what was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Bus, Error, Master, Proxy, Result, Root, Settings, Tools, Vcsim, eventually, proxy};

const ID: &str = "endure01";
/// So many jobs are under way at most: the master keeps a thousand publications for a slow subscriber, and drops more.
const ABREAST: usize = 200;
/// How long everything may take to settle after the last job.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Jobs that the master publishes.
    pub jobs: u32,
    /// Deaths of the master.
    pub restarts: u32,
    /// Deaths of the minion.
    pub kills: u32,
    /// Where the dice start; the same seed dies at the same jobs.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Jobs that the master gave a jid and published.
    pub published: usize,
    /// Jobs that had their effect.
    pub executed: usize,
    /// Jobs that had it more than once.
    pub repeated: Vec<String>,
    /// Jobs with a return in the master's cache.
    pub returned: usize,
    /// Jobs that had their effect or were noted by the minion as its own, and have no return.
    pub missing: Vec<String>,
    /// Returns of jobs without an effect: cut off by a death before it.
    pub cut_off: usize,
    /// Jobs that never reached the minion, which was away: nobody keeps publications.
    pub unheard: usize,
    /// Returns that came to the master's bus more than once; its cache keeps the first.
    pub resent: usize,
    /// How long it took.
    pub time: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} jobs published in {} s: {} executed ({} more than once), {} returned ({} of them cut off before their \
             effect), {} missing, {} published while the minion was away, {} returns sent again",
            self.published,
            self.time.as_secs(),
            self.executed,
            self.repeated.len(),
            self.returned,
            self.cut_off,
            self.missing.len(),
            self.unheard,
            self.resent,
        )
    }
}

/// Does it, and says from time to time how far it is.
pub fn endure(tools: &Tools, plan: Plan) -> Result<Outcome> {
    let began = Instant::now();
    let root = Root::new()?;
    let effects = root.path().join("effects");
    fs::write(&effects, "")?;
    let vcsim = Vcsim::start(tools)?;
    // The cache is what is looked at in the end: nothing may be cleaned away meanwhile.
    let mut master = Master::start(tools, json!({"auto_accept": true, "keep_jobs_seconds": 864_000}))?;
    master.pillar(ID, &proxy::pillar(&vcsim))?;
    let mut minion = Proxy::start(&master, Settings { level: "info".to_owned(), ..Settings::new(ID) })?;
    minion.wait_ready(&master, 0)?;

    let mut dice = Dice(plan.seed | 1);
    let deaths = dice.deaths(plan);
    let mut seen = Returns::default();
    let mut jids: BTreeMap<String, u32> = BTreeMap::new();
    let mut waiting = Vec::new();
    for n in 0..plan.jobs {
        match deaths.get(&n) {
            Some(Death::Master) => {
                seen.take(master.bus()?);
                master.kill();
                master.restart()?;
            }
            Some(Death::Minion) => {
                minion.process().kill();
                minion = minion.restart(&["proxy"])?;
            }
            None => {}
        }
        let command = format!("echo {n} >> {}", effects.display());
        let job = master.bus()?.publish(&json!({"tgt": ID, "fun": "cmd.run", "arg": [command]}))?.jid;
        jids.insert(job.clone(), n);
        waiting.push(job);
        if waiting.len() >= ABREAST {
            // What the bus has not told after a while is not waited for: its minion or its master died.
            let bus = master.bus()?;
            eventually(Duration::from_secs(20), || {
                let back = returned(bus);
                (waiting.iter().filter(|j| !back.contains(*j)).count() < ABREAST / 4).then_some(())
            });
            let back = returned(bus);
            waiting.retain(|j| !back.contains(j));
            waiting.truncate(ABREAST / 2);
        }
        if n % 1000 == 999 {
            eprintln!("{} jobs in {} s", n + 1, began.elapsed().as_secs());
        }
    }
    // It is there and has nothing left to say when a job comes back and no more returns come for a while.
    let bus = master.bus()?;
    eventually(PATIENCE, || bus.call(ID, "test.ping", json!([]), json!({})).ok())
        .ok_or_else(|| Error::new(format!("the minion is gone\n{}", minion.log())))?;
    let mut last = (cached(&master).len(), Instant::now());
    while last.1.elapsed() < Duration::from_secs(15) {
        std::thread::sleep(Duration::from_secs(1));
        let now = cached(&master).len();
        if now != last.0 {
            last = (now, Instant::now());
        }
    }
    seen.take(master.bus()?);
    minion.stop()?;
    let text = fs::read_to_string(&effects)?;
    Ok(judge(&master, &jids, &text, &minion.log(), &seen, began.elapsed()))
}

fn judge(
    master: &Master,
    jids: &BTreeMap<String, u32>,
    effects: &str,
    log: &str,
    seen: &Returns,
    time: Duration,
) -> Outcome {
    let mut ran: BTreeMap<u32, usize> = BTreeMap::new();
    for n in effects.lines().filter_map(|l| l.parse().ok()) {
        *ran.entry(n).or_default() += 1;
    }
    let noted: BTreeSet<&str> = log
        .lines()
        .filter(|l| l.contains("Returning information for job"))
        .filter_map(|l| l.rsplit(": ").next())
        .map(str::trim)
        .collect();
    let mut outcome = Outcome { published: jids.len(), executed: ran.len(), time, ..Outcome::default() };
    let cached = cached(master);
    for (jid, n) in jids {
        let (ran, back) = (ran.get(n).copied().unwrap_or_default(), cached.contains(jid));
        if ran > 1 {
            outcome.repeated.push(jid.clone());
        }
        match (ran > 0 || noted.contains(jid.as_str()), back) {
            (true, false) => outcome.missing.push(jid.clone()),
            (false, false) => outcome.unheard += 1,
            (_, true) => {
                outcome.returned += 1;
                outcome.cut_off += usize::from(ran == 0);
            }
        }
        outcome.resent += usize::from(seen.0.get(jid).is_some_and(|times| *times > 1));
    }
    outcome
}

/// The jobs whose return is in the master's cache. Asked of its files: ten thousand questions to a runner take hours.
fn cached(master: &Master) -> BTreeSet<String> {
    let below = |dir: &Path| -> Vec<_> {
        fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect()
    };
    // Two folders deep, named after the hash of the jid, which is in a file.
    let jobs = below(&master.path("cache/jobs")).into_iter().flat_map(|dir| below(&dir));
    let back = jobs.filter(|job| job.join(ID).join("return.p").exists());
    back.filter_map(|job| fs::read_to_string(job.join("jid")).ok()).collect()
}

fn returned(bus: &Bus) -> BTreeSet<String> {
    let jid = |data: &Value| data["jid"].as_str().map(str::to_owned);
    bus.since(0).iter().filter(|e| e.tag.contains("/ret/")).filter_map(|e| jid(&e.data)).collect()
}

/// How often the return of a jid came to the bus.
#[derive(Default)]
struct Returns(BTreeMap<String, usize>);

impl Returns {
    fn take(&mut self, bus: &Bus) {
        for event in bus.since(0).iter().filter(|e| e.tag.starts_with("salt/job/") && e.tag.contains("/ret/"))
        {
            if let Some(jid) = event.data["jid"].as_str() {
                *self.0.entry(jid.to_owned()).or_default() += 1;
            }
        }
    }
}

enum Death {
    Master,
    Minion,
}

/// Numbers that look random and can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(below.max(1))).unwrap_or_default()
    }

    /// Before which job who dies.
    fn deaths(&mut self, plan: Plan) -> BTreeMap<u32, Death> {
        let mut deaths = BTreeMap::new();
        while deaths.len() < usize::try_from(plan.restarts.min(plan.jobs / 4)).unwrap_or_default() {
            deaths.insert(self.roll(plan.jobs), Death::Master);
        }
        let all = deaths.len() + usize::try_from(plan.kills.min(plan.jobs / 4)).unwrap_or_default();
        while deaths.len() < all {
            deaths.entry(self.roll(plan.jobs)).or_insert(Death::Minion);
        }
        deaths
    }
}
