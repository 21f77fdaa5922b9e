//! What the lab starts ends with the program that started it, however that ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{Error, Result, eventually};

use crate::stage;

/// The lab in a program of its own, the temporary folders it made, and nothing else in them.
fn up(tmp: &Path) -> Result<(Child, Vec<PathBuf>)> {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    // Its folders go below one of ours, which tells its processes from other tests'.
    lab.arg("up").env("TMPDIR", tmp).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut lab = lab.spawn()?;
    let out = lab.stdout.take().ok_or_else(|| Error::new("no pipe"))?;
    let ready = BufReader::new(out).lines().map_while(std::result::Result::ok).any(|l| l == "enter ends it");
    assert!(ready, "the lab is up");
    let roots = fs::read_dir(tmp)?.flatten().map(|e| e.path()).collect();
    Ok((lab, roots))
}

/// Processes whose command line speaks of a folder.
fn processes(about: &Path) -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = all.filter_map(|e| fs::read(e.path().join("cmdline")).ok());
    let lines = lines.map(|l| String::from_utf8_lossy(&l).replace('\0', " "));
    lines.filter(|l| l.contains(&*about.to_string_lossy())).collect()
}

#[test]
fn nothing_outlives_the_lab() -> Result<()> {
    if stage::tools().is_none() {
        return Ok(());
    }
    // Not INT: a runner in the background hands down that it is ignored.
    for signal in ["TERM", "KILL"] {
        let tmp = tempfile::tempdir()?;
        let (mut lab, roots) = up(tmp.path())?;
        assert!(roots.len() >= 2 && processes(tmp.path()).len() > 5, "{roots:?}");
        let kill = format!("kill -s {signal} {}", lab.id());
        assert!(Command::new("/bin/sh").arg("-c").arg(kill).status()?.success());
        lab.wait()?;
        let gone = || processes(tmp.path()).is_empty().then_some(());
        assert!(
            eventually(Duration::from_secs(40), gone).is_some(),
            "{signal}: {:#?}",
            processes(tmp.path())
        );
        let left = || roots.iter().all(|r| !r.exists()).then_some(());
        assert!(eventually(Duration::from_secs(40), left).is_some(), "{signal}: {roots:?}");
    }
    Ok(())
}
