//! Any method and any properties, as a person asks for them.

use lab::Result;
use serde_json::json;

use crate::stage::{self, Stage};

#[test]
fn any_method_and_any_property_can_be_asked_for() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "any")?;
    let now = stage.value("vsphere.call", json!(["ServiceInstance", "CurrentTime"]))?;
    assert!(now.as_str().is_some_and(|now| now.starts_with("20") && now.contains('T')), "{now}");

    // A task is waited for, and what it has done is read at once.
    stage.value("vsphere.call", json!(["VirtualMachine:db-01", "Rename_Task", {"newName": "db-02"}]))?;
    let resize =
        json!(["/DC0/vm/db-02", "ReconfigVM_Task", {"spec": {"numCPUs": 3, "annotation": "by hand"}}]);
    stage.value("vsphere.call", resize)?;
    let moid = stage.value("vmware_vm.info", json!(["db-02"]))?["db-02"]["moid"].clone();
    let reference = format!("VirtualMachine:{}", moid.as_str().unwrap_or_default());
    let wanted = json!(["name", "config.hardware.numCPU", "config.annotation", "config.files.vmPathName"]);
    let read = stage.value("vsphere.collect", json!([reference, wanted]))?;
    assert_eq!(
        (&read[&reference]["name"], &read[&reference]["config.hardware.numCPU"]),
        (&json!("db-02"), &json!(3)),
        "{read}"
    );
    assert_eq!(read[&reference]["config.annotation"], json!("by hand"));

    // All of a type; those in a cluster; a service.
    let all = stage.value("vsphere.collect", json!(["VirtualMachine", "name,runtime.powerState"]))?;
    let names = stage.vcsim.names("VirtualMachine")?.len();
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(names), "{all}");
    let some = stage.call_with(
        "vsphere.collect",
        json!(["VirtualMachine", "name"]),
        json!({"within": "/DC0/host/DC0_C0"}),
    )?;
    let few = some.value().as_object().map_or(0, serde_json::Map::len);
    assert!(few > 0 && few < names, "{:#}", some.load);
    let service = stage.value("vsphere.collect", json!(["licenseManager", "licenseAssignmentManager"]))?;
    assert_eq!(service.as_object().map(serde_json::Map::len), Some(1), "{service}");

    // What is wrong is said before anything is sent.
    stage.vcsim.reset()?;
    for (fun, arg, why) in [
        ("vsphere.call", json!(["VirtualMachine:db-02", "PowerOn"]), "is it 'PowerOnVM_Task'?"),
        (
            "vsphere.call",
            json!(["VirtualMachine:db-02", "Rename_Task", {"newName": 5}]),
            "Rename_Task.newName: takes string, not 5",
        ),
        ("vsphere.call", json!(["/DC0/vm/nosuch", "Reload"]), "ManagedEntity '/DC0/vm/nosuch' was not found"),
        ("vsphere.call", json!(["sessionManager", "Logout"]), "the session is shared"),
        ("vsphere.collect", json!(["VirtualMachine", "config.nothing"]), "has no 'nothing'"),
        ("vsphere.collect", json!(["Task", "info"]), "is no type of the inventory's objects"),
        ("vsphere.collect", json!(["VirtualMachine:db-02", "name", "/DC0"]), "'within' is for a type"),
    ] {
        let returned = stage.call(fun, arg)?;
        let text = returned.value().as_str().unwrap_or_default();
        assert!(returned.retcode() != 0 && text.contains(why), "{why}\n{:#}", returned.load);
    }
    assert_eq!(stage.vcsim.stats()?.methods_but(&["WaitForUpdatesEx"]), []);

    // A secret among the arguments is in no log, which is looked at in the end.
    let spec = json!({"cnxSpec": {"userName": "root", "password": stage::WRONG_PASSWORD, "force": false}});
    stage.call("vsphere.call", json!(["HostSystem:DC0_H0", "ReconnectHost_Task", spec]))?;
    stage.finish()
}
