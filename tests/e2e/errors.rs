//! What a person reads when something in the configuration is wrong.

use std::time::Duration;

use lab::{Proxy, Result, Settings, Vcsim, proxy};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, WRONG_PASSWORD, clean, tail};

/// Starts a proxy whose vCenter it can't get into: the log must say why, and a job, once jobs are taken, too.
fn no_way_in(stem: &str, pillar: Value, words: &[&str]) -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let mut stage = Stage::start(master, Settings::new(&stage::id(stem)), pillar)?;
    stage.proxy.wait_complaint(LONG, words)?;
    assert_eq!(stage.proxy.process().exited(), None, "it keeps trying");
    let start = format!("salt/minion/{}/start", stage.id);
    if master.bus()?.tagged(stage.mark, Duration::from_secs(15), &start).is_ok() {
        let returned = stage.call("vsphere.list_vms", json!([]))?;
        assert!(!returned.success() && returned.retcode() == 1, "{:#}", returned.load);
        let text = returned.text();
        assert!(text.starts_with("ERROR: ") && !text.contains(WRONG_PASSWORD), "{text}");
        for word in words {
            assert!(text.contains(word), "the job's return says as much as the log: {text}");
        }
    }
    let stats = stage.vcsim.stats()?;
    assert_eq!(stats.count("sessions"), 0);
    assert!(stats.count("logins_failed") <= 3, "no account is locked by trying on and on: {:#}", stats.0);
    clean(&stage.proxy);
    stage.proxy.stop()?;
    clean(&stage.proxy);
    Ok(())
}

#[test]
fn a_wrong_password() -> Result<()> {
    no_way_in(
        "pass",
        json!({"proxy": {"passwords": [WRONG_PASSWORD]}}),
        &["Cannot log in", "administrator@vsphere.local"],
    )
}

#[test]
fn a_certificate_nobody_vouches_for() -> Result<()> {
    no_way_in("cert", json!({"proxy": {"ca_bundle": null}}), &["127.0.0.1", "certificate"])
}

#[test]
fn a_host_that_is_not_there() -> Result<()> {
    no_way_in("host", json!({"proxy": {"vcenter": "vcenter.invalid", "port": 443}}), &["vcenter.invalid"])
}

/// The second of several passwords is right.
#[test]
fn passwords_are_tried_in_order() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let pillar = json!({"proxy": {"passwords": [WRONG_PASSWORD, lab::vcsim::PASSWORD]}});
    let stage = Stage::up_with(master, Settings::new(&stage::id("two")), pillar)?;
    stage.value("vsphere.list_vms", json!([]))?;
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("logins_failed")), (1, 1), "{:#}", stats.0);
    stage.finish()
}

/// Starts a proxy that has this pillar, or none; gives what its log says and how it ended.
fn ends(stem: &str, pillar: Option<Value>) -> Result<Option<(i32, Proxy)>> {
    let Some(master) = stage::master()? else { return Ok(None) };
    let id = stage::id(stem);
    match pillar {
        Some(pillar) => master.pillar(&id, &pillar)?,
        None => master.no_pillar(&id)?,
    }
    let mut proxy = Proxy::start(master, Settings::new(&id))?;
    let code = proxy.process().wait(LONG)?;
    let start = format!("salt/minion/{id}/start");
    assert!(master.bus()?.since(0).iter().all(|e| e.tag != start), "no start event");
    clean(&proxy);
    Ok(Some((code, proxy)))
}

#[test]
fn no_proxy_in_the_pillar() -> Result<()> {
    for pillar in [None, Some(json!({"other": 1}))] {
        let Some((code, proxy)) = ends("nop", pillar)? else { return Ok(()) };
        let log = proxy.log();
        assert!(
            log.contains("proxy") && log.contains("pillar"),
            "the log says what is missing: {}",
            tail(&log)
        );
        assert_eq!(code, 1, "{}", tail(&log));
    }
    Ok(())
}

#[test]
fn a_proxy_of_another_type() -> Result<()> {
    for (proxy, word) in [
        (json!({"proxytype": "junos", "host": "sw1"}), "junos"),
        (json!({"host": "sw1"}), "proxytype"),
        (json!("vcenter"), "proxy"),
    ] {
        let Some((code, daemon)) = ends("typ", Some(json!({"proxy": proxy})))? else { return Ok(()) };
        let log = daemon.log();
        let said = log.lines().any(|l| (l.contains("ERROR") || l.contains("CRITICAL")) && l.contains(word));
        assert!(said, "the log names {word}: {}", tail(&log));
        assert_eq!(code, 1, "{}", tail(&log));
    }
    Ok(())
}

/// A proxy of ours whose settings are not complete: the minion is there, and every job of vCenter's says what is missing.
#[test]
fn a_setting_that_is_missing() -> Result<()> {
    for (name, word) in [("passwords", "passwords"), ("vcenter", "vcenter"), ("username", "username")] {
        no_way_in("mis", json!({"proxy": {name: null}}), &[word])?;
    }
    Ok(())
}

#[test]
fn a_master_that_is_not_there() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let vcsim = Vcsim::start(master.tools())?;
    let id = stage::id("nom");
    master.pillar(&id, &proxy::pillar(&vcsim))?;
    let nobody = lab::free_port()?;
    let mut proxy = Proxy::start(
        master,
        Settings::new(&id).with(json!({"master_port": nobody, "auth_timeout": 1, "auth_tries": 1})),
    )?;
    proxy.wait_log(LONG, &[&nobody.to_string()])?;
    assert_eq!(proxy.process().exited(), None, "it keeps trying");
    assert_eq!(
        vcsim.stats()?.count("logins"),
        0,
        "there is nothing to do in vCenter before there is a master"
    );
    proxy.stop()?;
    clean(&proxy);
    Ok(())
}

#[test]
fn words_on_the_command_line() -> Result<()> {
    if stage::tools().is_none() {
        return Ok(());
    }
    let (code, _, err) = proxy::run(&["proxy", "--no-such-flag"], LONG)?;
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("--no-such-flag"), "{err}");
    let empty = lab::Root::new()?;
    std::fs::write(empty.path().join("proxy"), "master: 127.0.0.1\n")?;
    let dir = empty.path().to_string_lossy().into_owned();
    let (code, _, err) = proxy::run(&["proxy", "-c", &dir], LONG)?;
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("--proxyid"), "{err}");
    std::fs::write(empty.path().join("proxy"), "master: 127.0.0.1\nmaster_port:\n\t4506\n")?;
    let (code, out, err) = proxy::run(&["proxy", "-c", &dir, "--proxyid", "vc01"], LONG)?;
    assert_ne!(code, 0, "{out}{err}");
    assert!((out.clone() + &err).contains("proxy") && (out + &err).contains("line 3"), "file and line");
    Ok(())
}
