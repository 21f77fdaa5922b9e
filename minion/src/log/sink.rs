//! Where lines go: the console, a file, syslog.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Threshold;
use super::format::{Format, Record};
use crate::transport::syslog::Syslog;

/// One of the places.
pub struct Sink {
    /// What it gets.
    pub threshold: Threshold,
    format: Format,
    color: bool,
    out: Mutex<Out>,
}

enum Out {
    Stderr,
    /// The journal of systemd reads what is written there, and takes a priority in front of each line.
    Journal,
    File(File),
    Syslog(Syslog),
}

impl Sink {
    /// Standard error.
    pub fn console(threshold: Threshold, format: Format, color: bool) -> Sink {
        let out = if is_journal() { Out::Journal } else { Out::Stderr };
        Sink { threshold, format, color, out: Mutex::new(out) }
    }

    /// A file, or a place of syslog.
    pub fn open(place: &str, threshold: Threshold, format: Format) -> Result<Sink, String> {
        let wrong = |error: io::Error| format!("cannot open the log file {place}: {error}");
        let out = match Syslog::named(place)? {
            Some(syslog) => Out::Syslog(syslog),
            None => Out::File(file(Path::new(place)).map_err(wrong)?),
        };
        Ok(Sink { threshold, format, color: false, out: Mutex::new(out) })
    }

    /// Writes a record.
    pub fn write(&self, record: &Record<'_>, jid: &str) {
        let line = self.format.line(record, jid, self.color);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not stop the work.
        let _ = match &mut *out {
            Out::Stderr => io::stderr().write_all(format!("{line}\n").as_bytes()),
            Out::Journal => {
                let lines: String =
                    line.lines().map(|line| format!("<{}>{line}\n", record.severity())).collect();
                io::stderr().write_all(lines.as_bytes())
            }
            Out::File(file) => file.write_all(format!("{line}\n").as_bytes()),
            Out::Syslog(syslog) => syslog.send(record.severity(), &line),
        };
    }
}

fn file(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// Whether standard error is the journal: its device and inode are those that systemd names.
fn is_journal() -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stat) = rustix::fs::fstat(io::stderr()) else { return false };
    named == format!("{}:{}", stat.st_dev, stat.st_ino)
}
