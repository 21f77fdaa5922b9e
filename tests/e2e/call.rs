//! `vsalt call`: one function, here and now.

use std::path::Path;
use std::process::Command;

use lab::{Result, eventually, process, proxy, vsalt};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, WRONG_PASSWORD};

/// Runs `vsalt call` with a proxy's configuration.
fn call(config: &Path, id: &str, args: &[&str]) -> Result<(i32, Value, String)> {
    let config = config.to_string_lossy();
    let mut all = vec!["call", "-c", &config, "--proxyid", id, "--out=json", "-l", "info"];
    all.extend(args);
    let (code, out, err) = proxy::run(&all, LONG)?;
    let value =
        serde_json::from_str(&out).map_err(|e| lab::Error::new(format!("{args:?}: {e}: {out}{err}")))?;
    assert!(!err.contains(lab::vcsim::PASSWORD) && !err.contains(WRONG_PASSWORD), "{err}");
    Ok((code, value, err))
}

#[test]
fn one_call_beside_the_daemon() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "call")?;
    master.file("one.sls", "fine:\n  test.nop: []\n")?;
    let config = stage.proxy.config_dir();
    let (code, value, err) = call(&config, &stage.id, &["vsphere.list_vms"])?;
    assert_eq!(code, 0, "{err}");
    assert_eq!(value["local"], stage.value("vsphere.list_vms", json!([]))?);
    let (code, value, err) = call(&config, &stage.id, &["state.apply", "one"])?;
    assert_eq!(code, 0, "{err}");
    assert_eq!(value["local"]["test_|-fine_|-fine_|-nop"]["result"], json!(true), "{value:#}");
    let (code, value, _) = call(&config, &stage.id, &["pillar.get", "proxy:vcenter"])?;
    assert_eq!((code, &value["local"]), (0, &json!("127.0.0.1")));

    // It signs in for itself, and out again; the daemon keeps what it has.
    let one = || (stage.vcsim.stats().ok()?.count("sessions") == 1).then_some(());
    assert!(eventually(LONG, one).is_some(), "{:#}", stage.vcsim.stats()?.0);
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true));
    stage.finish()
}

/// Without a master, under the name that scripts know.
#[test]
fn a_call_without_a_master() -> Result<()> {
    if stage::tools().is_none() {
        return Ok(());
    }
    let root = lab::Root::new()?;
    let text = json!({
        "pki_dir": root.path().join("pki"), "cachedir": root.path().join("cache"), "sock_dir": root.path().join("run"),
        "log_file": root.path().join("log"), "pidfile": root.path().join("pid"), "extension_modules": root.path().join("ext"),
        "file_roots": {"base": [root.path().join("files")]},
    });
    std::fs::create_dir(root.path().join("files"))?;
    std::fs::write(
        root.path().join("files/here.sls"),
        "fine:\n  test.nop: []\nbad:\n  test.fail_without_changes: []\n",
    )?;
    std::fs::write(root.path().join("proxy"), text.to_string())?;
    let name = root.path().join("salt-call");
    std::os::unix::fs::symlink(vsalt()?, &name)?;
    let run = |args: &[&str]| {
        let mut command = Command::new(&name);
        command.arg("-c").arg(root.path()).args(["--proxyid", "alone", "--local", "--out=json"]).args(args);
        process::run(&command, LONG)
    };
    let (code, out, err) = run(&["test.ping"])?;
    assert_eq!((code, serde_json::from_str::<Value>(&out)?), (0, json!({"local": true})), "{err}");
    let (code, out, err) = run(&["--retcode-passthrough", "state.apply", "here"])?;
    assert_eq!(code, 2, "{out}{err}");
    let (code, _, err) = run(&["no.such"])?;
    // As salt-call does it (3007.17), whatever the books say.
    assert_eq!(code, 255, "{err}");
    assert!(err.contains("'no.such' is not available."), "{err}");
    Ok(())
}
