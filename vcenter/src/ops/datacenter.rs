//! Datacenters.

use super::entity;
use crate::client::{CALL_TIMEOUT, Client};
use crate::collector;
use crate::error::{Error, Result};
use crate::inventory::{Datacenter, EntityRef, Inventory, Kind, encode_name};
use crate::vim::{Args, Object};

/// Makes a datacenter in a folder, in the root folder without one (`Folder.CreateDatacenter`). Returns once the inventory
/// has it and its four folders. A datacenter of that name in that folder is the fault `DuplicateName`.
pub async fn create(client: &Client, name: &str, folder: Option<&EntityRef>) -> Result<EntityRef> {
    let folder = match folder {
        Some(folder) => folder.clone(),
        None => EntityRef::from_moref(&client.session().service("rootFolder").await?)
            .ok_or_else(|| Error::NotFound { kind: "Folder".to_owned(), name: "rootFolder".to_owned() })?,
    };
    entity::refuse_duplicate(&client.read(), &folder, Kind::Datacenter, name)?;
    let args = Args::new().set("name", &*encode_name(name));
    let made = client.call(&folder.moref(), "CreateDatacenter", args, CALL_TIMEOUT).await?;
    let made = entity::created(client, made, "CreateDatacenter").await?;
    client.settle(std::slice::from_ref(&made), |inventory| complete(inventory, &made)).await;
    Ok(made)
}

/// Destroys a datacenter with everything in it (`Datacenter.Destroy_Task`).
pub async fn destroy(client: &Client, datacenter: &EntityRef) -> Result<()> {
    entity::destroy(client, datacenter).await
}

/// All properties of a datacenter.
pub async fn properties(client: &Client, datacenter: &EntityRef) -> Result<Object> {
    collector::read_all(client.session(), &datacenter.moref()).await
}

fn complete(inventory: &Inventory, datacenter: &EntityRef) -> bool {
    inventory.entity(datacenter).is_some_and(|datacenter: &Datacenter| {
        datacenter.folders().count() == 4 && datacenter.folders().all(|it| inventory.get(it).is_some())
    })
}
