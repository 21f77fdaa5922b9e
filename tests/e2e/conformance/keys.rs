//! Keys: deleted, rejected, denied and revoked; a master's that is another's, or vouched for by a signature.

use std::fs;

use lab::{Master, Proxy, Release, Result, Root, Settings, Tools, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, clean, tail};

on_each_line! {
    own: c069_a_deleted_key, c070_a_rejected_key, c071_another_key_for_the_same_id, c076_another_key_of_the_master,
        c077_a_wrong_finger_of_the_master, c078_a_signed_master_key, c079_only_one_side_signs, c095_one_pki_dir_for_two,
        c102_a_minion_revokes_its_key;
}

/// A proxy minion that a person accepted.
fn accepted(release: &Release, stem: &str, options: Value) -> Result<Stage<'static>> {
    let master = stage::strict(release)?;
    let mut stage = Stage::start(master, Settings::new(&stage::id(stem)).with(options), json!({}))?;
    master.accept_key(&stage.id)?;
    stage.proxy.wait_ready(master, stage.mark)?;
    Ok(stage)
}

fn becomes(stage: &Stage, state: &str) {
    // A job makes the minion ask the master for something.
    let asked = || {
        let _ = stage.publish(json!({}));
        (stage.master.key_state(&stage.id) == Some(state)).then_some(())
    };
    assert!(eventually(LONG * 2, asked).is_some(), "{state}\n{}", tail(&stage.proxy.log()));
}

fn works_again(stage: &Stage) {
    let answers = || {
        let job = stage.publish(json!({})).ok()?;
        job.wait(&stage.id, std::time::Duration::from_secs(5)).ok().filter(lab::Return::success)
    };
    assert!(eventually(LONG * 2, answers).is_some(), "{}", tail(&stage.proxy.log()));
}

fn c069_a_deleted_key(release: &'static Release) -> Result<()> {
    let stage = accepted(release, "del", json!({}))?;
    stage.master.salt_key(&["-y", "-d", &stage.id])?;
    becomes(&stage, "minions_pre");
    stage.master.accept_key(&stage.id)?;
    works_again(&stage);
    stage.finish()
}

fn c070_a_rejected_key(release: &'static Release) -> Result<()> {
    let mut stage = accepted(release, "rej", json!({}))?;
    let patient = accepted(release, "rejp", json!({"rejected_retry": true}))?;
    for id in [&stage.id, &patient.id] {
        let said = stage.master.salt_key(&["-y", "--include-accepted", "-r", id])?;
        assert_eq!(stage.master.key_state(id), Some("minions_rejected"), "{said:?}");
    }
    let _ = stage.publish(json!({"tgt": "*"}));
    assert_eq!(stage.proxy.process().wait(LONG * 2)?, 77, "{}", tail(&stage.proxy.log()));
    assert!(stage.proxy.log().to_lowercase().contains("rejected"), "{}", tail(&stage.proxy.log()));
    clean(&stage.proxy);
    patient.proxy.wait_complaint(LONG, &["rejected"])?;
    stage.master.salt_key(&["-y", "--include-rejected", "-a", &patient.id])?;
    works_again(&patient);
    patient.finish()
}

fn c071_another_key_for_the_same_id(release: &'static Release) -> Result<()> {
    let stage = accepted(release, "twin", json!({}))?;
    let mut second = Proxy::start(stage.master, Settings::new(&stage.id))?;
    assert_eq!(second.process().wait(LONG)?, 77, "{}", tail(&second.log()));
    let listed = stage.master.salt_key(&["-L"])?;
    let denied =
        listed.value.as_ref().and_then(|v| v["minions_denied"].as_array()).cloned().unwrap_or_default();
    assert!(denied.contains(&json!(stage.id)), "{listed:?}");
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true));
    stage.finish()
}

fn c076_another_key_of_the_master(release: &'static Release) -> Result<()> {
    let mut master = Master::start(&Tools::with(release)?, json!({"auto_accept": true}))?;
    let Stage { mut proxy, vcsim, id, .. } = Stage::up(&master, "chg")?;
    let pin = fs::read(proxy.pki_dir().join("minion_master.pub"))?;
    master.stop()?;
    // Since 3008 they are named after the master, too.
    for entry in fs::read_dir(master.path("pki"))?.flatten().filter(|e| !e.path().is_dir()) {
        fs::remove_file(entry.path())?;
    }
    master.restart()?;
    proxy.wait_complaint(LONG * 2, &["minion_master.pub"])?;
    assert_eq!(proxy.process().exited(), None, "it keeps trying");
    assert_eq!(
        fs::read(proxy.pki_dir().join("minion_master.pub"))?,
        pin,
        "the pin is left for a person to judge"
    );
    let start = format!("salt/minion/{id}/start");
    assert!(master.bus()?.since(0).iter().all(|e| e.tag != start), "no job is taken from such a master");
    proxy.stop()?;
    clean(&proxy);
    drop(vcsim);
    Ok(())
}

