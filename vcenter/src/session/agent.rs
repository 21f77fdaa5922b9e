//! How this process is called in the server's list of sessions, and whether the process behind such a name still runs.
//!
//! The user agent `product/1.0 (instance)` becomes `product/1.0 (instance; host H; run B.N.P.S.R)`: H stands for this
//! machine, B for its boot, N is the PID namespace, P the process, S the moment it started, in the kernel's ticks, and R is
//! a random number of the one client in it. B and H are digests: they tell one machine from another, and nothing about it.

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use sha2::{Digest, Sha256};

/// A user agent, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The product without its version, so that a newer version knows what an older one has left behind.
    product: String,
    /// What stands in brackets before the host.
    instance: String,
    host: String,
    run: Run,
}

/// A process, for as long as the machine is up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    boot: String,
    namespace: u64,
    pid: i32,
    start: u64,
    /// The client in it, of which there may be several; older versions did not say.
    client: Option<u64>,
}

/// What can be said of the process behind a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is not one of ours, or it runs, or nobody here can tell.
    Theirs,
    /// It was ours, and runs no more; or it is this very client, which has one session at a time.
    Gone,
    /// It was ours in an earlier boot of this machine or in another container on it: gone if nothing is heard of it.
    Elsewhere,
}

/// The user agent `base` with the marks of this process and of a client in it, other ones at each call; without them where
/// the system does not tell them.
pub fn name(base: &str) -> String {
    let Some((host, run)) = host().zip(Run::own()) else { return base.to_owned() };
    match base.strip_suffix(')').filter(|it| it.contains('(')) {
        Some(open) => format!("{open}; host {host}; run {run})"),
        None => format!("{base} (host {host}; run {run})"),
    }
}

impl Agent {
    /// What has become of the process behind `other`, seen from this one.
    pub fn fate(&self, other: &Agent) -> Fate {
        self.fate_by(other, started)
    }

    fn fate_by(&self, other: &Agent, started: impl Fn(i32) -> Started) -> Fate {
        let same = |of: fn(&Agent) -> &str| of(self) == of(other);
        if !same(|it| &it.product) || !same(|it| &it.instance) || !same(|it| &it.host) {
            return Fate::Theirs;
        }
        if self.run.boot != other.run.boot || self.run.namespace != other.run.namespace {
            return Fate::Elsewhere;
        }
        if self.run.client.is_some() && self.run == other.run {
            return Fate::Gone;
        }
        match started(other.run.pid) {
            Started::Never => Fate::Gone,
            Started::At(start) if start != other.run.start => Fate::Gone,
            Started::At(_) | Started::Unknown => Fate::Theirs,
        }
    }
}

/// Reads what [`name`] writes.
impl FromStr for Agent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (before, marks) = text.strip_suffix(')').ok_or(())?.rsplit_once("host ").ok_or(())?;
        let (host, run) = marks.split_once("; run ").ok_or(())?;
        let (product, rest) = before.split_once('/').ok_or(())?;
        let (_, instance) = rest.split_once(' ').ok_or(())?;
        let instance = instance.strip_prefix('(').ok_or(())?;
        let instance = instance.strip_suffix("; ").unwrap_or(instance);
        Ok(Self {
            product: product.to_owned(),
            instance: instance.to_owned(),
            host: host.to_owned(),
            run: run.parse()?,
        })
    }
}

impl Run {
    fn own() -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        let namespace = namespace.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()?;
        let pid = i32::try_from(std::process::id()).ok()?;
        let Started::At(start) = started(pid) else { return None };
        // Each RandomState has its own random keys.
        let client = Some(RandomState::new().hash_one(pid) >> 32);
        Some(Self { boot: digest(boot.trim(), 8), namespace, pid, start, client })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.boot, self.namespace, self.pid, self.start)?;
        self.client.map_or(Ok(()), |client| write!(f, ".{client}"))
    }
}

impl FromStr for Run {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let (boot, namespace, pid, start, client) = match parts[..] {
            [boot, namespace, pid, start] => (boot, namespace, pid, start, None),
            [boot, namespace, pid, start, client] => (boot, namespace, pid, start, Some(client)),
            _ => return Err(()),
        };
        let number = |text: &str| text.parse().map_err(drop);
        let (namespace, start, client) =
            (number(namespace)?, number(start)?, client.map(number).transpose()?);
        Ok(Self { boot: boot.to_owned(), namespace, pid: pid.parse().map_err(drop)?, start, client })
    }
}

/// This machine: by its id and its name, since machines that were copied share the one or the other.
fn host() -> Option<String> {
    let read = |path| fs::read_to_string(path).ok().filter(|text: &String| !text.trim().is_empty());
    let id = read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id")).unwrap_or_default();
    let name = read("/proc/sys/kernel/hostname")?;
    Some(digest(&format!("{}\n{}", id.trim(), name.trim()), 12))
}

