//! Snapshots of virtual machines.

use std::time::Duration;

use crate::client::Client;
use crate::collector;
use crate::error::{Error, Result};
use crate::inventory::EntityRef;
use crate::task::is_forgotten;
use crate::vim::{Args, DateTime, MoRef, Object, Value};

/// How long a snapshot may take: with memory, or with disks to merge, they take long.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A snapshot of a virtual machine (`VirtualMachineSnapshotTree`).
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// `VirtualMachineSnapshot`
    pub reference: MoRef,
    /// The name; not unique.
    pub name: String,
    /// The names from the root of the tree to it, as `/base/patched`.
    pub path: String,
    /// The description.
    pub description: String,
    /// The number, which is unique in its machine.
    pub id: i64,
    /// When it was made, by the vCenter's clock.
    pub create_time: DateTime,
    /// The power state that it was made in, as `poweredOn`.
    pub state: String,
    /// Whether the guest's file systems were at rest.
    pub quiesced: bool,
    /// Whether the machine's present disks are based on it.
    pub current: bool,
}

/// Which of a machine's snapshots is meant.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    /// The name.
    pub name: &'a str,
    /// The number, where the name is not enough.
    pub id: Option<i64>,
}

/// The snapshots of a virtual machine, each before its children.
pub async fn list(client: &Client, vm: &EntityRef) -> Result<Vec<Snapshot>> {
    let content = collector::read_one(client.session(), &vm.moref(), &["snapshot"]).await?;
    let current = content.moref("snapshot.currentSnapshot");
    let mut found = Vec::new();
    let roots: Vec<&Object> = content.objects("snapshot.rootSnapshotList").collect();
    walk(&roots, "", current, &mut found);
    Ok(found)
}

/// The one snapshot that is meant.
///
/// # Errors
///
/// [`Error::NotFound`] if there is none, [`Error::Ambiguous`] with the candidates if there are several.
pub fn the_one(snapshots: &[Snapshot], which: Which<'_>) -> Result<Snapshot> {
    let kind = || "Snapshot".to_owned();
    let meant =
        |snapshot: &&Snapshot| snapshot.name == which.name && which.id.is_none_or(|id| id == snapshot.id);
    let mut found = snapshots.iter().filter(meant);
    match (found.next(), found.next()) {
        (None, _) => {
            let id = which.id.map(|id| format!(" (id {id})")).unwrap_or_default();
            Err(Error::NotFound { kind: kind(), name: format!("{}{id}", which.name) })
        }
        (Some(one), None) => Ok(one.clone()),
        _ => {
            let all = snapshots.iter().filter(meant).map(|one| format!("{} (id {})", one.path, one.id));
            Err(Error::Ambiguous { kind: kind(), name: which.name.to_owned(), paths: all.collect() })
        }
    }
}

/// What a new snapshot is to be.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// The name.
    pub name: &'a str,
    /// The description.
    pub description: &'a str,
    /// Whether it has the memory of a running machine.
    pub memory: bool,
    /// Whether the guest's file systems are brought to rest first.
    pub quiesce: bool,
}

/// Makes a snapshot (`CreateSnapshot_Task`).
pub async fn create(client: &Client, vm: &EntityRef, new: New<'_>) -> Result<()> {
    let args = Args::new()
        .set("name", new.name)
        .set("description", new.description)
        .set("memory", new.memory)
        .set("quiesce", new.quiesce);
    client.run(&vm.moref(), "CreateSnapshot_Task", args, PATIENCE).await.map(drop)
}

/// Removes a snapshot, with those that came of it or without, and merges its disks (`RemoveSnapshot_Task`). One that somebody
/// else has removed meanwhile is as good as removed.
pub async fn remove(client: &Client, snapshot: &Snapshot, with_children: bool) -> Result<()> {
    let args = Args::new().set("removeChildren", with_children).set("consolidate", true);
    match client.run(&snapshot.reference, "RemoveSnapshot_Task", args, PATIENCE).await {
        Err(error) if is_forgotten(&error) => Ok(()),
        other => other.map(drop),
    }
}

/// Brings a machine back to a snapshot (`RevertToSnapshot_Task`); it then runs if the snapshot has memory, unless it is kept
/// off.
pub async fn revert(client: &Client, vm: &EntityRef, snapshot: &Snapshot, stay_off: bool) -> Result<()> {
    let args = Args::new().set("suppressPowerOn", stay_off);
    client.run(&snapshot.reference, "RevertToSnapshot_Task", args, PATIENCE).await?;
    client.refresh(std::slice::from_ref(vm)).await
}

fn walk(trees: &[&Object], above: &str, current: Option<&MoRef>, found: &mut Vec<Snapshot>) {
    for tree in trees {
        let Some(reference) = tree.moref("snapshot") else { continue };
        let text = |name: &str| tree.str(name).unwrap_or_default().to_owned();
        let name = text("name");
        let path = format!("{above}/{name}");
        found.push(Snapshot {
            reference: reference.clone(),
            name,
            path: path.clone(),
            description: text("description"),
            id: tree.i64("id").unwrap_or_default(),
            create_time: match tree.get("createTime") {
                Some(Value::DateTime(moment)) => moment.clone(),
                _ => DateTime::new(""),
            },
            state: text("state"),
            quiesced: tree.bool("quiesced").unwrap_or(false),
            current: current == Some(reference),
        });
        let below: Vec<&Object> = tree.objects("childSnapshotList").collect();
        walk(&below, &path, current, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(name: &str, id: i32, below: Vec<Object>) -> Object {
        Object::new("VirtualMachineSnapshotTree")
            .set("snapshot", MoRef::new("VirtualMachineSnapshot", format!("snapshot-{id}")))
            .set("name", name)
            .set("id", id)
            .set("state", "poweredOff")
            .set("childSnapshotList", below)
    }

    #[test]
    fn all_branches_are_searched_and_equal_names_are_told() {
        let roots = [
            tree("a", 1, vec![tree("b", 2, vec![tree("c", 3, vec![])])]),
            tree("d", 4, vec![tree("b", 5, vec![])]),
        ];
        let mut all = Vec::new();
        let current = MoRef::new("VirtualMachineSnapshot", "snapshot-3");
        walk(&roots.iter().collect::<Vec<_>>(), "", Some(&current), &mut all);
        let paths: Vec<_> = all.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/a/b", "/a/b/c", "/d", "/d/b"]);
        assert_eq!(all.iter().filter(|one| one.current).map(|one| one.id).collect::<Vec<_>>(), [3]);
        let find = |name, id| the_one(&all, Which { name, id }).map(|one| one.id);
        assert_eq!(find("d", None).unwrap(), 4);
        assert_eq!(find("b", Some(5)).unwrap(), 5);
        assert_eq!(
            find("b", None).unwrap_err().to_string(),
            "Snapshot 'b' is ambiguous: /a/b (id 2), /d/b (id 5)"
        );
        assert_eq!(find("b", Some(9)).unwrap_err().to_string(), "Snapshot 'b (id 9)' was not found");
    }
}
