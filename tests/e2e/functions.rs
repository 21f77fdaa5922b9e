//! Every VMware function, asked through the master as a person asks it, against a simulated vCenter.

use lab::Result;
use serde_json::{Value, json};

use crate::stage::{self, Stage};

/// What a function has to answer.
enum Answer {
    /// Exactly this.
    Is(Value),
    /// At least this: what maps hold may be more.
    Has(Value),
    /// An error with these words.
    Fails(&'static str),
}

use Answer::{Fails, Has, Is};

fn check(stage: &Stage, fun: &str, words: &[&str], answer: Answer) -> Result<()> {
    let returned = stage.call(fun, json!(words))?;
    let value = returned.value();
    let asked = format!("{fun} {}", words.join(" "));
    match answer {
        Is(wanted) => assert_eq!(*value, wanted, "{asked}"),
        Has(wanted) => assert!(has(value, &wanted), "{asked}\n  wanted {wanted}\n  in     {value}"),
        Fails(words) => {
            let text = value.as_str().unwrap_or_default();
            assert!(
                returned.retcode() != 0 && text.contains(words),
                "{asked}\n  wanted {words}\n  got    {value}"
            );
        }
    }
    Ok(())
}

fn has(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| has(value, wanted)))
        }
        (Value::Array(value), Value::Array(wanted)) => {
            wanted.iter().all(|wanted| value.iter().any(|value| has(value, wanted)))
        }
        _ => value == wanted,
    }
}

#[test]
fn reads_describe_the_inventory() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "read")?;
    let esx = "DC0_H0";
    let secret = format!("password={}", stage::WRONG_PASSWORD);
    let cases: Vec<(&str, Vec<&str>, Answer)> = vec![
        ("vsphere.list_clusters", vec![], Is(json!(["DC0_C0"]))),
        ("vsphere.list_dvs", vec![], Is(json!(["DVS0"]))),
        ("vsphere.list_folders", vec![], Is(json!(["datastore", "host", "network", "vm"]))),
        ("vsphere.list_networks", vec![], Has(json!(["VM Network", "DC0_DVPG0"]))),
        ("vsphere.list_resourcepools", vec![], Has(json!(["Resources"]))),
        ("vsphere.list_datastore_clusters", vec![], Is(json!([]))),
        ("vsphere.list_vapps", vec![], Is(json!([]))),
        ("vsphere.list_datacenters_via_proxy", vec![], Is(json!([{"name": "DC0"}]))),
        ("vsphere.list_datacenters_via_proxy", vec!["[nosuch]"], Is(json!([]))),
        ("vsphere.list_hosts_via_proxy", vec![esx], Is(json!([esx]))),
        ("vsphere.list_hosts_via_proxy", vec!["cluster=DC0_C0"], Fails("Datacenter is required")),
        ("vsphere.test_vcenter_connection", vec![], Is(json!(true))),
        ("vsphere.get_proxy_type", vec![], Is(json!("vcenter"))),
        ("vsphere.system_info", vec![], Has(json!({"apiType": "VirtualCenter", "vendor": "VMware, Inc."}))),
        ("vsphere.list_vms", vec!["host=127.0.0.1"], Has(json!(["db-01"]))),
        // What finish() looks for in the log.
        (
            "vsphere.list_vms",
            vec!["host=elsewhere", "username=u", &secret],
            Fails("Could not connect to elsewhere"),
        ),
        (
            "vsphere.list_vms",
            vec!["host=127.0.0.1", "username=root"],
            Fails("mandatory parameter 'password' is missing"),
        ),
        ("vcenter.get_details", vec![], Has(json!({"password": "**********", "passwords": ["**********"]}))),
        ("vmware_vm.list", vec!["datacenter_name=DC0"], Has(json!(["db-01", "DC0_H0_VM0"]))),
        ("vmware_vm.list", vec!["host_name=nosuch"], Is(json!([]))),
        ("vmware_vm.list", vec!["datacenter_name=nosuch"], Fails("Datacenter 'nosuch' was not found")),
        ("vmware_vm.list", vec!["cluster_name=DC0_C0"], Fails("Must specify the datacenter")),
        ("vmware_vm.list", vec!["profile=nosuch"], Fails("There is no profile 'nosuch'")),
        ("vmware_vm.list", vec!["service_instance=x"], Fails("leave it out")),
        ("vmware_vm.list_templates", vec![], Is(json!([]))),
        ("vmware_vm.path", vec!["DC0_H0_VM0"], Is(json!("/DC0/vm/DC0_H0_VM0"))),
        ("vmware_vm.path", vec!["nosuch"], Is(json!(""))),
        (
            "vmware_vm.info",
            vec!["DC0_H0_VM0"],
            Has(json!({"DC0_H0_VM0": {
                "guest_name": "DC0_H0_VM0", "esxi_hostname": esx, "cluster": esx, "datacenter": "DC0",
                "folder": "/DC0/vm/DC0_H0_VM0", "tags": [],
            }})),
        ),
        ("vmware_vm.info", vec!["nosuch"], Fails("VirtualMachine 'nosuch' was not found")),
        ("vmware_datacenter.get", vec!["DC0"], Has(json!({"name": "DC0", "overallStatus": "green"}))),
        (
            "vmware_datacenter.get",
            vec!["nosuch"],
            Is(json!({"nosuch": false, "reason": "Datacenter 'nosuch' was not found"})),
        ),
        ("vmware_folder.list", vec![], Is(json!(["datastore", "host", "network", "vm"]))),
        (
            "vmware_datastore.get",
            vec!["san-01"],
            Has(json!([{"name": "san-01", "type": "VMFS", "uncommitted": 0}])),
        ),
        ("vmware_datastore.get", vec!["nosuch"], Is(json!([]))),
        ("vmware_datastore.get", vec!["host_name=nosuch"], Fails("HostSystem 'nosuch' was not found")),
        (
            "vmware_datastore.list_datastores",
            vec!["san-01"],
            Has(json!({(esx): [{"name": "san-01", "type": "VMFS"}]})),
        ),
        ("vmware_datastore.list_datastores", vec!["nosuch"], Has(json!({(esx): []}))),
        ("vmware_datastore.list_datastores", vec!["host_name=nosuch"], Is(json!({}))),
    ];
    for (fun, words, answer) in cases {
        check(&stage, fun, &words, answer)?;
    }
    stage.finish()
}

