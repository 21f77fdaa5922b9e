//! Where virtual machines run.

use salt::connection::of_profile;
use salt::{Context, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{Datastore, HostSystem};
use vcenter::ops::vm::place;

use super::{find, scopes};

functions![relocate];

/// Moves a virtual machine to another host and datastore, and waits for the end.
///
/// Within its cluster it stays in its resource pool.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.relocate vm_name=vm01 new_host_name=esxi2 datastore_name=ds2
/// ```
#[salt_fn]
async fn relocate(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// The host that it goes to.
    new_host_name: String,
    /// The datastore that its files go to.
    datastore_name: String,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    let within = scopes(&inventory, datacenter_name.as_deref(), None)?;
    let host = inventory.find::<HostSystem>(&new_host_name, within.first())?;
    // Datastores of one name in several datacenters: that of the host is meant.
    let datastore = inventory.find::<Datastore>(&datastore_name, Some(&host.reference))?;
    let moved = map! { "virtual_machine" => "moved" };
    cx.will_return(&relocate::FUNCTION, moved.clone());
    place::relocate(&client, &vm.reference, &host.reference, &datastore.reference).await?;
    Ok(moved)
}
