//! Virtual machines.
//!
//! Facts: `saltext/vmware/modules/vm.py`.

mod info;

use salt::{Context, Error, Function, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{Datacenter, EntityRef, Inventory, Kind, PowerState, VirtualMachine};
use vcenter::ops;

use salt::connection::of_profile;

functions![list_, list_templates, path, power_state];

/// The tables of this module.
pub const TABLES: [&[Function]; 2] = [FUNCTIONS, info::FUNCTIONS];

/// Lists the virtual machines by name, without templates.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.list
/// salt '*' vmware_vm.list datacenter_name=dc1 cluster_name=cluster1
/// ```
#[salt_fn]
async fn list_(
    cx: &Context,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// Only virtual machines in this datacenter.
    datacenter_name: Option<String>,
    /// Only virtual machines in this cluster. It needs the datacenter.
    cluster_name: Option<String>,
    /// Only virtual machines on this host. An unknown one has none.
    host_name: Option<String>,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Vec<String>> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    let scopes = scopes(&inventory, datacenter_name.as_deref(), cluster_name.as_deref())?;
    let on_host = |vm: &VirtualMachine| {
        let host = inventory.host_of(vm).map(|host| &*host.name);
        host_name.as_deref().is_none_or(|wanted| host == Some(wanted))
    };
    let meant = |vm: &&VirtualMachine| {
        !vm.template && on_host(vm) && scopes.iter().all(|scope| inventory.is_within(&vm.reference, scope))
    };
    Ok(sorted(inventory.all::<VirtualMachine>().filter(meant)))
}

/// Lists the templates by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.list_templates
/// ```
#[salt_fn]
async fn list_templates(
    cx: &Context,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Vec<String>> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    Ok(sorted(inventory.all::<VirtualMachine>().filter(|vm| vm.template)))
}

/// Gives the inventory path of a virtual machine, for example `/dc1/vm/web/vm01`. An unknown one has an empty path.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.path vm_name=vm01
/// ```
#[salt_fn]
async fn path(
    cx: &Context,
    /// The virtual machine, by name or id.
    vm_name: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<String> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    match inventory.find::<VirtualMachine>(&vm_name, None) {
        Ok(vm) => Ok(inventory.path(&vm.reference)),
        Err(vcenter::Error::NotFound { .. }) => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}

/// Powers a virtual machine on or off, suspends or resets it, and waits for the end.
///
/// Gives a comment, and under `changes` the new state; nothing is under `changes` if the machine was in that state already.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.power_state vm_name=vm01 state=powered-on
/// salt '*' vmware_vm.power_state vm01 powered-off datacenter_name=dc1
/// ```
#[salt_fn]
async fn power_state(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// `powered-on`, `powered-off`, `suspend` or `reset`.
    state: String,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (wanted, already) = match state.as_str() {
        "powered-on" => (Some(PowerState::PoweredOn), "powered on"),
        "powered-off" => (Some(PowerState::PoweredOff), "powered off"),
        "suspend" => (Some(PowerState::Suspended), "suspended"),
        "reset" => (None, ""),
        _ => return Err(Error::execution("The given action is not supported")),
    };
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let scopes = scopes(&inventory, datacenter_name.as_deref(), None)?;
    let vm = inventory.find::<VirtualMachine>(&vm_name, scopes.first())?;
    if wanted.is_some() && vm.power_state == wanted {
        let comment = format!("Virtual machine is already {already}");
        return Ok(map! { "comment" => comment, "changes" => Map::new() });
    }
    match wanted {
        Some(PowerState::PoweredOn) => ops::vm::power_on(&client, &vm.reference, None).await?,
        Some(PowerState::PoweredOff) => ops::vm::power_off(&client, &vm.reference).await?,
        Some(PowerState::Suspended) => ops::vm::suspend(&client, &vm.reference).await?,
        None => ops::vm::reset(&client, &vm.reference).await?,
    }
    let now = client.read().entity::<VirtualMachine>(&vm.reference).and_then(|vm| vm.power_state);
    let changes = map! { "state" => now.map(PowerState::as_str) };
    Ok(map! { "comment" => format!("Virtual machine {state} action succeeded"), "changes" => changes })
}

/// The datacenter and the cluster that a search is limited to, whichever are given.
fn scopes(inventory: &Inventory, datacenter: Option<&str>, cluster: Option<&str>) -> Result<Vec<EntityRef>> {
    let Some(datacenter) = datacenter else {
        return match cluster {
            None => Ok(Vec::new()),
            Some(_) => Err(Error::execution("Must specify the datacenter when specifying the cluster")),
        };
    };
    let datacenter = inventory.find::<Datacenter>(datacenter, None)?.reference.clone();
    let Some(cluster) = cluster else { return Ok(vec![datacenter]) };
    let cluster = inventory.find_of(Kind::ClusterComputeResource, cluster, Some(&datacenter))?;
    Ok(vec![cluster.reference().clone()])
}

fn sorted<'a>(vms: impl Iterator<Item = &'a VirtualMachine>) -> Vec<String> {
    let mut names: Vec<String> = vms.map(|vm| vm.name.to_string()).collect();
    names.sort_unstable();
    names
}
