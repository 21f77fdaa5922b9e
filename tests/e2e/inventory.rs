//! What somebody else does in vCenter is seen at once, without asking.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::{Error, Result, provision};
use serde_json::{Value, json};

use crate::stage::{self, Stage, tail};

/// Another client changes something; gives when vCenter had answered it.
fn other(stage: &Stage, args: &[&str]) -> Result<Instant> {
    let script = provision::workspace().join("tests/lab/python/vm.py");
    let said = stage.vcsim.another_client(stage.master.tools(), &script, args)?;
    let at: f64 = said.trim().parse().map_err(|_| Error::new(said.clone()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let ago = Duration::from_secs_f64((now - at).max(0.0));
    Ok(Instant::now().checked_sub(ago).unwrap_or_else(Instant::now))
}

/// Asks until the answer is right, and reports how long after the change the first right answer came.
fn sees(stage: &Stage, what: &str, changed: Instant, right: impl Fn() -> Result<bool>) -> Result<()> {
    stage.vcsim.reset()?;
    let end = Instant::now() + Duration::from_secs(20);
    let mut asked = 1;
    while !right()? {
        assert!(Instant::now() < end, "{what} was not seen\n{}", tail(&stage.proxy.log()));
        asked += 1;
    }
    // Most of it is the other client's way out and the job's way through the master.
    eprintln!(
        "{what}: answered rightly {} ms after vCenter's answer, at job {asked}",
        changed.elapsed().as_millis()
    );
    let stats = stage.vcsim.stats()?;
    assert_eq!(stats.methods_but(&["WaitForUpdatesEx", "Logout"]), [], "{what}: no job asks vCenter");
    Ok(())
}

#[test]
fn changes_by_others_are_seen_at_once() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "inv")?;
    let names = || stage.value("vsphere.list_vms", json!([]));
    let has = |name: &'static str| move |all: Value| all.as_array().is_some_and(|a| a.contains(&json!(name)));
    assert!(has("db-01")(names()?));

    let changed = other(&stage, &["rename", "web-001", "front-001"])?;
    sees(&stage, "a renamed machine", changed, || Ok(has("front-001")(names()?)))?;
    assert!(!has("web-001")(names()?), "and the old name is gone");

    let changed = other(&stage, &["create", "newcomer"])?;
    sees(&stage, "a new machine", changed, || Ok(has("newcomer")(names()?)))?;

    let state = |name: &str| {
        let info = stage.value("vmware_vm.info", json!([format!("vm_name={name}")]))?;
        Ok::<_, Error>(info[name]["power_state"].as_str().map(str::to_owned))
    };
    assert_eq!(state("db-01")?.as_deref(), Some("poweredOn"));
    let changed = other(&stage, &["off", "db-01"])?;
    sees(&stage, "a machine switched off", changed, || Ok(state("db-01")?.as_deref() == Some("poweredOff")))?;

    let changed = other(&stage, &["destroy", "newcomer"])?;
    sees(&stage, "a destroyed machine", changed, || Ok(!has("newcomer")(names()?)))?;
    stage.finish()
}

/// What the proxy lists is what vCenter has.
#[test]
fn lists_are_complete() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "list")?;
    let sorted = |value: Value| {
        let mut all: Vec<String> =
            value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        all.sort();
        all
    };
    for (fun, kind) in [
        ("vsphere.list_vms", "VirtualMachine"),
        ("vsphere.list_hosts", "HostSystem"),
        ("vsphere.list_datacenters", "Datacenter"),
    ] {
        let mut names = stage.vcsim.names(kind)?;
        names.sort();
        assert_eq!(sorted(stage.value(fun, json!([]))?), names, "{fun}");
    }
    stage.finish()
}

/// The inventory says of itself how current it is, and is loaded anew for who does not believe it.
#[test]
fn the_inventory_tells_of_itself() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "self")?;
    stage.value("vsphere.list_vms", json!([]))?;
    let told = stage.value("vsphere.inventory", json!([]))?;
    assert_eq!((&told["live"], &told["partial"]), (&json!(true), &json!({})), "{told}");
    assert_eq!(told["objects"]["VirtualMachine"], json!(stage.vcsim.names("VirtualMachine")?.len()));
    assert!(told["age"].as_f64().is_some_and(|age| age < 60.0), "{told}");

    stage.vcsim.reset()?;
    let again = stage.value("vsphere.inventory", json!(["fresh=True"]))?;
    assert_eq!(again["objects"], told["objects"]);
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.method("CreateContainerView"), stats.method("DestroyView")), (1, 1), "{:#}", stats.0);
    assert_eq!(stats.method("DestroyPropertyCollector"), 1, "{:#}", stats.0);
    // And changes are followed from there on.
    let changed = other(&stage, &["rename", "db-01", "db-07"])?;
    sees(&stage, "a change after that", changed, || {
        let all = stage.value("vsphere.list_vms", json!([]))?;
        Ok(all.as_array().is_some_and(|all| all.contains(&json!("db-07"))))
    })?;
    stage.finish()
}
