//! Jobs that change the vCenter: done once, whatever breaks, and returned as what they were.

mod stress;

use lab::{Result, Settings, Vcsim, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, tail};

/// A stage whose vCenter has these flags, and machines without snapshots.
fn up<'a>(master: &'a lab::Master, stem: &str, flags: &[&str]) -> Result<Stage<'a>> {
    up_as(master, stem, flags, "vcenter")
}

/// The same with a proxy of another type: Salt's own functions for machines run on an `esxdatacenter` only.
fn up_as<'a>(master: &'a lab::Master, stem: &str, flags: &[&str], proxytype: &str) -> Result<Stage<'a>> {
    let id = stage::id(stem);
    let vcsim = Vcsim::start_with(master.tools(), flags)?;
    let mut pillar = lab::proxy::pillar(&vcsim);
    pillar["proxy"]["proxytype"] = json!(proxytype);
    pillar["proxy"]["datacenter"] = json!("DC0");
    master.pillar(&id, &pillar)?;
    let mark = master.bus()?.mark();
    let proxy = lab::Proxy::start(master, Settings::new(&id))?;
    let mut stage = Stage { proxy, vcsim, master, id, mark };
    stage.proxy.wait_ready(master, stage.mark)?;
    Ok(stage)
}

/// What was carried out by a method on machines, by the jobs' ids.
fn deeds(stage: &Stage<'_>, method: &str) -> Result<Vec<Value>> {
    Ok(stage.vcsim.ledger()?.into_iter().filter(|deed| deed["call"] == method).collect())
}

#[test]
fn machines_are_switched_and_kept() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up_as(master, "vm", &["-vm", "2"], "esxdatacenter")?;
    let vm = "DC0_C0_RP0_VM0";
    let state = |state: &str| stage.value("vmware_vm.power_state", json!([vm, state]));
    let done = |action: &str, state: &str| json!({"comment": format!("Virtual machine {action} action succeeded"), "changes": {"state": state}});
    assert_eq!(state("powered-off")?, done("powered-off", "poweredOff"));
    let already = json!({"comment": "Virtual machine is already powered off", "changes": {}});
    assert_eq!(state("powered-off")?, already);
    assert_eq!(
        stage.value("vsphere.power_on_vm", json!([vm]))?,
        json!({"comment": "Virtual machine power on action succeeded", "changes": {"power_on": true}})
    );
    assert_eq!(state("suspend")?, done("suspend", "suspended"));
    assert_eq!(state("powered-on")?, done("powered-on", "poweredOn"));
    assert_eq!(state("reset")?, done("reset", "poweredOn"));
    assert_eq!(
        stage.value("vsphere.power_off_vm", json!([vm, "DC0"]))?,
        json!({"comment": "Virtual machine power off action succeeded", "changes": {"power_off": true}})
    );

    let snapshot = |fun: &str, arg: Value| stage.value(fun, arg);
    assert_eq!(snapshot("vmware_vm.snapshot", json!([vm]))?, json!({"snapshots": []}));
    for name in ["a", "b", "a"] {
        let made = snapshot("vmware_vm.create_snapshot", json!([vm, name, "why"]))?;
        assert_eq!(made, json!({"snapshot": "created"}));
    }
    let all = snapshot("vmware_vm.snapshot", json!([vm]))?;
    let rows: Vec<_> = all["snapshots"].as_array().into_iter().flatten().collect();
    assert_eq!(rows.iter().map(|row| &row["name"]).collect::<Vec<_>>(), ["a", "b", "a"]);
    assert_eq!(rows[0]["description"], "why");
    let refused = stage.call("vmware_vm.destroy_snapshot", json!([vm, "a"]))?;
    assert!(!refused.success() && refused.text().contains("/a (id "), "it names both: {}", refused.text());
    let first = rows[0]["id"].clone();
    assert_eq!(
        snapshot("vmware_vm.revert_snapshot", json!([vm, "a", first]))?,
        json!({"snapshot": "reverted"})
    );
    assert_eq!(
        snapshot("vmware_vm.destroy_snapshot", json!([vm, "a", first, true]))?,
        json!({"snapshot": "destroyed"})
    );
    assert_eq!(snapshot("vmware_vm.snapshot", json!([vm]))?, json!({"snapshots": []}));
    let missing = stage.call("vmware_vm.destroy_snapshot", json!([vm, "a"]))?;
    assert_eq!(missing.text(), "ERROR: Snapshot 'a' was not found");
    stage.finish()
}

