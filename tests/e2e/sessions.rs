//! One login for the whole life of the daemon.

use lab::{Result, eventually};
use serde_json::json;

use crate::stage::{self, LONG, Stage};

/// Reads of all kinds, none of which may ask vCenter anything once the inventory is loaded.
fn reads() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("test.ping", json!([])),
        ("vsphere.list_vms", json!([])),
        ("vmware_vm.info", json!(["vm_name=db-01"])),
        ("vmware_vm.list", json!([])),
        ("vsphere.list_hosts", json!([])),
        ("vsphere.list_datacenters", json!([])),
        ("vmware_datacenter.list", json!([])),
        ("vsphere.list_clusters", json!([])),
        ("vsphere.list_datastores", json!([])),
        ("grains.get", json!(["id"])),
    ]
}

#[test]
fn two_hundred_jobs_cost_one_login() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "one")?;
    for (fun, arg) in reads() {
        stage.value(fun, arg)?;
    }
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "{:#}", stats.0);

    stage.vcsim.reset()?;
    let bus = master.bus()?;
    let mut jobs = Vec::new();
    for (n, (fun, arg)) in reads().into_iter().cycle().take(200).enumerate() {
        jobs.push(bus.publish(&json!({"tgt": stage.id, "fun": fun, "arg": arg}))?);
        // Eight in flight: what a busy master has, and what its three workers stand.
        if n >= 8 {
            let returned = jobs[n - 8].wait(&stage.id, LONG)?;
            assert!(returned.success(), "{:#}", returned.load);
        }
    }
    for job in &jobs[192..] {
        assert!(job.wait(&stage.id, LONG)?.success());
    }
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("sessions")), (0, 1), "{:#}", stats.0);
    assert_eq!(stats.methods_but(&["WaitForUpdatesEx"]), [], "reads are answered from the inventory");
    eprintln!("200 jobs: no login, no call but the wait for updates; resident {:?} kB", stage.proxy.rss());
    stage.finish()
}

/// An administrator ends the session: the next job does not notice.
#[test]
fn a_lost_session_costs_one_login() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "lost")?;
    let vms = stage.value("vsphere.list_vms", json!([]))?;
    assert_eq!(stage.vcsim.stats()?.count("logins"), 1);
    stage.vcsim.drop_sessions()?;
    assert_eq!(stage.value("vsphere.list_vms", json!([]))?, vms);
    // A job that must speak to vCenter, not only to the inventory.
    stage.value("vmware_datacenter.create", json!(["west"]))?;
    let twice = || (stage.vcsim.stats().ok()?.count("logins") == 2).then_some(());
    assert!(eventually(LONG, twice).is_some(), "{:#}", stage.vcsim.stats()?.0);
    assert_eq!(stage.vcsim.stats()?.count("sessions"), 1);
    stage.finish()
}

/// Many jobs find the session gone at once: one of them signs in, the others wait for it.
#[test]
fn many_jobs_sign_in_once() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "many")?;
    stage.value("test.ping", json!([]))?;
    stage.vcsim.drop_sessions()?;
    let bus = master.bus()?;
    let jobs: Vec<_> = (0..8)
        .map(|n| {
            bus.publish(
                &json!({"tgt": stage.id, "fun": "vmware_datacenter.create", "arg": [format!("dc{n}")]}),
            )
        })
        .collect::<Result<_>>()?;
    for job in jobs {
        let returned = job.wait(&stage.id, LONG)?;
        assert!(returned.success(), "{:#}\n{}", returned.load, stage::tail(&stage.proxy.log()));
    }
    assert_eq!(stage.vcsim.stats()?.count("logins"), 2, "{:#}", stage.vcsim.stats()?.0);
    stage.finish()
}
