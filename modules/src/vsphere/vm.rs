//! Virtual machines by Salt's own names.

use salt::connection::{own, refuse_service_instance};
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};
use vcenter::Client;
use vcenter::inventory::{Datacenter, EntityRef, Inventory, Kind, PowerState, VirtualMachine};
use vcenter::ops::folder::Tree;
use vcenter::ops::vm::place::{self, Target};
use vcenter::ops::{entity, vm};

functions![delete_vm, power_off_vm, power_on_vm, register_vm, unregister_vm];

/// Powers a virtual machine on, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.power_on_vm vm01
/// salt '*' vsphere.power_on_vm vm01 datacenter=dc1
/// ```
#[salt_fn(proxies("esxvm", "esxcluster", "esxdatacenter"))]
async fn power_on_vm(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    name: String,
    /// Only look in this datacenter.
    datacenter: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, inventory) = own(cx).await?;
    let found = find(&inventory, &name, datacenter.as_deref(), None)?;
    if found.power_state == Some(PowerState::PoweredOn) {
        return Ok(map! { "comment" => "Virtual machine is already powered on", "changes" => Map::new() });
    }
    let on = succeeded("power on", "power_on");
    cx.will_return(&power_on_vm::FUNCTION, on.clone());
    vm::power_on(&client, &found.reference, None).await?;
    Ok(on)
}

/// Powers a virtual machine off without a word to its guest, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.power_off_vm vm01
/// ```
#[salt_fn(proxies("esxvm", "esxcluster", "esxdatacenter"))]
async fn power_off_vm(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    name: String,
    /// Only look in this datacenter.
    datacenter: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, inventory) = own(cx).await?;
    let found = find(&inventory, &name, datacenter.as_deref(), None)?;
    if found.power_state == Some(PowerState::PoweredOff) {
        return Ok(map! { "comment" => "Virtual machine is already powered off", "changes" => Map::new() });
    }
    let off = succeeded("power off", "power_off");
    cx.will_return(&power_off_vm::FUNCTION, off.clone());
    vm::power_off(&client, &found.reference).await?;
    Ok(off)
}

/// Destroys a virtual machine with its files, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.delete_vm vm01 datacenter=dc1
/// salt '*' vsphere.delete_vm vm01 dc1 placement='{cluster: cluster1}' power_off=True
/// ```
#[salt_fn(proxies("esxvm", "esxcluster", "esxdatacenter"))]
async fn delete_vm(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    name: String,
    /// The datacenter.
    datacenter: String,
    /// Only look in a `cluster`, on a `host` or in a `resourcepool`.
    placement: Option<Map>,
    /// Power it off first.
    #[default(false)]
    power_off: bool,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, inventory) = own(cx).await?;
    let found = find(&inventory, &name, Some(&datacenter), placement.as_ref())?;
    let mut result = switched_off(&client, found, power_off).await?;
    result.insert("deleted_vm", true);
    cx.will_return(&delete_vm::FUNCTION, result.clone());
    entity::destroy(&client, &found.reference).await?;
    Ok(result)
}

/// Takes a virtual machine out of the inventory and leaves its files.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.unregister_vm vm01 datacenter=dc1
/// ```
#[salt_fn(proxies("esxvm", "esxcluster", "esxdatacenter"))]
async fn unregister_vm(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    name: String,
    /// The datacenter.
    datacenter: String,
    /// Only look in a `cluster`, on a `host` or in a `resourcepool`.
    placement: Option<Map>,
    /// Power it off first.
    #[default(false)]
    power_off: bool,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, inventory) = own(cx).await?;
    let found = find(&inventory, &name, Some(&datacenter), placement.as_ref())?;
    let mut result = switched_off(&client, found, power_off).await?;
    result.insert("unregistered_vm", true);
    cx.will_return(&unregister_vm::FUNCTION, result.clone());
    place::unregister(&client, &found.reference).await?;
    Ok(result)
}

/// Puts a virtual machine into the inventory by its configuration file, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.register_vm vm01 dc1 placement='{cluster: cluster1}' vmx_path='[ds1] vm01/vm01.vmx'
/// ```
#[salt_fn(proxies("esxvm", "esxcluster", "esxdatacenter"))]
async fn register_vm(
    cx: &Context,
    /// The name that it gets.
    name: String,
    /// The datacenter.
    datacenter: String,
    /// Where it is to run: a `cluster`, a `host` or a `resourcepool`.
    placement: Map,
    /// The configuration file, as `[datastore] folder/name.vmx`.
    vmx_path: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, inventory) = own(cx).await?;
    let datacenter = inventory.find::<Datacenter>(&datacenter, None)?;
    let folder = Tree::Vm.root(datacenter)?;
    let target = Target::at(&inventory, &placed(&inventory, &datacenter.reference, &placement)?)?;
    let registered = succeeded("registration", "register_vm");
    cx.will_return(&register_vm::FUNCTION, registered.clone());
    place::register(&client, folder, &name, &vmx_path, &target).await?;
    Ok(registered)
}

fn succeeded(action: &str, change: &str) -> Map {
    let comment = format!("Virtual machine {action} action succeeded");
    map! { "comment" => comment, "changes" => map! { change => true } }
}

/// Powers a machine off that is to go, if that is wanted and not so already.
async fn switched_off(client: &Client, found: &VirtualMachine, wanted: bool) -> Result<Map> {
    if !wanted || found.power_state == Some(PowerState::PoweredOff) {
        return Ok(Map::new());
    }
    vm::power_off(client, &found.reference).await?;
    Ok(map! { "powered_off" => true })
}

fn find<'a>(
    inventory: &'a Inventory,
    name: &str,
    datacenter: Option<&str>,
    placement: Option<&Map>,
) -> Result<&'a VirtualMachine> {
    let datacenter = datacenter.map(|name| inventory.find::<Datacenter>(name, None)).transpose()?;
    let within = match (datacenter, placement) {
        (Some(datacenter), Some(placement)) => Some(placed(inventory, &datacenter.reference, placement)?),
        (datacenter, _) => datacenter.map(|datacenter| datacenter.reference.clone()),
    };
    Ok(inventory.find(name, within.as_ref())?)
}

/// The object that a placement names: the innermost one if there are several.
fn placed(inventory: &Inventory, datacenter: &EntityRef, placement: &Map) -> Result<EntityRef> {
    let kinds = [
        ("cluster", Kind::ClusterComputeResource),
        ("host", Kind::HostSystem),
        ("resourcepool", Kind::ResourcePool),
    ];
    let mut place = None;
    for (key, kind) in kinds {
        if let Some(name) = placement.get(key).filter(|name| name.truthy()) {
            let within = place.as_ref().unwrap_or(datacenter);
            place = Some(inventory.find_of(kind, &name.to_string(), Some(within))?.reference().clone());
        }
    }
    place.ok_or_else(|| Error::invocation("'placement' names no cluster, host or resourcepool"))
}
