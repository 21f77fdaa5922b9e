//! What can be done to every managed entity: rename it, destroy it.

use crate::client::{Client, TASK_TIMEOUT};
use crate::error::{Error, Result};
use crate::inventory::{EntityRef, Inventory, Kind, encode_name};
use crate::soap::Fault;
use crate::vim::{Args, MoRef, Object, Value};

/// Renames an object (`ManagedEntity.Rename_Task`).
pub async fn rename(client: &Client, object: &EntityRef, name: &str) -> Result<()> {
    let args = Args::new().set("newName", &*encode_name(name));
    client.run(&object.moref(), "Rename_Task", args, TASK_TIMEOUT).await?;
    client
        .settle(std::slice::from_ref(object), |inventory| {
            inventory.get(object).is_some_and(|entity| entity.name() == name)
        })
        .await;
    Ok(())
}

/// Destroys an object and what is in it (`ManagedEntity.Destroy_Task`); a virtual machine with its files.
pub async fn destroy(client: &Client, object: &EntityRef) -> Result<()> {
    client.run(&object.moref(), "Destroy_Task", (), TASK_TIMEOUT).await?;
    client
        .settle(std::slice::from_ref(object), |inventory| {
            inventory.get(object).is_none() && inventory.children(object).next().is_none()
        })
        .await;
    Ok(())
}

/// The new object that a method has answered with, once the inventory has it.
pub(super) async fn created(client: &Client, result: Value, method: &str) -> Result<EntityRef> {
    let made = result.as_moref().and_then(EntityRef::from_moref).ok_or_else(|| Error::Decode {
        method: method.to_owned(),
        at: "no reference to a managed entity".to_owned(),
    })?;
    client.settle(std::slice::from_ref(&made), |inventory| inventory.get(&made).is_some()).await;
    Ok(made)
}

/// `DuplicateName`, as a vCenter says it, where an object of that kind is already there. Not every server looks.
pub(super) fn refuse_duplicate(
    inventory: &Inventory,
    parent: &EntityRef,
    kind: Kind,
    name: &str,
) -> Result<()> {
    let Some(there) = inventory.child(parent, kind, name) else { return Ok(()) };
    let detail = Object::new("DuplicateName").set("name", name).set("object", there.reference().moref());
    Err(Error::Fault(Fault::new(format!("The name '{name}' already exists."), detail)))
}

/// References for a call's argument.
pub(super) fn morefs(objects: &[EntityRef]) -> Vec<MoRef> {
    objects.iter().map(EntityRef::moref).collect()
}
