//! The jids that were here. A job runs once, whoever publishes it again, and whatever happened to the process between.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::warn;

/// The jid of jobs that get theirs from the master when they return.
const TO_COME: &str = "req";

/// The last jids that were accepted (`minion_jid_queue_hwm`), across all masters.
pub struct Seen {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    jids: VecDeque<String>,
    /// One jid a line, more of them than are remembered. None: they end with the process.
    file: Option<Lines>,
}

struct Lines {
    path: PathBuf,
    file: File,
    count: usize,
}

impl Seen {
    /// Remembers so many jids, as long as the process lives.
    pub fn new(most: usize) -> Seen {
        Seen { most, held: Mutex::default() }
    }

    /// Remembers so many jids, and those that an earlier process left in this file. A file that can't be used is a
    /// warning: it is no reason to run no jobs.
    pub fn open(path: &Path, most: usize) -> Seen {
        let jids = read(path, most);
        let file = Lines::new(path, &jids);
        if let Err(e) = &file {
            warn!("the jids in {} are forgotten at the end of this process: {e}", path.display());
        }
        Seen { most, held: Mutex::new(Held { jids, file: file.ok() }) }
    }

    /// True for a jid that was not here, which from now on it was.
    pub fn first_time(&self, jid: &str) -> bool {
        if jid == TO_COME {
            return true;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.jids.iter().any(|seen| seen == jid) {
            return false;
        }
        held.jids.push_back(jid.into());
        if held.jids.len() > self.most {
            held.jids.pop_front();
        }
        held.write(jid, self.most);
        true
    }
}

impl Held {
    /// What is written outlives the process; it need not outlive the machine.
    fn write(&mut self, jid: &str, most: usize) {
        let Some(lines) = &mut self.file else { return };
        lines.count += 1;
        let written = match lines.count > most.saturating_mul(8).max(1000) {
            false => lines.file.write_all(format!("{jid}\n").as_bytes()),
            true => Lines::new(&lines.path, &self.jids).map(|fresh| *lines = fresh),
        };
        if let Err(e) = written {
            warn!("the jid {jid} could not be written to {}: {e}", lines.path.display());
        }
    }
}

impl Lines {
    /// Writes a file with these jids only, and keeps it open for more.
    fn new(path: &Path, jids: &VecDeque<String>) -> io::Result<Lines> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        let text: String = jids.iter().flat_map(|jid| [jid, "\n"]).collect();
        file.write_all(text.as_bytes())?;
        std::fs::rename(&part, path)?;
        Ok(Lines { path: path.into(), file, count: jids.len() })
    }
}

/// The last jids of a file. Its last line may be cut off.
fn read(path: &Path, most: usize) -> VecDeque<String> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let jids: Vec<&str> = text.lines().filter(|jid| !jid.is_empty()).collect();
    jids[jids.len().saturating_sub(most)..].iter().map(|jid| (*jid).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jid_runs_once_as_long_as_it_is_remembered() {
        let seen = Seen::new(2);
        assert!(seen.first_time("1"));
        assert!(!seen.first_time("1"));
        assert!(seen.first_time("2") && seen.first_time("3"));
        assert!(seen.first_time("1"), "the oldest is forgotten");
        assert!(seen.first_time("req") && seen.first_time("req"), "it stands for many jobs");
    }

    #[test]
    fn jids_are_remembered_across_processes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool/seen");
        let seen = Seen::open(&path, 3);
        for n in 0..5000 {
            assert!(seen.first_time(&n.to_string()));
        }
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!((3..=1000).contains(&lines), "{lines}");
        let seen = Seen::open(&path, 3);
        assert!(!seen.first_time("4999") && !seen.first_time("4997") && seen.first_time("4996"));
        assert!(!Seen::open(&path, 3).first_time("4996"));
    }

    #[test]
    fn a_file_that_is_of_no_use_is_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("seen");
        std::fs::write(&path, b"1\n\xff\xfe\n2\n3").unwrap();
        assert!(!Seen::open(&path, 10).first_time("3"));
        let nowhere = directory.path().join("seen/seen");
        let seen = Seen::open(&nowhere, 10);
        assert!(seen.first_time("1") && !seen.first_time("1"));
    }
}
