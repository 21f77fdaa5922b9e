//! What the lab is made of: Debian packages, a Python environment for each Salt, and the simulator, built here.
//!
//! Everything lands in `target/lab` (or `VSALT_LAB_DIR`) and is complete only once its stamp is written, so that an aborted
//! run starts anew and a second one has nothing to do and needs no network.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::Doing;
use crate::{Error, Result, process};

/// A Salt release we know, and what it runs on.
#[derive(Debug)]
pub struct Release {
    /// The version of the `salt` package on PyPI.
    pub version: &'static str,
    pins: &'static str,
}

impl Release {
    /// The line: what the version begins with.
    pub fn line(&self) -> u32 {
        self.version.split('.').next().and_then(|line| line.parse().ok()).unwrap_or_default()
    }
}

/// The newest release of each line that Salt supports.
pub static RELEASES: [Release; 3] = [
    Release { version: "3006.30", pins: include_str!("python/salt-3006.30.txt") },
    Release { version: "3007.17", pins: include_str!("python/salt-3007.17.txt") },
    Release { version: "3008.5", pins: include_str!("python/salt-3008.5.txt") },
];

/// The release that tests and the demo use unless they say otherwise.
pub static RELEASE: &Release = &RELEASES[1];

/// What pip builds and installs the rest with, as in the pins.
const BUILDERS: [&str; 4] = ["pip", "setuptools", "wheel", "Cython"];

/// Debian packages, and for what.
const PACKAGES: [&str; 9] = [
    "ca-certificates",
    "python3",
    "python3-venv",
    "python3-dev", // timelib comes as C and Cython
    "golang-go",
    "golang-github-vmware-govmomi-dev",
    "g++",            // libFuzzer comes as C++
    "libfaketime",    // a clock of its own for one process
    "libnss-wrapper", // and names of its own
];

/// The parts that do not move, ready for use.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The Salt that is here.
    pub release: &'static Release,
    /// The folder with `salt-master`, `salt`, `python3` …
    pub bin: PathBuf,
    /// The simulator.
    pub vcsim: PathBuf,
}

impl Tools {
    /// What is there already, with the usual release, without making anything.
    pub fn present() -> Result<Tools> {
        Tools::with(RELEASE)
    }

    /// What is there already, with this release.
    pub fn with(release: &'static Release) -> Result<Tools> {
        let venv = venv(release);
        if !complete(release) {
            return Err(Error::new(format!("there is no Salt {} in {}", release.version, venv.display())));
        }
        let vcsim = vcsim_path()?;
        if !vcsim.exists() {
            return Err(Error::new(format!("the simulator is not built ({})", vcsim.display())));
        }
        Ok(Tools { release, bin: venv.join("bin"), vcsim })
    }

    /// Makes what is missing for the usual release. Says what it does, on standard error.
    pub fn provide() -> Result<Tools> {
        Tools::provide_all(std::slice::from_ref(RELEASE))?;
        Tools::present()
    }

    /// Makes what is missing for these releases.
    pub fn provide_all(releases: &'static [Release]) -> Result<()> {
        if releases.iter().all(|release| Tools::with(release).is_ok()) && PACKAGES.into_iter().all(installed)
        {
            return Ok(());
        }
        fs::create_dir_all(lab_dir()).doing(lab_dir().display())?;
        let lock = File::create(lab_dir().join("lock"))?;
        if lock.try_lock().is_err() {
            say("another run is provisioning; waiting for it");
            lock.lock().doing("the lab's lock")?;
        }
        packages()?;
        // Beside one another: most of the time goes into waiting for the network and into compilers that use one core.
        std::thread::scope(|scope| {
            let simulator = scope.spawn(|| simulator().map(drop));
            let salts: Vec<_> = releases.iter().map(|r| scope.spawn(move || salt(r).map(drop))).collect();
            salts.into_iter().chain([simulator]).try_for_each(|made| {
                made.join().unwrap_or_else(|_| Err(Error::new("provisioning ended by a defect of the lab")))
            })
        })
    }

    /// A program of the Python environment.
    pub fn python(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }
}

/// Installs the Debian packages that are missing; none, and it asks nobody.
fn packages() -> Result<()> {
    let missing: Vec<&str> = PACKAGES.into_iter().filter(|p| !installed(p)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !root() {
        return Err(Error::new(format!(
            "the lab needs Debian packages that are not installed. As root:\n    apt-get install --no-install-recommends {list}"
        )));
    }
    say(&format!("installing {list}"));
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        checked(&apt, 1200)
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

fn installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status}", package]);
    query.output().is_ok_and(|o| o.status.success() && o.stdout.starts_with(b"installed"))
}

fn root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|s| {
        s.lines().any(|l| l.strip_prefix("Uid:").is_some_and(|u| u.split_whitespace().nth(1) == Some("0")))
    })
}

const STAMP: &str = ".complete";

