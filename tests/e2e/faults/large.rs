//! A property of fifty megabytes.

use std::process::Command;
use std::time::Duration;

use lab::{Error, Result, process};
use serde_json::json;

use super::scene::{Scene, said};

const SIZE: usize = 50 * 1024 * 1024;

/// Set for the child that reads, so that the memory is its own.
const CHILD: &str = "VSALT_TEST_READS_LARGE";

/// It is read, with memory for a few copies of it, which are given back; and where it is more than allowed, it is an error.
#[test]
fn fifty_megabytes_are_read_in_bounds() -> Result<()> {
    if crate::stage::tools().is_none() {
        return Ok(());
    }
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--exact", "faults::large::a_child_reads", "--nocapture"]).env(CHILD, "1");
    for name in ["VSALT_LAB_DIR", "VSALT_LAB"] {
        if let Some(value) = std::env::var_os(name) {
            child.env(name, value);
        }
    }
    let (code, out, err) = process::run(&child, Duration::from_secs(300))?;
    assert_eq!(code, 0, "{out}{err}");
    let figure = |name: &str| {
        let line = out
            .lines()
            .find_map(|line| line.split_once(&format!("{name}="))?.1.split(' ').next()?.parse().ok());
        line.ok_or_else(|| Error::new(format!("no {name} in\n{out}{err}")))
    };
    let (before, peak, after): (usize, usize, usize) = (figure("before")?, figure("peak")?, figure("after")?);
    eprintln!("a property of 50 MB: resident {before} kB before, {peak} kB at most, {after} kB after");
    let megabytes = |kb: usize| kb / 1024;
    assert!(megabytes(peak - before) < 6 * 50, "{out}");
    assert!(megabytes(after.saturating_sub(before)) < 100, "{out}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_reads() -> Result<()> {
    if std::env::var_os(CHILD).is_none() {
        return Ok(());
    }
    let Some(scene) = Scene::up().await? else { return Ok(()) };
    let machine = scene.machine("db-01").moref();
    let large = "x".repeat(SIZE);
    scene.vcsim.seed(&json!({"vms": [{"match": "db-01", "extra": {"guestinfo.large": large}}]}))?;
    drop(large);
    let before = status("VmRSS:");
    for _ in 0..3 {
        let read = vcenter::collector::read_property(scene.client.session(), &machine, "config.extraConfig");
        let read = read.await.map_err(said)?;
        let length =
            read.as_list().iter().filter_map(|option| option.get("value")?.as_str()).map(str::len).max();
        assert_eq!(length, Some(SIZE));
    }
    println!("before={before} peak={} after={} .", status("VmHWM:"), status("VmRSS:"));

    let tight = vcenter::Config { max_body: 1024 * 1024, ..super::scene::config(&scene.vcsim) };
    let other = vcenter::Session::connect(tight).await.map_err(said)?;
    let error = vcenter::collector::read_property(&other, &machine, "config.extraConfig").await.unwrap_err();
    assert!(error.to_string().contains("RetrievePropertiesEx: it is larger than 1048576 bytes"), "{error}");
    other.close().await;
    scene.is_well("a large property").await;
    scene.finish().await;
    Ok(())
}

fn status(name: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok());
    line.unwrap_or_default()
}
