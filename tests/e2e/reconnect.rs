//! Masters and vCenters that go and come back.

use std::time::Duration;

use lab::{Master, Result, Settings, eventually};
use serde_json::json;

use crate::stage::{self, LONG, Stage, tail};

/// A killed master comes back: so does the proxy, with both start events, and takes jobs.
#[test]
fn a_master_may_die() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    let mut master = Master::start(&tools, json!({"auto_accept": true}))?;
    let stage = Stage::up_with(&master, Settings::new("vc01"), json!({}))?;
    stage.value("test.ping", json!([]))?;
    let Stage { mut proxy, vcsim, id, .. } = stage;

    for _ in 0..2 {
        master.kill();
        assert_eq!(proxy.process().exited(), None);
        master.restart()?;
        proxy.wait_ready(&master, 0)?;
        let events = master.bus()?.since(0);
        assert!(events.iter().any(|e| e.tag == "minion_start"), "both start events");
        let returned = master.bus()?.call(&id, "vsphere.list_vms", json!([]), json!({}))?;
        assert!(returned.success(), "{:#}", returned.load);
    }
    let logins = vcsim.stats()?.count("logins");
    assert_eq!(logins, 1, "a master that dies is no reason to sign in to vCenter anew");
    Stage { proxy, vcsim, master: &master, id, mark: 0 }.finish()
}

/// A job's answer that the master could not take is sent when it can.
#[test]
fn a_return_outlives_its_master() -> Result<()> {
    let Some(tools) = stage::tools() else { return Ok(()) };
    let mut master = Master::start(&tools, json!({"auto_accept": true}))?;
    let stage = Stage::up_with(&master, Settings::new("vc01"), json!({}))?;
    let jid = master.bus()?.publish(&json!({"tgt": "vc01", "fun": "test.sleep", "arg": [5]}))?.jid;
    // Published, and surely taken: the minion tells of it.
    let taken = || stage.value("saltutil.find_job", json!([jid])).ok().filter(|f| f["jid"] == json!(jid));
    assert!(eventually(LONG, taken).is_some());
    let Stage { proxy, vcsim, id, .. } = stage;
    master.kill();
    std::thread::sleep(Duration::from_secs(6));
    master.restart()?;
    let tag = format!("salt/job/{jid}/ret/{id}");
    let event = master.bus()?.tagged(0, Duration::from_secs(90), &tag);
    let event = event.map_err(|e| lab::Error::new(format!("{e}\n{}", tail(&proxy.log()))))?;
    assert_eq!(event.data["return"], json!(true));
    Stage { proxy, vcsim, master: &master, id, mark: 0 }.finish()
}

/// A vCenter that is gone: jobs say so; when it is back, all is well, without help.
#[test]
fn a_vcenter_may_die() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let mut stage = Stage::up(master, "vc")?;
    let vms = stage.value("vsphere.list_vms", json!([]))?;
    stage.vcsim.kill();
    assert_eq!(stage.value("test.ping", json!([]))?, json!(true), "the minion is there without its vCenter");
    let returned = stage.call("vmware_datacenter.create", json!(["west"]))?;
    assert!(!returned.success() && returned.retcode() == 1, "{:#}", returned.load);
    assert!(returned.text().starts_with("ERROR"), "a sentence for a person: {}", returned.text());
    assert!(returned.text().contains("127.0.0.1"), "it names the vCenter: {}", returned.text());

    stage.vcsim.restart()?;
    let back = || stage.value("vmware_datacenter.create", json!(["west"])).ok();
    assert!(eventually(Duration::from_secs(90), back).is_some(), "{}", tail(&stage.proxy.log()));
    let fresh = || stage.value("vsphere.list_vms", json!([])).ok().filter(|v| *v == vms);
    assert!(eventually(LONG, fresh).is_some());
    assert_eq!(stage.vcsim.stats()?.count("sessions"), 1);
    stage.finish()
}

/// A vCenter that comes only after its proxy.
#[test]
fn a_vcenter_may_be_late() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let id = stage::id("late");
    let vcsim = lab::Vcsim::start(master.tools())?;
    vcsim.outage()?;
    master.pillar(&id, &lab::proxy::pillar(&vcsim))?;
    let mark = master.bus()?.mark();
    let proxy = lab::Proxy::start(master, Settings::new(&id))?;
    proxy.wait_log(LONG, &[&format!("127.0.0.1:{}", vcsim.port())])?;
    let mut stage = Stage { proxy, vcsim, master, id, mark };
    assert_eq!(stage.proxy.process().exited(), None, "it waits for its vCenter");
    stage.vcsim.recover()?;
    stage.proxy.wait_ready(master, mark)?;
    let all = || {
        stage
            .value("vsphere.list_vms", json!([]))
            .ok()
            .filter(|v| v.as_array().is_some_and(|a| a.len() == 10))
    };
    assert!(eventually(Duration::from_secs(90), all).is_some(), "{}", tail(&stage.proxy.log()));
    stage.finish()
}