fn digest(text: &str, digits: usize) -> String {
    let mut hex: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(digits);
    hex
}

/// When a process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Started {
    /// There is none of that number, or only its remains.
    Never,
    /// In ticks since the machine's start.
    At(u64),
    /// There is one, and we may not look at it.
    Unknown,
}

fn started(pid: i32) -> Started {
    if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
        return of_stat(&stat);
    }
    // A process of somebody else may be hidden from /proc, but not from this.
    match Pid::from_raw(pid).map(test_kill_process) {
        Some(Err(Errno::SRCH)) | None => Started::Never,
        Some(_) => Started::Unknown,
    }
}

/// Out of `/proc/PID/stat`: `1234 (name) S 1 …`; the name may hold anything.
fn of_stat(stat: &str) -> Started {
    let fields: Vec<&str> = match stat.rsplit_once(')') {
        Some((_, rest)) => rest.split_ascii_whitespace().collect(),
        None => return Started::Unknown,
    };
    match (fields.first(), fields.get(19).and_then(|ticks| ticks.parse().ok())) {
        // Dead, and not yet buried by its parent.
        (Some(&"Z" | &"X"), _) => Started::Never,
        (_, Some(ticks)) => Started::At(ticks),
        _ => Started::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(text: &str) -> Agent {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_read_back() {
        let mut own = agent(&name("product/1.0 (vc01)"));
        assert!(own.run.client.is_some());
        own.run.client = None;
        let agent = |text: &str| {
            let mut agent = agent(text);
            agent.run.client = None;
            agent
        };
        assert_eq!((own.product.as_str(), own.instance.as_str()), ("product", "vc01"));
        assert_eq!(own.run.pid as u32, std::process::id());
        assert_eq!(own.host.len(), 12);
        assert_eq!(agent(&name("product/2.0 (vc01)")), own, "the version does not matter");
        assert_ne!(agent(&name("product/1.0 (vc02)")), own);
        assert_eq!(agent(&name("product/1.0")).instance, "");
        for text in ["", "govc/0.30", "product/1.0 (vc01)", "a/1 (x; host h)", "a/1 (x; host h; run 1.2.3)"] {
            assert!(text.parse::<Agent>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_who_is_certainly_gone_is_gone() {
        let own = agent("p/1 (vc01; host h; run b.7.100.5000)");
        let running = |pid| if pid == 200 { Started::At(9) } else { Started::Never };
        let fate = |text: &str| own.fate_by(&agent(text), running);
        assert_eq!(fate("p/0.9 (vc01; host h; run b.7.150.4000)"), Fate::Gone);
        assert_eq!(fate("p/1 (vc01; host h; run b.7.200.9)"), Fate::Theirs, "it runs");
        assert_eq!(fate("p/1 (vc01; host h; run b.7.200.8)"), Fate::Gone, "its number was given anew");
        assert_eq!(fate("p/1 (vc02; host h; run b.7.150.4000)"), Fate::Theirs, "another instance");
        assert_eq!(fate("q/1 (vc01; host h; run b.7.150.4000)"), Fate::Theirs, "another product");
        assert_eq!(fate("p/1 (vc01; host g; run b.7.150.4000)"), Fate::Theirs, "another machine");
        assert_eq!(
            fate("p/1 (vc01; host h; run b.7.200.9.1)"),
            Fate::Theirs,
            "another client of the same process"
        );
        let one = agent("p/1 (vc01; host h; run b.7.200.9.1)");
        assert_eq!(one.fate_by(&one, running), Fate::Gone, "a login whose answer it has never had");
        assert_eq!(one.fate_by(&agent("p/1 (vc01; host h; run b.7.200.9.2)"), running), Fate::Theirs);
        assert_eq!(fate("p/1 (vc01; host h; run a.7.150.4000)"), Fate::Elsewhere, "before the boot");
        assert_eq!(fate("p/1 (vc01; host h; run b.8.150.4000)"), Fate::Elsewhere, "another container");
        assert_eq!(
            own.fate_by(&agent("p/1 (vc01; host h; run b.7.1.1)"), |_| Started::Unknown),
            Fate::Theirs
        );
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        let own = std::process::id() as i32;
        assert!(matches!(started(own), Started::At(ticks) if ticks > 0));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id() as i32;
        // Dead but not waited for is as good as gone.
        let gone = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            started(pid) == Started::Never
        });
        assert!(gone);
        child.wait().unwrap();
        assert_eq!(started(pid), Started::Never);
        assert_eq!(of_stat("7 (a) b) S 1 2 3"), Started::Unknown);
    }
}
