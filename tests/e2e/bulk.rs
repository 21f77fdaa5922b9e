//! Bulk or nothing: no reading function asks a vCenter more often because there is more in it.
//!
//! Every VMware function that is registered is walked over, so that a new one is looked at as soon as it is there.

use std::collections::BTreeMap;

use lab::{Error, Proxy, Result, Settings, Vcsim, proxy};
use serde_json::{Map, Value, json};

use crate::stage::{self, Stage};

/// The modules that ask a vCenter.
fn asks_a_vcenter(module: &str) -> bool {
    module == "vsphere" || module == "vcenter" || module.starts_with("vmware_") || module.starts_with("esx")
}

/// How names of functions begin that change something; they are not called here.
const WRITES: [&str; 52] = [
    "add",
    "apply",
    "assign",
    "attach",
    "boot",
    "call",
    "change",
    "clone",
    "cmd",
    "configure",
    "connect",
    "copy",
    "create",
    "delete",
    "deploy",
    "destroy",
    "detach",
    "disable",
    "disconnect",
    "enable",
    "enter",
    "erase",
    "exit",
    "install",
    "join",
    "maintenance",
    "manage",
    "mark",
    "migrate",
    "mount",
    "move",
    "power",
    "reboot",
    "reconfigure",
    "register",
    "relocate",
    "remove",
    "rename",
    "rescan",
    "reset",
    "restart",
    "revert",
    "set",
    "shutdown",
    "start",
    "stop",
    "suspend",
    "unmount",
    "unregister",
    "update",
    "upload",
    "vmotion",
];

fn writes(function: &str) -> bool {
    let verb = function.split('_').next().unwrap_or_default();
    WRITES.contains(&verb)
}

/// What reading functions are asked that cannot be asked without arguments. `{vm}` is a machine that is there.
fn words(function: &str) -> Option<Value> {
    let words = match function {
        "vmware_datacenter.get" => json!(["DC0"]),
        "vmware_vm.path" | "vmware_vm.snapshot" => json!(["DC0_H0_VM0"]),
        "vmware_tag.get" | "vmware_tag.get_category" => json!(["urn:nothing"]),
        "vsphere.collect" => {
            json!(["VirtualMachine", ["name", "config.hardware.device", "runtime.powerState"]])
        }
        "vsphere.list_library_items" => json!(["templates"]),
        "vsphere.rest" => json!(["/rest/com/vmware/cis/tagging/tag"]),
        "vsphere.list_attached_tags" => json!(["domain-c1"]),
        _ => return None,
    };
    Some(words)
}

/// Questions beyond the first where an answer is made of as many objects as there are, and one question names so many of them.
fn pages(function: &str, machines: u64) -> u64 {
    match function {
        "vsphere.collect" => machines / 500,
        // The tagging service is asked by object.
        "vmware_vm.info" => machines / 1000,
        _ => 0,
    }
}

/// The calls that each reading function costs, asked twice: what it remembers of the first time must not hide how it came
/// by it.
fn asked(machines: u32) -> Result<Option<BTreeMap<String, u64>>> {
    let Some(master) = stage::master()? else { return Ok(None) };
    let vcsim = Vcsim::start_with(master.tools(), &["-bulk", &machines.to_string()])?;
    let id = stage::id("bulk");
    master.pillar(&id, &proxy::pillar(&vcsim))?;
    let mark = master.bus()?.mark();
    let mut proxy = Proxy::start(master, Settings::new(&id))?;
    proxy.wait_ready(master, mark)?;
    let stage = Stage { proxy, vcsim, master, id, mark };
    let there = stage.value("vsphere.list_vms", json!([]))?.as_array().map_or(0, Vec::len);
    assert!(there >= machines as usize, "{there} machines are there");
    // The login of the tagging service is no question.
    stage.value("vmware_tag.list", json!([]))?;
    let mut costs = BTreeMap::new();
    for (function, argspec) in stage.value("sys.argspec", json!(["*"]))?.as_object().into_iter().flatten() {
        let (module, name) = function.split_once('.').unwrap_or_default();
        if asks_a_vcenter(module) && !writes(name) {
            costs.insert(function.clone(), cost(&stage, function, argspec)?);
        }
    }
    stage.finish()?;
    Ok(Some(costs))
}

fn cost(stage: &Stage, function: &str, argspec: &Value) -> Result<u64> {
    let count = |name: &str| argspec[name].as_array().map_or(0, Vec::len);
    let required = count("args") - count("defaults").min(count("args"));
    let words = match (words(function), required) {
        (Some(words), _) => words,
        (None, 0) => json!([]),
        (None, _) => return Err(Error::new(format!("bulk.rs has to say how {function} is asked"))),
    };
    stage.vcsim.reset()?;
    for _ in 0..2 {
        let returned = stage.call(function, words.clone())?;
        let text = returned.value().as_str().unwrap_or_default();
        assert!(!text.contains("Passed invalid arguments"), "{function} {words}: {text}");
    }
    let stats = stage.vcsim.stats()?;
    let soap: u64 = stats.methods_but(&["WaitForUpdatesEx"]).iter().map(|(_, count)| count).sum();
    let rest: u64 =
        stats.0["rest"].as_object().unwrap_or(&Map::new()).values().filter_map(Value::as_u64).sum();
    Ok(soap + rest)
}

#[test]
fn questions_do_not_grow_with_the_inventory() -> Result<()> {
    let (few, many) = (10, 1000);
    let (Some(small), Some(large)) = (asked(few)?, asked(many)?) else { return Ok(()) };
    assert!(small.len() > 25, "{small:?}");
    let mut wrong = Vec::new();
    for (function, cost) in &large {
        let before = small[function];
        if *cost > before + 2 * pages(function, u64::from(many)) {
            wrong
                .push(format!("{function} asks {before} times of {few} machines and {cost} times of {many}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("asked twice each, at {many} machines: {large:?}");
    Ok(())
}
