//! What a process believes of its machine, the names and the clock, changed for that process alone while it runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::Doing;
use crate::{Error, Result};

/// A file of names as `/etc/hosts` is, for one process (nss_wrapper).
pub struct Names {
    dir: tempfile::TempDir,
    library: PathBuf,
}

/// A clock for one process that goes like the machine's, but from another moment (libfaketime). Waits and timeouts stay
/// right: only what the process takes for the time of day jumps.
pub struct Clock {
    dir: tempfile::TempDir,
    library: PathBuf,
}

impl Names {
    /// No names yet.
    pub fn new() -> Result<Names> {
        Ok(Names { dir: tempfile::tempdir()?, library: library("libnss_wrapper.so")? })
    }

    /// From now on this is where a name leads.
    pub fn set(&self, name: &str, address: &str) -> Result<()> {
        // It is read again when its time has changed by a second.
        let before =
            fs::metadata(self.file()).and_then(|it| it.modified()).unwrap_or_else(|_| SystemTime::now());
        replace(&self.file(), &format!("{address} {name}\n"), before + Duration::from_secs(10))
    }

    /// The environment of the process.
    pub fn env(&self) -> Vec<(String, String)> {
        pairs(&[("LD_PRELOAD", &self.library), ("NSS_WRAPPER_HOSTS", &self.file())])
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("hosts")
    }
}

impl Clock {
    /// One that is right.
    pub fn new() -> Result<Clock> {
        let clock = Clock { dir: tempfile::tempdir()?, library: library("faketime/libfaketimeMT.so.1")? };
        clock.jump(0)?;
        Ok(clock)
    }

    /// From now on it is so many days fast, or slow if that is negative.
    pub fn jump(&self, days: i32) -> Result<()> {
        replace(&self.file(), &format!("{days:+}d\n"), SystemTime::now())
    }

    /// The environment of the process.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = pairs(&[("LD_PRELOAD", &self.library), ("FAKETIME_TIMESTAMP_FILE", &self.file())]);
        let more =
            [("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")];
        env.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        env
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("clock")
    }
}

fn pairs(paths: &[(&str, &PathBuf)]) -> Vec<(String, String)> {
    paths.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string())).collect()
}

/// Writes a file as one change, for others may be reading it.
fn replace(path: &Path, text: &str, modified: SystemTime) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, text).doing(part.display())?;
    File::options().write(true).open(&part)?.set_modified(modified)?;
    fs::rename(&part, path).doing(path.display())
}

/// A library of Debian's, whatever the machine's kind.
fn library(name: &str) -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path());
    let mut found = folders.map(|folder| folder.join(name)).filter(|path| path.exists());
    found.next().ok_or_else(|| Error::new(format!("there is no {name} on this machine; ./test installs it")))
}
