//! `vsalt doctor` against set-ups that are broken, each in one place.

use std::fs;
use std::path::Path;

use lab::{Proxy, Result, Settings, eventually, free_port, proxy, vcsim};
use serde_json::{Value, json};

use crate::keys::strict;
use crate::stage::{self, LONG, Stage, WRONG_PASSWORD};

/// What the doctor says, and whether there is trouble.
fn doctor(config: &Path, id: &str) -> Result<(bool, String)> {
    let config = config.to_string_lossy();
    let (code, out, err) = proxy::run(&["doctor", "-c", &config, "--proxyid", id], LONG)?;
    assert!(code == 0 || code == 1, "{code}: {out}{err}");
    let said = out + &err;
    for secret in [vcsim::PASSWORD, WRONG_PASSWORD, "panicked at"] {
        assert!(!said.contains(secret), "{said}");
    }
    Ok((code == 1, said))
}

/// The doctor must find trouble and say these words.
fn finds(stage: &Stage<'_>, words: &[&str]) -> Result<()> {
    let (trouble, said) = doctor(&stage.proxy.config_dir(), &stage.id)?;
    assert!(trouble, "{words:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?}: {said}");
    }
    Ok(())
}

/// The pillar of the stage's minion with other settings of the device.
fn pillar(stage: &Stage<'_>, change: &[(&str, Value)]) -> Result<()> {
    let mut pillar = proxy::pillar(&stage.vcsim);
    for (name, value) in change {
        pillar["proxy"][name] = value.clone();
    }
    stage.master.pillar(&stage.id, &pillar)
}

#[test]
fn a_vcenter_that_can_not_be_got_into() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "doc")?;
    let (trouble, said) = doctor(&stage.proxy.config_dir(), &stage.id)?;
    assert!(!trouble, "{said}");
    for word in
        ["runs (process", "accepted the key", "it renders", "signed in to 127.0.0.1", "may read and change"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }

    pillar(&stage, &[("passwords", json!([WRONG_PASSWORD]))])?;
    finds(&stage, &["Cannot log in", "account may be locked"])?;
    pillar(&stage, &[("port", json!(free_port()?))])?;
    finds(&stage, &["Could not connect", "is it up"])?;
    pillar(&stage, &[("vcenter", json!("no.such.name.invalid"))])?;
    finds(&stage, &["no.such.name.invalid", "make the name known"])?;
    pillar(&stage, &[("ca_bundle", Value::Null)])?;
    finds(&stage, &["certificate", "ssl_thumbprint"])?;
    pillar(&stage, &[("username", Value::Null)])?;
    finds(&stage, &["username", "Correct the map 'proxy'"])?;

    pillar(&stage, &[])?;
    let rule = |method: &str, fault: &str, message: &str| json!({"method": method, "kind": "soap", "fault": fault, "message": message, "count": 1});
    stage.vcsim.fault(&rule("Login", "InvalidLogin", "The account is locked."))?;
    finds(&stage, &["The account is locked", "Unlock the account"])?;
    stage.vcsim.no_faults()?;
    stage.vcsim.fault(&rule("HasPrivilegeOnEntities", "NoPermission", "Permission was denied."))?;
    finds(&stage, &["may not read the inventory", "System.Read"])?;
    stage.vcsim.no_faults()?;

    let one = || (stage.vcsim.stats().ok()?.count("sessions") == 1).then_some(());
    assert!(eventually(LONG, one).is_some(), "it signs out again: {:#}", stage.vcsim.stats()?.0);
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true), "the daemon does not notice");
    stage.finish()
}

#[test]
fn a_pillar_that_is_of_no_use() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "doc")?;
    master.pillar(&stage.id, &json!({"other": 1}))?;
    finds(&stage, &["No proxy key found in pillar", "top file"])?;
    master.pillar(&stage.id, &json!({"proxy": {"proxytype": "junos"}}))?;
    finds(&stage, &["junos", "proxytype: vcenter"])?;
    master.pillar_text(&stage.id, "proxy: {{ nosuch.thing }}\n")?;
    finds(&stage, &["does not render", "SLS of the pillar"])?;
    pillar(&stage, &[])?;
    stage.finish()
}

