//! Virtual machines.
//!
//! Facts: `saltext/vmware/modules/vm.py`.

mod boot;
mod info;
mod place;
mod power;
mod snapshot;

use salt::{Context, Error, Function, Result, Value, functions, salt_fn};
use vcenter::inventory::{Datacenter, EntityRef, Inventory, Kind, VirtualMachine};

use salt::connection::of_profile;

functions![list_, list_templates, path];

/// The tables of this module.
pub const TABLES: [&[Function]; 6] =
    [FUNCTIONS, boot::FUNCTIONS, info::FUNCTIONS, place::FUNCTIONS, power::FUNCTIONS, snapshot::FUNCTIONS];

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

/// The one virtual machine that is meant, of a datacenter if that is given.
fn find<'a>(inventory: &'a Inventory, vm: &str, datacenter: Option<&str>) -> Result<&'a VirtualMachine> {
    let scopes = scopes(inventory, datacenter, None)?;
    Ok(inventory.find(vm, scopes.first())?)
}

fn sorted<'a>(vms: impl Iterator<Item = &'a VirtualMachine>) -> Vec<String> {
    let mut names: Vec<String> = vms.map(|vm| vm.name.to_string()).collect();
    names.sort_unstable();
    names
}
