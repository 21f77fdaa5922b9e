//! Folders of the inventory.
//!
//! Facts: `saltext/vmware/modules/folder.py`.

use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{Datacenter, EntityRef, Inventory, Kind};
use vcenter::ops::folder::{self, Tree};

use salt::connection::of_profile;

functions![create, destroy, list_, move_, rename];

/// Lists the folders by name: all of them, with the four that each datacenter has and the datastore clusters.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_folder.list
/// ```
#[salt_fn]
async fn list_(
    cx: &Context,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Vec<String>> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    Ok(inventory.names(Kind::Folder))
}

/// Creates a folder at the top of one of a datacenter's four trees.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_folder.create folder_name=web dc_name=dc1 type=vm
/// ```
#[salt_fn]
async fn create(
    cx: &Context,
    /// The name of the folder.
    folder_name: String,
    /// The datacenter.
    dc_name: String,
    /// The tree: `vm`, `host`, `datastore` or `network`.
    type_: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let parent = tree.root(inventory.find::<Datacenter>(&dc_name, None)?)?;
    folder::create(&client, parent, &folder_name).await?;
    Ok(map! { "status" => "created" })
}

/// Destroys a folder with everything in it, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_folder.destroy folder_name=web dc_name=dc1 type=vm
/// ```
#[salt_fn]
async fn destroy(
    cx: &Context,
    /// The folder, by name or path.
    folder_name: String,
    /// The datacenter.
    dc_name: String,
    /// The tree: `vm`, `host`, `datastore` or `network`.
    type_: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let found = find(&inventory, &dc_name, tree, &folder_name)?;
    folder::destroy(&client, &found).await?;
    Ok(map! { "status" => "destroyed" })
}

/// Renames a folder, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_folder.rename folder_name=web new_folder_name=www dc_name=dc1 type=vm
/// ```
#[salt_fn]
async fn rename(
    cx: &Context,
    /// The folder, by name or path.
    folder_name: String,
    /// Its new name.
    new_folder_name: String,
    /// The datacenter.
    dc_name: String,
    /// The tree: `vm`, `host`, `datastore` or `network`.
    type_: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let found = find(&inventory, &dc_name, tree, &folder_name)?;
    folder::rename(&client, &found, &new_folder_name).await?;
    Ok(map! { "status" => "renamed" })
}

/// Moves a folder into another of the same tree, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_folder.move folder_name=web destination_folder_name=prod dc_name=dc1 type=vm
/// ```
#[salt_fn]
async fn move_(
    cx: &Context,
    /// The folder, by name or path.
    folder_name: String,
    /// The folder that it goes into, by name or path.
    destination_folder_name: String,
    /// The datacenter.
    dc_name: String,
    /// The tree: `vm`, `host`, `datastore` or `network`.
    type_: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let found = find(&inventory, &dc_name, tree, &folder_name)?;
    let destination = find(&inventory, &dc_name, tree, &destination_folder_name)?;
    folder::move_into(&client, &destination, &[found]).await?;
    Ok(map! { "status" => "moved" })
}

fn tree(type_: &str) -> Result<Tree> {
    type_.parse().map_err(|_| Error::execution("invalid type"))
}

fn find(inventory: &Inventory, datacenter: &str, tree: Tree, name: &str) -> Result<EntityRef> {
    let datacenter = inventory.find::<Datacenter>(datacenter, None)?;
    Ok(folder::find(inventory, datacenter, tree, name)?.reference.clone())
}
