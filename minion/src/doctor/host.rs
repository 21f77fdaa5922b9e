//! The minion's own host: directories, keys, processes.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use salt::Map;

use super::Report;
use crate::crypt::{MinionKeys, PublicKey};
use crate::settings::Settings;

const PART: &str = "host";

/// Looks at the host.
pub fn examine(opts: &Map, report: &mut Report) {
    user(opts, report);
    directories(opts, report);
    keys(opts, report);
    processes(opts.text("id").unwrap_or_default(), Path::new("/proc"), report);
}

/// Who looks sees what that user may, which need not be what the minion may.
fn user(opts: &Map, report: &mut Report) {
    let own = rustix::process::geteuid().as_raw();
    let Some(user) = opts.text("user") else { return };
    match crate::cli::account(user) {
        None => report.trouble(
            PART,
            format!("there is no user {user} on this host (option user)"),
            "Name one that there is, or make it.",
        ),
        Some((uid, _)) if uid != own => report.doubt(
            PART,
            format!("the minion runs as {user}, and this examination as another user"),
            "Run it as that user: what follows may be different then.",
        ),
        Some(_) => {}
    }
}

/// Each directory that the minion writes into.
fn directories(opts: &Map, report: &mut Report) {
    let mut wrong = 0;
    let parent = |option: &str| {
        let path = opts.text(option).filter(|path| !path.contains("://")).map(Path::new)?;
        path.parent().map(Path::to_path_buf)
    };
    let itself = |option: &str| opts.text(option).map(PathBuf::from);
    let all = [
        ("cachedir", itself("cachedir")),
        ("pki_dir", itself("pki_dir")),
        ("log_file", parent("log_file")),
        ("pidfile", parent("pidfile")),
    ];
    for (option, dir) in all {
        let Some(dir) = dir.filter(|dir| !dir.as_os_str().is_empty()) else { continue };
        if let Err((place, error)) = writable(&dir) {
            wrong += 1;
            let what = match error.kind() {
                io::ErrorKind::StorageFull => "there is no room left",
                io::ErrorKind::ReadOnlyFilesystem => "the file system can only be read",
                io::ErrorKind::NotADirectory => "it is no directory",
                _ => "it can't be written to",
            };
            report.trouble(
                PART,
                format!("{} (option {option}): {what} ({}: {error})", dir.display(), place.display()),
                "Make it a directory that the minion's user may write to, or set the option to one.",
            );
        }
    }
    if wrong == 0 {
        report.fine(PART, "the directories for cache, keys, log and process id can be written to");
    }
}

/// Tries to write into a directory, or into that in which it will be made.
fn writable(dir: &Path) -> Result<(), (PathBuf, io::Error)> {
    let there = dir.ancestors().find(|place| place.exists()).unwrap_or(Path::new("/"));
    let probe = there.join(format!(".vsalt-doctor-{}", std::process::id()));
    let tried = fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    match tried {
        Ok(file) => {
            drop(file);
            fs::remove_file(&probe).map_err(|error| (there.to_path_buf(), error))
        }
        Err(error) => Err((there.to_path_buf(), error)),
    }
}

/// The minion's key pair, and the master's key as it was at the first meeting.
fn keys(opts: &Map, report: &mut Report) {
    let Some(dir) = opts.text("pki_dir").map(Path::new) else { return };
    let private = dir.join("minion.pem");
    match fs::read_to_string(&private) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            report
                .fine(PART, format!("there is no key yet: {} is made at the first start", private.display()));
        }
        Err(error) => report.trouble(
            PART,
            format!("the minion's key {} can't be read: {error}", private.display()),
            "Let the minion's user read it.",
        ),
        Ok(text) => match MinionKeys::from_pem(&text) {
            Err(error) => report.trouble(
                PART,
                format!("the minion's key {} is not usable: {error}", private.display()),
                "Put it aside: a new one is made at the next start, and has to be accepted on the master.",
            ),
            Ok(_) => {
                let mode = fs::metadata(&private).map_or(0, |file| file.permissions().mode());
                if mode & 0o077 != 0 {
                    report.doubt(
                        PART,
                        format!("others than its owner may use the minion's key {}", private.display()),
                        "Take that from them: chmod 400.",
                    );
                }
            }
        },
    }
    let pin = dir.join("minion_master.pub");
    if let Err(error) = PublicKey::read(&pin) {
        report.trouble(
            PART,
            format!("the master's key {} is not usable: {error}", pin.display()),
            "Put the file aside if you trust the master that is configured: its key is taken at the next start.",
        );
    }
}

