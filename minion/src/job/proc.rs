//! The files of running jobs, as Salt has them: `proc/<jid>` below `cachedir`, the publication with the `pid`
//! (`salt/utils/minion.py`). Other processes find the jobs of this one by them, and this one theirs.

use std::path::{Path, PathBuf};

use salt::{Map, Value, file_name, msgpack};
use tracing::debug;

/// The directory of these files.
#[derive(Clone, Debug)]
pub struct ProcDir(PathBuf);

/// The file of one job; it does not go by itself.
#[derive(Debug)]
pub struct ProcFile(PathBuf);

impl ProcDir {
    /// The directory below `cachedir`.
    pub fn below(cachedir: &Path) -> ProcDir {
        ProcDir(cachedir.join("proc"))
    }

    /// Writes the file of a job. None if that can't be: the job runs all the same.
    pub fn write(&self, jid: &str, proc: &Map) -> Option<ProcFile> {
        let path = self.0.join(file_name(jid)?);
        let packed = msgpack::pack(&Value::Map(proc.clone())).ok()?;
        let written = std::fs::create_dir_all(&self.0).and_then(|()| std::fs::write(&path, packed));
        match written {
            Ok(()) => Some(ProcFile(path)),
            Err(e) => {
                debug!("the file {} of a running job can't be written: {e}", path.display());
                None
            }
        }
    }

    /// Removes the files of processes that are no more. At its start a process has no jobs yet, so a file with its own
    /// number is that of an earlier one.
    pub fn clear(&self) {
        for (path, job) in self.read() {
            if job.and_then(|job| pid(&job)).is_none_or(|pid| pid == own_pid() || !lives(pid)) {
                remove(&path);
            }
        }
    }

    /// The running jobs of other processes.
    pub fn others(&self) -> Vec<Map> {
        let jobs = self.read().into_iter().filter_map(|(_, job)| job);
        jobs.filter(|job| pid(job).is_some_and(|pid| pid != own_pid() && lives(pid))).collect()
    }

    /// All files; without a job those that hold none, or not yet.
    fn read(&self) -> Vec<(PathBuf, Option<Map>)> {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return vec![] };
        let paths = entries.flatten().map(|entry| entry.path());
        let job = |path: &Path| match msgpack::unpack(&std::fs::read(path).ok()?) {
            Ok(Value::Map(job)) => Some(job),
            _ => None,
        };
        paths.map(|path| (job(&path), path)).map(|(job, path)| (path, job)).collect()
    }
}

impl ProcFile {
    /// Removes the file: its job is over.
    pub fn remove(self) {
        remove(&self.0);
    }
}

fn remove(path: &Path) {
    if let Err(e) = std::fs::remove_file(path) {
        debug!("the file {} of a job can't be removed: {e}", path.display());
    }
}

fn own_pid() -> i64 {
    std::process::id().into()
}

fn pid(job: &Map) -> Option<i64> {
    job.get("pid").and_then(Value::as_i64)
}

/// There is such a process, and it is one of Salt's: numbers are used again.
fn lives(pid: i64) -> bool {
    let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    cmdline.windows(4).any(|word| word == b"salt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::map;

    #[test]
    fn a_running_job_has_a_file_and_a_dead_one_has_none() {
        let cachedir = tempfile::tempdir().unwrap();
        let proc = ProcDir::below(cachedir.path());
        assert!(proc.others().is_empty());
        let job = map! { "pid" => own_pid(), "jid" => "7", "fun" => "test.sleep" };
        let file = proc.write("7", &job).unwrap();
        let path = cachedir.path().join("proc/7");
        assert_eq!(msgpack::unpack(&std::fs::read(&path).unwrap()), Ok(job.clone().into()));
        assert!(proc.others().is_empty(), "one's own jobs are known otherwise");
        assert!(path.exists());
        file.remove();
        assert!(!path.exists());
        for (name, pid) in [("8", i64::MAX), ("9", own_pid())] {
            proc.write(name, &job.clone().with("pid", pid));
        }
        std::fs::write(cachedir.path().join("proc/x"), b"\xc1").unwrap();
        assert!(proc.others().is_empty());
        proc.clear();
        assert_eq!(std::fs::read_dir(cachedir.path().join("proc")).unwrap().count(), 0);
        assert!(proc.write("../7", &job).is_none());
    }

    #[test]
    fn a_job_of_another_salt_process_is_seen() {
        let cachedir = tempfile::tempdir().unwrap();
        let proc = ProcDir::below(cachedir.path());
        // Its command line is all that tells it from others.
        let mut other = std::process::Command::new("sh")
            .args(["-c", "read x", "salt"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let job = map! { "pid" => i64::from(other.id()), "jid" => "7" };
        proc.write("7", &job);
        // Until it has become the other program it has our command line.
        let seen = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            lives(other.id().into())
        });
        assert!(seen);
        assert_eq!(proc.others(), [job]);
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(proc.others().is_empty());
    }
}