#[test]
fn writes_are_done_when_they_answer() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "write")?;
    let duplicate = "The name 'west' already exists. (DuplicateName)";
    let cases: Vec<(&str, Vec<&str>, Answer)> = vec![
        ("vmware_datacenter.create", vec!["west"], Is(json!({"west": true}))),
        ("vmware_datacenter.create", vec!["west"], Is(json!({"west": false, "reason": duplicate}))),
        ("vsphere.create_datacenter", vec!["west"], Fails("DuplicateName")),
        ("vsphere.create_datacenter", vec!["east"], Is(json!({"create_datacenter": true}))),
        ("vmware_datacenter.list", vec![], Is(json!(["DC0", "east", "west"]))),
        ("vmware_folder.create", vec!["web", "west", "vm"], Is(json!({"status": "created"}))),
        ("vmware_folder.create", vec!["web", "west", "vm"], Fails("DuplicateName")),
        ("vmware_folder.create", vec!["web", "west", "shelf"], Fails("invalid type")),
        ("vmware_folder.create", vec!["prod", "west", "vm"], Is(json!({"status": "created"}))),
        ("vmware_folder.rename", vec!["web", "www", "west", "vm"], Is(json!({"status": "renamed"}))),
        ("vmware_folder.move", vec!["www", "prod", "west", "vm"], Is(json!({"status": "moved"}))),
        ("vmware_folder.move", vec!["www", "nosuch", "west", "vm"], Fails("Folder 'nosuch' was not found")),
        ("vmware_folder.list", vec![], Has(json!(["prod", "www"]))),
        ("vmware_folder.destroy", vec!["prod", "west", "vm"], Is(json!({"status": "destroyed"}))),
        ("vmware_folder.destroy", vec!["prod", "west", "vm"], Fails("Folder 'prod' was not found")),
        ("vmware_folder.destroy", vec!["vm", "west", "vm"], Fails("Folder 'vm' was not found")),
        ("vmware_datacenter.delete", vec!["west"], Is(json!({"west": true}))),
        (
            "vmware_datacenter.delete",
            vec!["west"],
            Is(json!({"west": false, "reason": "Datacenter 'west' was not found"})),
        ),
        ("vmware_datacenter.list", vec![], Is(json!(["DC0", "east"]))),
        (
            "vmware_vm.power_state",
            vec!["db-01", "powered-off"],
            Has(json!({"changes": {"state": "poweredOff"}})),
        ),
        (
            "vmware_vm.power_state",
            vec!["db-01", "powered-off"],
            Is(json!({"comment": "Virtual machine is already powered off", "changes": {}})),
        ),
        (
            "vmware_vm.power_state",
            vec!["db-01", "powered-on", "datacenter_name=DC0"],
            Is(json!({
                "comment": "Virtual machine powered-on action succeeded", "changes": {"state": "poweredOn"},
            })),
        ),
        ("vmware_vm.power_state", vec!["db-01", "suspend"], Has(json!({"changes": {"state": "suspended"}}))),
        ("vmware_vm.power_state", vec!["db-01", "on"], Fails("The given action is not supported")),
        (
            "vmware_vm.power_state",
            vec!["db-01", "powered-on", "datacenter_name=east"],
            Fails("VirtualMachine 'db-01' was not found"),
        ),
        ("vmware_vm.info", vec!["db-01"], Has(json!({"db-01": {"power_state": "suspended"}}))),
    ];
    for (fun, words, answer) in cases {
        check(&stage, fun, &words, answer)?;
    }
    stage.finish()
}