#[test]
fn machines_come_move_and_go() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up_as(master, "place", &["-vm", "2", "-host", "2", "-ds", "2"], "esxdatacenter")?;
    let (vm, other) = ("DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1");
    assert_eq!(
        stage.value("vmware_vm.relocate", json!([vm, "DC0_C0_H1", "LocalDS_1"]))?,
        json!({"virtual_machine": "moved"})
    );
    let info = stage.value("vmware_vm.info", json!([vm]))?;
    assert_eq!(info[vm]["esxi_hostname"], "DC0_C0_H1");
    let boot = |order: Value| stage.call("vmware_vm.boot_manager", json!([vm, order, 5000]));
    assert_eq!(boot(json!(["disk", "ethernet"]))?.value(), &json!({"status": "changed"}));
    let wrong = boot(json!(["tape"]))?;
    assert_eq!(wrong.text(), "ERROR: invalid order name, check order list for invalid names");

    let refused = stage.call("vsphere.unregister_vm", json!([vm, "DC0"]))?;
    assert!(!refused.success() && refused.text().contains("InvalidPowerState"), "{}", refused.text());
    let gone = stage.value("vsphere.unregister_vm", json!([vm, "DC0", {"cluster": "DC0_C0"}, true]))?;
    assert_eq!(gone, json!({"powered_off": true, "unregistered_vm": true}));
    let list = stage.value("vsphere.list_vms", json!([]))?;
    assert!(!list.as_array().is_some_and(|all| all.contains(&json!(vm))), "reads show it at once: {list}");
    let path = format!("[LocalDS_0] {vm}/{vm}.vmx");
    let registered = stage.value("vsphere.register_vm", json!([vm, "DC0", {"cluster": "DC0_C0"}, path]))?;
    assert_eq!(registered["changes"], json!({"register_vm": true}));
    let list = stage.value("vsphere.list_vms", json!([]))?;
    assert!(list.as_array().is_some_and(|all| all.contains(&json!(vm))), "{list}");

    let deleted = stage.value("vsphere.delete_vm", json!([other, "DC0", null, true]))?;
    assert_eq!(deleted, json!({"powered_off": true, "deleted_vm": true}));
    let unknown = stage.call("vsphere.delete_vm", json!([other, "DC0"]))?;
    assert_eq!(unknown.text(), format!("ERROR: VirtualMachine '{other}' was not found"));
    stage.finish()
}

/// The connection breaks after the call was carried out: the job says so, and it was carried out once. It breaks before: the
/// job says that, too.
#[test]
fn a_lost_answer_is_found_out() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "answer", &["-vm", "2"])?;
    let vm = "DC0_C0_RP0_VM0";
    for (kind, bytes) in [("reset_after", 0), ("truncate", 40), ("garbage", 0)] {
        let method = "CreateSnapshot_Task";
        stage.vcsim.fault(&json!({"method": method, "kind": kind, "bytes": bytes}))?;
        let returned = stage.call("vmware_vm.create_snapshot", json!([vm, kind]))?;
        let mine = deeds(&stage, method)?.into_iter().filter(|deed| deed["label"] == kind).count();
        if kind == "garbage" {
            // What answered was no vCenter.
            assert_eq!(mine, 0);
            assert!(!returned.success(), "{:#}", returned.load);
            assert!(returned.text().contains("was not carried out"), "{}", returned.text());
        } else {
            assert_eq!((mine, returned.value()), (1, &json!({"snapshot": "created"})), "{kind}");
        }
    }
    stage.vcsim.fault(&json!({"method": "CreateFolder", "kind": "reset_after"}))?;
    assert_eq!(
        stage.value("vmware_folder.create", json!(["web", "DC0", "vm"]))?,
        json!({"status": "created"}),
        "what makes no task is found by its name"
    );
    let refused = stage.call("vsphere.power_off_vm", json!([vm]))?;
    assert_eq!(refused.text(), "ERROR: 'vcenter' proxy is not supported by function power_off_vm");
    stage.vcsim.fault(&json!({"method": "PowerOffVM_Task", "kind": "reset"}))?;
    let returned = stage.call("vmware_vm.power_state", json!([vm, "powered-off"]))?;
    assert_eq!(deeds(&stage, "PowerOffVM_Task")?.len(), 0);
    assert!(returned.text().starts_with("ERROR: PowerOffVM_Task of 'DC0_C0_RP0_VM0' was not carried out"));
    stage.finish()
}

