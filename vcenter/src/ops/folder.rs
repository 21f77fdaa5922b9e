//! Folders.

use std::str::FromStr;

use super::entity;
use crate::client::{Client, TASK_TIMEOUT};
use crate::error::{Error, Result};
use crate::inventory::{Datacenter, EntityRef, Folder, Inventory, Kind, encode_name};
use crate::vim::Args;

/// Which of a datacenter's four trees a folder is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Virtual machines and templates.
    Vm,
    /// Clusters and standalone hosts.
    Host,
    /// Datastores and datastore clusters.
    Datastore,
    /// Networks and distributed switches.
    Network,
}

impl Tree {
    /// The tree's topmost folder in a datacenter.
    pub fn root(self, datacenter: &Datacenter) -> Result<&EntityRef> {
        let root = match self {
            Tree::Vm => &datacenter.vm_folder,
            Tree::Host => &datacenter.host_folder,
            Tree::Datastore => &datacenter.datastore_folder,
            Tree::Network => &datacenter.network_folder,
        };
        root.as_ref().ok_or_else(|| Error::NotFound {
            kind: "Folder".to_owned(),
            name: format!("{} of {}", self.name(), datacenter.name),
        })
    }

    /// `vm`, `host`, `datastore` or `network`, which is also what vSphere calls the topmost folder.
    pub fn name(self) -> &'static str {
        match self {
            Tree::Vm => "vm",
            Tree::Host => "host",
            Tree::Datastore => "datastore",
            Tree::Network => "network",
        }
    }
}

/// Reads what [`Tree::name`] gives.
impl FromStr for Tree {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Tree::Vm, Tree::Host, Tree::Datastore, Tree::Network]
            .into_iter()
            .find(|tree| tree.name() == name)
            .ok_or_else(|| Error::NotFound { kind: "folder type".to_owned(), name: name.to_owned() })
    }
}

/// The folder with this name, path or identifier in one of a datacenter's trees, at any depth. The topmost folder itself
/// is not among them.
pub fn find<'a>(
    inventory: &'a Inventory,
    datacenter: &Datacenter,
    tree: Tree,
    folder: &str,
) -> Result<&'a Folder> {
    let root = tree.root(datacenter)?;
    if inventory.candidates(Kind::Folder, folder, Some(root)).iter().all(|found| found.reference() == root) {
        return Err(Error::NotFound { kind: "Folder".to_owned(), name: folder.to_owned() });
    }
    inventory.find(folder, Some(root))
}

/// Makes a folder in another (`Folder.CreateFolder`). One of that name there is the fault `DuplicateName`.
pub async fn create(client: &Client, parent: &EntityRef, name: &str) -> Result<EntityRef> {
    make(client, parent, name, "CreateFolder").await
}

/// Makes a datastore cluster in a folder of datastores (`Folder.CreateStoragePod`).
pub async fn create_storage_pod(client: &Client, parent: &EntityRef, name: &str) -> Result<EntityRef> {
    make(client, parent, name, "CreateStoragePod").await
}

/// Destroys a folder with everything in it, virtual machines with their files (`Folder.Destroy_Task`).
pub async fn destroy(client: &Client, folder: &EntityRef) -> Result<()> {
    entity::destroy(client, folder).await
}

/// Renames a folder (`Folder.Rename_Task`).
pub async fn rename(client: &Client, folder: &EntityRef, name: &str) -> Result<()> {
    entity::rename(client, folder, name).await
}

/// Moves objects into a folder (`Folder.MoveIntoFolder_Task`).
pub async fn move_into(client: &Client, folder: &EntityRef, objects: &[EntityRef]) -> Result<()> {
    let args = Args::new().set("list", entity::morefs(objects));
    client.run(&folder.moref(), "MoveIntoFolder_Task", args, TASK_TIMEOUT).await?;
    client
        .settle(objects, |inventory| {
            objects
                .iter()
                .all(|object| inventory.get(object).is_some_and(|entity| entity.parent() == Some(folder)))
        })
        .await;
    Ok(())
}

async fn make(client: &Client, parent: &EntityRef, name: &str, method: &str) -> Result<EntityRef> {
    entity::refuse_duplicate(&client.read(), parent, Kind::Folder, name)?;
    let args = Args::new().set("name", &*encode_name(name));
    let made = client.session().call(&parent.moref(), method, args).await?;
    entity::created(client, made, method).await
}
