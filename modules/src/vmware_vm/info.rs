//! What a virtual machine is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use salt::{Context, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{EntityRef, Inventory, VirtualMachine};
use vcenter::ops::tag::{self, Tag};

use salt::connection::of_profile;

functions![info];

/// How long the tagging service may take; without its answer there are no tags, but everything else.
const PATIENCE: Duration = Duration::from_secs(5);

/// Describes virtual machines: guest, power, addresses, place, tags.
///
/// Where the minion's user may not read some properties of a machine, these are empty, and listed under `hidden`.
/// `tags` is `None` where the vCenter's tagging service does not tell them; the log has the reason.
///
/// The result is a map by name. Where several machines share a name, each goes by its inventory path.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.info vm_name=vm01
/// salt '*' vmware_vm.info
/// ```
#[salt_fn]
async fn info(
    cx: &Context,
    /// The virtual machine, by name, path or id. All of them without it.
    vm_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vms: Vec<&VirtualMachine> = match vm_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => vec![inventory.find(name, None)?],
        None => inventory.all().collect(),
    };
    let references: Vec<EntityRef> = vms.iter().map(|vm| vm.reference.clone()).collect();
    let tags = tag::attached_if_told(&client, &references, PATIENCE).await;
    let mut all = Map::new();
    for vm in vms {
        let shared = inventory.candidates(vm.reference.kind(), &vm.name, None).len() > 1;
        let key = if shared { inventory.path(&vm.reference) } else { vm.name.to_string() };
        all.insert(key, described(&inventory, vm, tags.as_ref()));
    }
    all.sort_keys();
    Ok(all)
}

fn described(
    inventory: &Inventory,
    vm: &VirtualMachine,
    tags: Option<&HashMap<EntityRef, Vec<Arc<Tag>>>>,
) -> Map {
    let host = inventory.host_of(vm);
    let macs: Vec<&str> = vm.network_cards.iter().filter_map(|card| card.mac_address.as_deref()).collect();
    let name = |name: &Arc<str>| name.to_string();
    let mut described = map! {
        "guest_name" => name(&vm.name),
        "guest_fullname" => vm.guest_full_name.as_ref().map(name),
        "power_state" => vm.power_state.map(|state| state.as_str()),
        "ip_address" => vm.ip_address.map(|address| address.to_string()),
        "mac_address" => macs,
        "uuid" => vm.uuid.map(|uuid| uuid.to_string()),
        "vm_network" => networks(vm),
        "esxi_hostname" => host.map(|host| name(&host.name)),
        "datacenter" => inventory.datacenter_of(&vm.reference).map(|datacenter| name(&datacenter.name)),
        "cluster" => inventory.compute_resource_of(&vm.reference).map(|compute| name(&compute.name)),
        "tags" => tags.map(|tags| tag_names(tags.get(&vm.reference))),
        "folder" => inventory.path(&vm.reference),
        "moid" => vm.reference.moid(),
    };
    let hidden: Vec<String> = inventory.hidden(&vm.reference).iter().map(name).collect();
    if !hidden.is_empty() {
        described.insert("hidden", hidden);
    }
    described
}

fn tag_names(tags: Option<&Vec<Arc<Tag>>>) -> Vec<String> {
    tags.into_iter().flatten().map(|tag| tag.name.clone()).collect()
}

/// The guest's addresses by the MAC address of the card; `None` stands for what is behind no card.
fn networks(vm: &VirtualMachine) -> Map {
    let mut networks = Map::new();
    for nic in &vm.guest_nics {
        let mac = Value::from(nic.mac_address.clone());
        let (mut v4, mut v6) = match networks.get_key(&mac) {
            Some(there) => (addresses(there, "ipv4"), addresses(there, "ipv6")),
            None => (Vec::new(), Vec::new()),
        };
        for address in &nic.ip_addresses {
            let family = if matches!(address, IpAddr::V4(_)) { &mut v4 } else { &mut v6 };
            family.push(address.to_string().into());
        }
        networks.insert(mac, map! { "ipv4" => Value::List(v4), "ipv6" => Value::List(v6) });
    }
    networks
}

fn addresses(network: &Value, family: &str) -> Vec<Value> {
    network.get(family).and_then(Value::as_list).unwrap_or_default().to_vec()
}
