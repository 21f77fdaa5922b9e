//! What a virtual machine is.

use std::net::IpAddr;

use salt::{Context, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{Inventory, VirtualMachine};

use salt::connection::of_profile;

functions![info];

/// Describes virtual machines: guest, power, addresses, place.
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
    /// A profile of the configuration. It must be about the minion's own vCenter.
    profile: Option<String>,
) -> Result<Map> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    let vms: Vec<&VirtualMachine> = match vm_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => vec![inventory.find(name, None)?],
        None => inventory.all().collect(),
    };
    let mut all = Map::new();
    for vm in vms {
        let shared = inventory.candidates(vm.reference.kind(), &vm.name, None).len() > 1;
        let key = if shared { inventory.path(&vm.reference) } else { vm.name.to_string() };
        all.insert(key, described(&inventory, vm));
    }
    all.sort_keys();
    Ok(all)
}

fn described(inventory: &Inventory, vm: &VirtualMachine) -> Map {
    let host = inventory.host_of(vm);
    let macs: Vec<&str> = vm.network_cards.iter().filter_map(|card| card.mac_address.as_deref()).collect();
    let name = |name: &std::sync::Arc<str>| name.to_string();
    map! {
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
        // vSphere has no tags in this property any more; those of its tagging service are no part of the inventory.
        "tags" => Value::List(Vec::new()),
        "folder" => inventory.path(&vm.reference),
        "moid" => vm.reference.moid(),
    }
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
