//! Where a virtual machine is: its host and datastore, and whether it is in the inventory at all.

use std::time::Duration;

use crate::client::{CALL_TIMEOUT, Client, TASK_TIMEOUT};
use crate::error::{Error, Result};
use crate::inventory::{EntityRef, HostSystem, Inventory, VirtualMachine};
use crate::ops::entity;
use crate::vim::{Args, Object};

/// How long a move may take: disks are copied.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// Moves a machine to a host and a datastore (`RelocateVM_Task`). Within its cluster it stays in its resource pool, else it
/// comes into the topmost one of the other.
pub async fn relocate(
    client: &Client,
    vm: &EntityRef,
    host: &EntityRef,
    datastore: &EntityRef,
) -> Result<()> {
    let inventory = client.read();
    let own = inventory.compute_resource_of(vm).map(|compute| &compute.reference);
    let other = inventory.compute_resource_of(host).filter(|other| Some(&other.reference) != own);
    let mut spec = Object::new("VirtualMachineRelocateSpec")
        .set("host", host.moref())
        .set("datastore", datastore.moref());
    if let Some(pool) = other.and_then(|other| other.resource_pool.as_ref()) {
        spec = spec.set("pool", pool.moref());
    }
    client.run(&vm.moref(), "RelocateVM_Task", Args::new().set("spec", spec), PATIENCE).await?;
    client
        .settle(std::slice::from_ref(vm), |inventory| {
            inventory.entity(vm).is_some_and(|vm: &VirtualMachine| {
                vm.host.as_ref() == Some(host) && vm.datastore.contains(datastore)
            })
        })
        .await;
    Ok(())
}

/// Takes a machine out of the inventory and leaves its files (`UnregisterVM`).
pub async fn unregister(client: &Client, vm: &EntityRef) -> Result<()> {
    client.call(&vm.moref(), "UnregisterVM", (), CALL_TIMEOUT).await?;
    client.settle(std::slice::from_ref(vm), |inventory| inventory.get(vm).is_none()).await;
    Ok(())
}

/// Puts a machine into the inventory by its configuration file, as `[datastore1] web/web.vmx` (`RegisterVM_Task`).
pub async fn register(
    client: &Client,
    folder: &EntityRef,
    name: &str,
    path: &str,
    target: &Target,
) -> Result<EntityRef> {
    let args = Args::new()
        .set("path", path)
        .set("name", &*crate::inventory::encode_name(name))
        .set("asTemplate", false)
        .set("pool", target.pool.moref())
        .set("host", target.host.as_ref().map(EntityRef::moref));
    let made = client.run(&folder.moref(), "RegisterVM_Task", args, TASK_TIMEOUT).await?;
    entity::created(client, made, "RegisterVM_Task").await
}

/// Where a machine is to run.
#[derive(Clone, Debug)]
pub struct Target {
    /// The resource pool.
    pub pool: EntityRef,
    /// The host; without one, a cluster chooses.
    pub host: Option<EntityRef>,
}

impl Target {
    /// A place in a cluster, on a host or in a resource pool.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the inventory knows no resource pool of it.
    pub fn at(inventory: &Inventory, place: &EntityRef) -> Result<Target> {
        if place.kind().is_a(crate::inventory::Kind::ResourcePool) {
            return Ok(Target { pool: place.clone(), host: None });
        }
        let compute = inventory.compute_resource_of(place);
        let pool = compute.and_then(|compute| compute.resource_pool.clone()).ok_or_else(|| {
            Error::NotFound { kind: "ResourcePool".to_owned(), name: format!("of {place}") }
        })?;
        let host = inventory.entity::<HostSystem>(place).map(|host| host.reference.clone());
        Ok(Target { pool, host })
    }
}