fn c077_a_wrong_finger_of_the_master(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let right = stage::plain(release)?.value("key.finger_master", json!([]))?;
    let stage = Stage::up_with(
        master,
        Settings::new(&stage::id("fine")).with(json!({"master_finger": right})),
        json!({}),
    )?;
    stage.finish()?;

    let id = stage::id("finger");
    let wrong = right.as_str().unwrap_or_default().chars().rev().collect::<String>();
    let mark = master.bus()?.mark();
    let mut proxy = Proxy::start(master, Settings::new(&id).with(json!({"master_finger": wrong})))?;
    assert_eq!(proxy.process().wait(LONG)?, 42, "{}", tail(&proxy.log()));
    let asked = format!("minion/refresh/{id}");
    assert!(master.bus()?.since(mark).iter().all(|e| e.tag != asked), "no pillar was asked for");
    clean(&proxy);
    Ok(())
}

/// A proxy minion with a folder of keys of its own that may have the key of a signing master in it.
fn verifying(master: &Master, verify: bool, key: Option<&[u8]>, good: bool) -> Result<()> {
    let pki = Root::new()?;
    if let Some(key) = key {
        fs::write(pki.path().join("master_sign.pub"), key)?;
    }
    let settings = Settings::new(&stage::id("sig"))
        .with(json!({"verify_master_pubkey_sign": verify, "pki_dir": pki.path()}));
    let mut stage = Stage::start(master, settings, json!({}))?;
    if good {
        stage.proxy.wait_ready(master, stage.mark)?;
        stage.value("test.ping", json!([]))?;
        return stage.finish();
    }
    stage.proxy.wait_complaint(LONG, &["sign"])?;
    assert!(!pki.path().join("minion_master.pub").exists(), "nothing is pinned");
    let asked = format!("minion/refresh/{}", stage.id);
    assert!(master.bus()?.since(stage.mark).iter().all(|e| e.tag != asked));
    stage.proxy.stop()?;
    clean(&stage.proxy);
    Ok(())
}

fn signing(release: &'static Release) -> Result<Master> {
    Master::start(&Tools::with(release)?, json!({"auto_accept": true, "master_sign_pubkey": true}))
}

fn c078_a_signed_master_key(release: &'static Release) -> Result<()> {
    let master = signing(release)?;
    let key = fs::read(master.path("pki/master_sign.pub"))?;
    verifying(&master, true, Some(&key), true)?;
    verifying(&master, true, None, false)?;
    let another = fs::read(stage::shared(release)?.path("pki/master.pub"))?;
    verifying(&master, true, Some(&another), false)
}

fn c079_only_one_side_signs(release: &'static Release) -> Result<()> {
    let master = signing(release)?;
    let key = fs::read(master.path("pki/master_sign.pub"))?;
    verifying(&master, false, Some(&key), false)?;
    verifying(stage::shared(release)?, true, Some(&key), false)
}

fn c095_one_pki_dir_for_two(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let pki = Root::new()?;
    let up = || {
        let settings = Settings::new(&stage::id("pair")).with(json!({"pki_dir": pki.path()}));
        Stage::up_with(master, settings, json!({}))
    };
    let (one, two) = (up()?, up()?);
    let key = |id: &str| fs::read(master.path("pki/minions").join(id));
    assert_eq!(key(&one.id)?, key(&two.id)?);
    one.value("test.ping", json!([]))?;
    two.value("test.ping", json!([]))?;
    two.ignores(json!({"tgt": one.id}))?;
    two.finish()?;
    one.finish()
}

fn c102_a_minion_revokes_its_key(release: &'static Release) -> Result<()> {
    let stage = accepted(release, "rev", json!({}))?;
    // The reply to the return may be lost with the key.
    stage.publish(json!({"fun": "saltutil.revoke_auth"}))?;
    becomes(&stage, "minions_pre");
    stage.master.accept_key(&stage.id)?;
    works_again(&stage);
    stage.finish()
}
