//! A master that goes and comes back, changes its keys, is one of two; and a vCenter that goes.

use std::time::Duration;

use lab::{Event, Master, Release, Result, Settings, Tools, Wire, eventually};
use serde_json::json;

use crate::stage::{self, LONG, Stage, tail};

on_each_line! {
    own: c072_a_master_is_restarted, c074_session_keys_are_renewed, c075_the_publish_key_is_rotated,
        c093_a_vcenter_is_gone, c106_a_firewall;
    newer: c073_a_master_is_gone_for_long;
}

fn starts(master: &Master, id: &str) -> Result<(usize, usize)> {
    let tag = format!("salt/minion/{id}/start");
    let events = master.bus()?.since(0);
    let legacy = |e: &&Event| e.tag == "minion_start" && e.data["id"] == json!(id);
    Ok((events.iter().filter(legacy).count(), events.iter().filter(|e| e.tag == tag).count()))
}

/// Our own master, and a proxy minion that has lived through so long a time without it.
fn gone_for(release: &'static Release, time: Duration, look: fn(&Stage) -> Result<()>) -> Result<()> {
    let mut master = Master::start(&Tools::with(release)?, json!({"auto_accept": true}))?;
    let Stage { mut proxy, vcsim, id, .. } = Stage::up(&master, "back")?;
    master.kill();
    std::thread::sleep(time);
    assert_eq!(proxy.process().exited(), None, "{}", tail(&proxy.log()));
    master.restart()?;
    proxy.wait_ready(&master, 0)?;
    let stage = Stage { proxy, vcsim, master: &master, id, mark: 0 };
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true));
    look(&stage)?;
    assert_eq!(starts(&master, &stage.id)?, (1, 1), "one of both start events");
    assert_eq!(stage.vcsim.stats()?.count("logins"), 1, "no reason to sign in to vCenter anew");
    stage.finish()
}

/// To every line it comes back as a minion of 3007 does: with its start events.
fn c072_a_master_is_restarted(release: &'static Release) -> Result<()> {
    gone_for(release, Duration::from_secs(8), |_| Ok(()))
}

fn c073_a_master_is_gone_for_long(release: &'static Release) -> Result<()> {
    gone_for(release, Duration::from_secs(40), |stage| {
        // A Python minion would have restarted itself: its pillar is a new one.
        stage.master.bus()?.tagged(0, LONG, &format!("minion/refresh/{}", stage.id))?;
        Ok(())
    })
}

fn c074_session_keys_are_renewed(release: &'static Release) -> Result<()> {
    let options = json!({"auto_accept": true, "publish_session": 8, "loop_interval": 2});
    let master = Master::start(&Tools::with(release)?, options)?;
    let stage = Stage::up(&master, "ses")?;
    let bus = master.bus()?;
    let auths = || {
        bus.since(stage.mark)
            .iter()
            .filter(|e| e.tag == "salt/auth" && e.data["id"] == json!(stage.id))
            .count()
    };
    let mut jobs = 0;
    while auths() < 4 {
        assert!(jobs < 100, "the keys are not renewed\n{}", tail(&stage.proxy.log()));
        assert_eq!(stage.value("test.echo", json!([jobs]))?, json!(jobs));
        jobs += 1;
        std::thread::sleep(Duration::from_secs(2));
    }
    stage.finish()
}

fn c075_the_publish_key_is_rotated(release: &'static Release) -> Result<()> {
    let master = Master::start(&Tools::with(release)?, json!({"auto_accept": true, "loop_interval": 2}))?;
    let stage = Stage::up(&master, "rot")?;
    let other = Stage::up(&master, "gone")?;
    let id = other.id.clone();
    other.finish()?;
    let mark = master.bus()?.mark();
    let said = master.salt_key(&["-y", "--rotate-aes-key=True", "-d", &id])?;
    assert_eq!(master.key_state(&id), None, "{said:?}");
    let anew = |e: &Event| e.tag == "salt/auth" && e.data["id"] == json!(stage.id);
    let answered = || {
        let _ = stage.value("test.ping", json!([]));
        master.bus().ok()?.since(mark).iter().any(anew).then_some(())
    };
    assert!(eventually(LONG, answered).is_some(), "{}", tail(&stage.proxy.log()));
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true));
    stage.finish()
}

fn c093_a_vcenter_is_gone(release: &'static Release) -> Result<()> {
    let mut stage = Stage::up(stage::shared(release)?, "vc")?;
    stage.vcsim.kill();
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true), "the minion is there without its vCenter");
    let returned = stage.call("vmware_datacenter.create", json!(["west"]))?;
    assert!(returned.text().starts_with("ERROR") && returned.retcode() == 1, "{:#}", returned.load);
    stage.vcsim.restart()?;
    let back = || stage.value("vmware_datacenter.create", json!(["west"])).ok();
    assert!(eventually(LONG * 2, back).is_some(), "{}", tail(&stage.proxy.log()));
    stage.finish()
}

/// Packets vanish for a while; here it is a wire that keeps what it is given, for nobody needs root for that.
fn c106_a_firewall(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let (publish, request) = (Wire::to(master.publish_port())?, Wire::to(master.ret_port())?);
    let settings = Settings::new(&stage::id("wall"))
        .with(json!({"publish_port": publish.port(), "master_port": request.port()}));
    let stage = Stage::up_with(master, settings, json!({}))?;
    publish.pause();
    request.pause();
    let tag = format!("behind/{}", stage.id);
    let job = stage.publish(json!({"fun": "event.send", "arg": [tag]}))?;
    std::thread::sleep(Duration::from_secs(20));
    publish.mend();
    request.mend();
    let bus = master.bus()?;
    let answers = || {
        let job = stage.publish(json!({})).ok()?;
        job.wait(&stage.id, Duration::from_secs(5)).ok().filter(lab::Return::success)
    };
    assert!(eventually(LONG * 2, answers).is_some(), "{}", tail(&stage.proxy.log()));
    // The job was on its way: it runs once, or never if its connection was given up.
    let runs = bus.since(job.mark).iter().filter(|e| e.tag == tag).count();
    assert!(runs <= 1, "{runs}");
    stage.finish()
}
