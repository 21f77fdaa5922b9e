//! Folders of the inventory: there or not, named and placed.
//!
//! Facts: `saltext/vmware/states/folder.py`. What is already as wanted is left alone, which the original does not do.
//! What is named and not there yet fails when the work is done, not before: under `test=True` an earlier state may be
//! about to make it.

use salt::connection::of_profile;
use salt::{
    Applied, Context, Error, Map, Outcome, Plan, Result, StateRet, Value, functions, map, salt_state,
};
use vcenter::inventory::{Datacenter, Folder, Inventory, Kind};
use vcenter::ops::folder::{self, Tree};

functions![manage, rename, move_];

/// Creates a folder at the top of one of a datacenter's four trees, or destroys one.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn manage(
    cx: &Context,
    /// The name of the folder.
    name: String,
    /// `create` or `destroy`.
    task: String,
    /// The datacenter.
    dc_name: String,
    /// The tree: `vm`, `host`, `datastore` or `network`.
    type_: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Outcome<'_>> {
    if !matches!(task.as_str(), "create" | "destroy") {
        return Ok(StateRet::failed("invalid task").into());
    }
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let datacenter = inventory.find::<Datacenter>(&dc_name, None);
    if task == "create" {
        let work = Work::new(&format!("folder {name}"), "created", "created");
        let parent = match datacenter {
            Ok(datacenter) => tree.root(datacenter)?.clone(),
            Err(error) => return work.blocked(error).map(Outcome::Plan),
        };
        if inventory.child(&parent, Kind::Folder, &name).is_some() {
            return Ok(Plan::unchanged(format!("Folder {name} is already present. No changes made.")).into());
        }
        return Ok(work.plan(async move { folder::create(&client, &parent, &name).await.map(drop) }).into());
    }
    let datacenter = datacenter?;
    let Some(found) = find(&inventory, datacenter, tree, &name)? else {
        return Ok(Plan::unchanged(format!("Folder {name} does not exist. No changes made.")).into());
    };
    let found = found.reference.clone();
    let work = Work::new(&format!("folder {name}"), "destroyed", "destroyed");
    Ok(work.plan(async move { folder::destroy(&client, &found).await }).into())
}

/// Renames a folder. Where only the new name is there, all is as wanted.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn rename(
    cx: &Context,
    /// The folder, by name or path.
    name: String,
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
) -> Result<Plan<'_>> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let work = Work::new(&format!("folder {name}"), &format!("renamed {new_folder_name}"), "renamed");
    let datacenter = match inventory.find::<Datacenter>(&dc_name, None) {
        Ok(datacenter) => datacenter,
        Err(error) => return work.blocked(error),
    };
    let Some(found) = find(&inventory, datacenter, tree, &name)? else {
        return match find(&inventory, datacenter, tree, &new_folder_name)? {
            Some(_) => {
                Ok(Plan::unchanged(format!("Folder {new_folder_name} is already present. No changes made.")))
            }
            None => work.blocked(missing(&name)),
        };
    };
    if *found.name == *new_folder_name {
        return Ok(Plan::unchanged(format!("Folder {new_folder_name} is already present. No changes made.")));
    }
    let found = found.reference.clone();
    Ok(work.plan(async move { folder::rename(&client, &found, &new_folder_name).await }))
}

/// Moves a folder into another of the same tree, unless it is there already.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn move_(
    cx: &Context,
    /// The folder, by name or path.
    name: String,
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
) -> Result<Plan<'_>> {
    let tree = tree(&type_)?;
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let how = format!("moved to {destination_folder_name}");
    let work = Work::new(&format!("folder {name}"), &how, "moved");
    let datacenter = match inventory.find::<Datacenter>(&dc_name, None) {
        Ok(datacenter) => datacenter,
        Err(error) => return work.blocked(error),
    };
    let there = |name: &str| find(&inventory, datacenter, tree, name);
    let (found, destination) = match (there(&name)?, there(&destination_folder_name)?) {
        (Some(found), Some(destination)) => (found, destination),
        (None, _) => return work.blocked(missing(&name)),
        (_, None) => return work.blocked(missing(&destination_folder_name)),
    };
    if found.parent.as_ref() == Some(&destination.reference) {
        return Ok(Plan::unchanged(format!(
            "Folder {name} is already in {destination_folder_name}. No changes made."
        )));
    }
    let (found, destination) = (found.reference.clone(), destination.reference.clone());
    Ok(work.plan(async move { folder::move_into(&client, &destination, &[found]).await }))
}

/// The words of a change, as the original has them: what will be is told otherwise than what has been.
struct Work {
    planned: Map,
    done: Map,
    did: String,
}

impl Work {
    fn new(what: &str, how: &str, did: &str) -> Work {
        let planned = map! { "new" => format!("{what} will be {how}") };
        Work { planned, done: map! { "new" => format!("{what} {how}") }, did: did.to_string() }
    }

    /// The same change, whose work can't be done because something is not there. Any other error is one at once.
    fn blocked<'a>(self, error: vcenter::Error) -> Result<Plan<'a>> {
        match error {
            vcenter::Error::NotFound { .. } => Ok(self.plan(async move { Err(error) })),
            other => Err(other.into()),
        }
    }

    fn plan<'a>(self, work: impl Future<Output = vcenter::Result<()>> + Send + 'a) -> Plan<'a> {
        let Work { planned, done, did } = self;
        let apply = async move {
            work.await?;
            Ok(Applied { changes: Some(done), comment: None })
        };
        Plan::new(planned, apply).comment("These options are set to change.", did)
    }
}

fn tree(type_: &str) -> Result<Tree> {
    type_.parse().map_err(|_| Error::execution("invalid type"))
}

/// The folder; none if there is none.
fn find<'a>(
    inventory: &'a Inventory,
    datacenter: &Datacenter,
    tree: Tree,
    name: &str,
) -> Result<Option<&'a Folder>> {
    match folder::find(inventory, datacenter, tree, name) {
        Ok(folder) => Ok(Some(folder)),
        Err(vcenter::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn missing(name: &str) -> vcenter::Error {
    vcenter::Error::NotFound { kind: "Folder".to_string(), name: name.to_string() }
}