/// Makes the Python environment of a Salt release from its pins; Salt itself is built from its sdist.
fn salt(release: &Release) -> Result<PathBuf> {
    let Release { version, pins } = release;
    let venv = venv(release);
    if complete(release) {
        return Ok(venv);
    }
    if venv.exists() {
        say(&format!("{} is not complete or not of these pins: made anew", venv.display()));
        fs::remove_dir_all(&venv)?;
    }
    say(&format!("making a Python environment with Salt {version} (some minutes)"));
    let list = lab_dir().join(format!("salt-{version}.txt"));
    fs::write(&list, pins)?;
    // Debian's interpreter by its path: another python3 may come first in PATH.
    checked(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&venv), 300)?;
    let pip = |args: &[&str]| {
        let mut pip = Command::new(venv.join("bin/python3"));
        pip.args([
            "-m",
            "pip",
            "install",
            "-q",
            "--no-input",
            "--no-compile",
            "--no-deps",
            "--disable-pip-version-check",
        ]);
        pip.args(args);
        checked(&pip, 1500)
    };
    let builders: Vec<&str> = pins
        .lines()
        .filter(|l| BUILDERS.iter().any(|b| l.split_once("==").is_some_and(|(n, _)| n == *b)))
        .collect();
    pip(&builders)?;
    pip(&["--no-build-isolation", "-r", &list.to_string_lossy()])?;
    pip(&["--no-build-isolation", "--no-binary", "salt", &format!("salt=={version}")])?;
    // Compiled once here, or else by each first start; some of Salt's templates are no Python, so its exit code says nothing.
    let mut compile = Command::new(venv.join("bin/python3"));
    compile.args(["-m", "compileall", "-q", "-j", "2"]).arg(venv.join("lib"));
    process::run(&compile, Duration::from_secs(600))?;
    checked(Command::new(venv.join("bin/salt-master")).arg("--version"), 60)?;
    fs::write(venv.join(STAMP), stamp(pins))?;
    Ok(venv)
}

/// The environment was made to its end, of these very pins.
fn complete(release: &Release) -> bool {
    fs::read_to_string(venv(release).join(STAMP)).is_ok_and(|found| found == stamp(release.pins))
}

fn venv(release: &Release) -> PathBuf {
    lab_dir().join(format!("salt-{}", release.version))
}

/// Where the simulator's source is.
pub fn vcsim_source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/vcsim")
}

/// Builds the simulator from our source and Debian's packages, offline, unless this very build is there.
fn simulator() -> Result<PathBuf> {
    let binary = vcsim_path()?;
    if binary.exists() {
        return Ok(binary);
    }
    say("building the simulator (one to two minutes)");
    let part = binary.with_extension("part");
    let mut build = go(&["build", "-trimpath", "-ldflags=-s -w", "-o"]);
    build.arg(&part).arg(".");
    checked(&build, 900)?;
    fs::rename(&part, &binary)?;
    Ok(binary)
}

/// The `go` command in the simulator's folder, on Debian's packages and without a network.
pub fn go(args: &[&str]) -> Command {
    let mut go = Command::new("/usr/bin/go");
    go.args(args).current_dir(vcsim_source());
    for (name, value) in [
        ("GO111MODULE", "off"),
        ("GOPATH", "/usr/share/gocode"),
        ("GOFLAGS", ""),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("CGO_ENABLED", "0"),
    ] {
        go.env(name, value);
    }
    go.env("GOCACHE", lab_dir().join("go-cache"));
    go
}

/// The binary's path has the hash of its sources and of the package version in it.
fn vcsim_path() -> Result<PathBuf> {
    let dir = vcsim_source();
    let mut sources: Vec<PathBuf> =
        fs::read_dir(&dir).doing(dir.display())?.filter_map(|e| Some(e.ok()?.path())).collect();
    sources
        .retain(|p| p.extension().is_some_and(|e| e == "go") && !p.to_string_lossy().ends_with("_test.go"));
    sources.sort();
    let mut hash = Fnv::new();
    for path in sources {
        hash.eat(path.file_name().unwrap_or_default().as_encoded_bytes());
        hash.eat(&fs::read(&path)?);
    }
    let mut query = Command::new("dpkg-query");
    let version =
        query.args(["-W", "-f", "${Package} ${Version}\n", "golang-github-vmware-govmomi-dev"]).output()?;
    hash.eat(&version.stdout);
    Ok(lab_dir().join(format!("vcsim-{:016x}", hash.0)))
}

/// Where the lab keeps what it makes: `VSALT_LAB_DIR`, or `target/lab` of this workspace.
pub fn lab_dir() -> PathBuf {
    match std::env::var_os("VSALT_LAB_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => workspace().join("target/lab"),
    }
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn stamp(pins: &str) -> String {
    let mut hash = Fnv::new();
    hash.eat(pins.as_bytes());
    format!("{:016x}\n", hash.0)
}

fn checked(command: &Command, seconds: u64) -> Result<()> {
    let (code, out, err) = process::run(command, Duration::from_secs(seconds))?;
    if code == 0 { Ok(()) } else { Err(Error::new(format!("{command:?} ended with {code}\n{out}{err}"))) }
}

fn say(text: &str) {
    eprintln!("lab: {text}");
}

/// FNV-1a: a hash that stays the same whatever compiled us.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn eat(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