#[test]
fn a_master_that_is_not_where_or_who_it_should_be() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "doc")?;
    let file = stage.proxy.config_dir().join("proxy");
    let good: Value =
        serde_json::from_str(&fs::read_to_string(&file)?).map_err(|e| lab::Error::new(e.to_string()))?;
    let with = |name: &str, value: Value| {
        let mut options = good.clone();
        options[name] = value;
        fs::write(&file, format!("{options:#}\n"))
    };
    with("master_port", json!(free_port()?))?;
    finds(&stage, &["refused", "is master_port"])?;
    with("master_port", json!(master.publish_port()))?;
    finds(&stage, &["does not answer as a salt-master does", "publish_port"])?;
    with("publish_port", json!(free_port()?))?;
    finds(&stage, &["refused", "is publish_port"])?;
    with("master", json!("no.such.name.invalid"))?;
    finds(&stage, &["cannot resolve no.such.name.invalid"])?;
    with("master_finger", json!(["aa"; 32].join(":")))?;
    finds(&stage, &["master_finger says aa:aa", "salt-key -F"])?;
    with("cachedir", json!("/proc/version/cache"))?;
    finds(&stage, &["(option cachedir)"])?;
    with("pki_dir", json!(stage.proxy.pki_dir()))?;

    let pin = stage.proxy.pki_dir().join("minion_master.pub");
    let theirs = fs::read(&pin)?;
    fs::copy(stage.proxy.pki_dir().join("minion.pub"), &pin)?;
    finds(&stage, &["not the one in minion_master.pub", "set up anew"])?;
    fs::write(&pin, "nonsense")?;
    finds(&stage, &["the master's key", "is not usable"])?;
    fs::write(&pin, theirs)?;
    stage.finish()
}

#[test]
fn a_key_that_is_not_accepted() -> Result<()> {
    let Some(master) = strict()? else { return Ok(()) };
    let id = stage::id("doc");
    let stage = Stage::start(master, Settings::new(&id).with(json!({"rejected_retry": true})), json!({}))?;
    let pending = || (master.key_state(&id) == Some("minions_pre")).then_some(());
    assert!(eventually(LONG, pending).is_some());
    finds(&stage, &["waits to be accepted", "salt-key -a"])?;
    master.salt_key(&["-y", "-r", &id])?;
    assert_eq!(master.key_state(&id), Some("minions_rejected"));
    finds(&stage, &["rejected", "another minion use this id"])?;
    Ok(())
}

#[test]
fn two_minions_of_one_id() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "doc")?;
    let mut other = Proxy::start(master, Settings::new(&stage.id).with(json!({"rejected_retry": true})))?;
    other.wait_complaint(LONG, &["rejected"])?;
    finds(&stage, &[&format!("2 minions of the id {} run on this host", stage.id), "End all but one"])?;
    let (trouble, said) = doctor(&other.config_dir(), &stage.id)?;
    assert!(trouble && said.contains("another minion use this id with another key"), "{said}");
    other.stop()?;
    stage.finish()
}

/// Without a key nobody can sign in, and none is made.
#[test]
fn before_the_first_start() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let root = lab::Root::new()?;
    let id = stage::id("doc");
    proxy::configure(root.path(), master, &Settings::new(&id))?;
    let (trouble, said) = doctor(&root.path().join("etc"), &id)?;
    assert!(!trouble && said.contains("There is no key yet to sign in with"), "{said}");
    assert_eq!(fs::read_dir(root.path().join("pki"))?.count(), 0);
    assert_eq!(master.key_state(&id), None);
    Ok(())
}