/// Minions of this id on this host. Two would take each other's jobs.
fn processes(id: &str, proc: &Path, report: &mut Report) {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<String> =
            words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        if is_minion(&words, id) {
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
            found.push((pid, parent.unwrap_or(0)));
        }
    }
    // The original runs as several processes, each a child of another.
    let heads: Vec<u32> = found
        .iter()
        .filter(|(_, parent)| !found.iter().any(|(pid, _)| pid == parent))
        .map(|(pid, _)| *pid)
        .collect();
    let list = heads.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    match heads.len() {
        0 => report.fine(PART, format!("the minion {id} does not run on this host")),
        1 => report.fine(PART, format!("the minion {id} runs (process {list})")),
        n => report.trouble(
            PART,
            format!("{n} minions of the id {id} run on this host (processes {list})"),
            "End all but one: each answers every job, and they share key and cache.",
        ),
    }
}

fn is_minion(words: &[String], id: &str) -> bool {
    let name = |word: &String| Path::new(word).file_name().map(|n| n.to_string_lossy().into_owned());
    let mut front = words.iter().take(3).filter_map(name);
    let daemon = front.any(|word| word == "salt-proxy")
        || words.first().and_then(name).as_deref() == Some("vsalt")
            && words.get(1).is_some_and(|w| w == "proxy");
    let given =
        words.iter().zip(words.iter().skip(1)).any(|(flag, value)| flag == "--proxyid" && value == id);
    daemon && (given || words.iter().any(|word| word.strip_prefix("--proxyid=") == Some(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn process(proc: &Path, pid: u32, parent: u32, words: &[&str]) {
        let dir = proc.join(pid.to_string());
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("cmdline"), words.iter().map(|word| format!("{word}\0")).collect::<String>())
            .unwrap();
        fs::write(dir.join("status"), format!("Name:\tx\nPPid:\t{parent}\n")).unwrap();
    }

    fn looked(proc: &Path) -> (Verdict, String) {
        let mut report = Report::default();
        processes("vc01", proc, &mut report);
        (report.verdict(), report.to_string())
    }

    #[test]
    fn two_minions_of_one_id_are_seen() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 7, 1, &["/usr/bin/vsalt", "proxy", "--proxyid", "vc02"]);
        process(proc.path(), 8, 1, &["vi", "--proxyid", "vc01"]);
        process(proc.path(), 9, 1, &["/usr/bin/vsalt", "call", "--proxyid", "vc01", "test.ping"]);
        assert_eq!(looked(proc.path()).0, Verdict::Fine);
        process(proc.path(), 10, 1, &["/usr/bin/vsalt", "proxy", "-c", "/x", "--proxyid", "vc01"]);
        let (verdict, text) = looked(proc.path());
        assert!(verdict == Verdict::Fine && text.contains("process 10"), "{text}");
        process(proc.path(), 20, 1, &["/usr/bin/python3", "/usr/bin/salt-proxy", "--proxyid=vc01"]);
        process(proc.path(), 21, 20, &["/usr/bin/python3", "/usr/bin/salt-proxy", "--proxyid=vc01"]);
        let (verdict, text) = looked(proc.path());
        assert!(verdict == Verdict::Trouble && text.contains("2 minions of the id vc01"), "{text}");
    }
}