/// The minion is killed while the vCenter works for it: the next start returns what became of the job.
#[test]
fn a_killed_minion_returns_what_it_began() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "kill", &["-vm", "4"])?;
    let bus = master.bus()?;
    stage.vcsim.fault(&json!({"method": "PowerOffVM_Task", "kind": "slow_task", "ms": 4000}))?;
    stage.vcsim.fault(
        &json!({"method": "SuspendVM_Task", "kind": "slow_task", "ms": 4000, "fault": "InvalidState", "message": "no"}),
    )?;
    let publish = |fun: &str, arg: Value| bus.publish(&json!({"tgt": stage.id, "fun": fun, "arg": arg}));
    let off = publish("vmware_vm.power_state", json!(["DC0_C0_RP0_VM0", "powered-off"]))?;
    let fails = publish("vmware_vm.power_state", json!(["DC0_C0_RP0_VM1", "suspend"]))?;
    let nothing = publish("test.sleep", json!([600]))?;
    let begun = || {
        let stats = stage.vcsim.stats().ok()?;
        let asked = stats.method("PowerOffVM_Task") + stats.method("SuspendVM_Task");
        (asked == 2 && stage.proxy.journal().ok()? == 3).then_some(())
    };
    assert!(eventually(LONG, begun).is_some(), "{}", tail(&stage.proxy.log()));
    let Stage { proxy, vcsim, id, .. } = stage;
    let mut proxy = proxy.crash(&["proxy"])?;
    proxy.wait_ready(master, bus.mark())?;
    let ret = |job: &lab::Job<'_>| {
        job.wait(&id, LONG).map_err(|e| lab::Error::new(format!("{e}\n{}", tail(&proxy.log()))))
    };
    let off = ret(&off)?;
    assert!(off.success(), "{:#}", off.load);
    assert_eq!(off.value()["changes"], json!({"state": "poweredOff"}), "as if nothing had happened");
    let fails = ret(&fails)?;
    assert_eq!(
        (fails.success(), fails.text()),
        (false, "ERROR: SuspendVM_Task of 'DC0_C0_RP0_VM1' failed: no (InvalidState)".to_owned())
    );
    let nothing = ret(&nothing)?;
    assert!(nothing.text().starts_with("ERROR: The minion was ended"), "{}", nothing.text());
    let stage = Stage { proxy, vcsim, master, id, mark: 0 };
    assert_eq!(deeds(&stage, "PowerOffVM_Task")?.len(), 1);
    let empty = || (stage.proxy.journal().ok()? == 0).then_some(());
    assert!(eventually(LONG, empty).is_some(), "what is returned is no more in the journal");
    stage.finish()
}

/// A task tells how far it is, and is stopped with its job.
#[test]
fn a_killed_job_stops_its_task() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = up(master, "stop", &["-vm", "2"])?;
    let bus = master.bus()?;
    stage.vcsim.fault(&json!({"method": "PowerOffVM_Task", "kind": "slow_task", "ms": 600_000}))?;
    let arg = json!(["DC0_C0_RP0_VM0", "powered-off"]);
    let job = bus.publish(&json!({"tgt": stage.id, "fun": "vmware_vm.power_state", "arg": arg}))?;
    let tag = format!("salt/job/{}/prog/{}/0", job.jid, stage.id);
    let event = bus.tagged(job.mark, LONG, &tag)?;
    let task = &event.data["data"]["task"];
    assert_eq!(
        (&task["method"], &task["state"]),
        (&json!("PowerOffVM_Task"), &json!("running")),
        "{event:?}"
    );
    assert!(task["operation"].as_str().is_some_and(|op| op.starts_with(&job.jid)), "{task}");
    let killed = stage.value("saltutil.kill_job", json!([job.jid]))?;
    assert!(killed.as_str().is_some_and(|said| said.starts_with("Signal 9 sent")), "{killed}");
    let stopped = || (stage.vcsim.stats().ok()?.method("CancelTask") == 1).then_some(());
    assert!(eventually(LONG, stopped).is_some(), "{}", tail(&stage.proxy.log()));
    assert_eq!(stage.proxy.journal()?, 0);
    assert_eq!(deeds(&stage, "PowerOffVM_Task")?.len(), 0);
    stage.finish()
}
