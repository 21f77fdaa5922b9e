//! Folders.

use std::str::FromStr;

use super::entity;
use crate::client::{CALL_TIMEOUT, Client, TASK_TIMEOUT};
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
    let mut candidates = inventory.candidates(Kind::Folder, folder, Some(root));
    candidates.retain(|found| found.reference() != root);
    inventory
        .the_one(Kind::Folder.name(), folder, candidates)?
        .as_()
        .ok_or_else(|| Error::NotFound { kind: "Folder".to_owned(), name: folder.to_owned() })
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
    let made = client.call(&parent.moref(), method, args, CALL_TIMEOUT).await?;
    entity::created(client, made, method).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Event, ObjectUpdate, store};
    use crate::vim::{MoRef, Value};

    fn entity(kind: Kind, id: &str, name: &str, parent: (Kind, &str), more: Option<(&str, MoRef)>) -> Event {
        let mut properties: Vec<(Box<str>, Option<Value>)> = vec![
            ("name".into(), Some(name.into())),
            ("parent".into(), Some(MoRef::new(parent.0.name(), parent.1).into())),
        ];
        properties.extend(more.map(|(path, moref)| (path.into(), Some(moref.into()))));
        Event::Apply(ObjectUpdate::new(EntityRef::new(kind, id), true, properties))
    }

    #[test]
    fn a_folder_is_found_in_its_tree_only() {
        let (mut writer, store) = store();
        let (dc, folder) = ((Kind::Datacenter, "dc"), |id| (Kind::Folder, id));
        let vm_folder = Some(("vmFolder", MoRef::new("Folder", "v")));
        writer.apply(vec![
            entity(Kind::Datacenter, "dc", "DC0", folder("root"), vm_folder),
            entity(Kind::Folder, "v", "vm", dc, None),
            entity(Kind::Folder, "h", "host", dc, None),
            entity(Kind::Folder, "a", "a", folder("v"), None),
            entity(Kind::Folder, "nested", "vm", folder("a"), None),
            entity(Kind::Folder, "other", "b", folder("h"), None),
        ]);
        let inventory = store.read();
        let datacenter: &Datacenter = inventory.find("DC0", None).unwrap();
        let find = |name: &str| find(&inventory, datacenter, Tree::Vm, name).map(|it| it.reference.moid());
        assert_eq!(find("a").unwrap(), "a");
        assert_eq!(find("vm").unwrap(), "nested", "the topmost folder does not count");
        assert!(matches!(find("b"), Err(Error::NotFound { .. })), "it is in another tree");
        let unknown = super::find(&inventory, datacenter, Tree::Host, "b");
        assert!(unknown.is_err(), "the datacenter's host folder is not known");
        assert_eq!("datastore".parse::<Tree>().unwrap(), Tree::Datastore);
        assert!("vmware".parse::<Tree>().is_err());
    }
}
