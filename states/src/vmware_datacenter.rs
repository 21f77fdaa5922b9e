//! Datacenters that are there, or not.
//!
//! Facts: `saltext/vmware/states/datacenter.py`.

use salt::connection::of_profile;
use salt::{Context, Plan, Result, Value, functions, map, salt_state};
use vcenter::inventory::Datacenter;
use vcenter::ops::datacenter;

functions![present, absent];

/// Makes sure that there is a datacenter of this name. A new one is made below the root folder.
#[salt_state]
async fn present(
    cx: &Context,
    /// The name of the datacenter.
    name: String,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Plan<'_>> {
    let (client, inventory) = of_profile(cx, Value::None, profile).await?;
    match inventory.find::<Datacenter>(&name, None) {
        // More than one of that name are there all the more.
        Ok(_) | Err(vcenter::Error::Ambiguous { .. }) => {
            return Ok(Plan::unchanged(format!("Datacenter {name} is already present. No changes made.")));
        }
        Err(vcenter::Error::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let (would, did) =
        (format!("Datacenter {name} will be created."), format!("Datacenter - {name} created."));
    let changes = map! { &name => true };
    let create = async move {
        datacenter::create(&client, &name, None).await?;
        Ok(())
    };
    Ok(Plan::new(changes, create).comment(would, did))
}

/// Makes sure that there is no datacenter of this name. One that is there is destroyed with everything in it.
#[salt_state]
async fn absent(
    cx: &Context,
    /// The datacenter, by name, path or id.
    name: String,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Plan<'_>> {
    let (client, inventory) = of_profile(cx, Value::None, profile).await?;
    let found = match inventory.find::<Datacenter>(&name, None) {
        Ok(found) => found.reference.clone(),
        Err(vcenter::Error::NotFound { .. }) => {
            return Ok(Plan::unchanged(format!("Datacenter {name} does not exist. No changes made.")));
        }
        Err(error) => return Err(error.into()),
    };
    let (would, did) =
        (format!("Datacenter {name} will be deleted."), format!("Datacenter - {name} deleted."));
    let destroy = async move {
        datacenter::destroy(&client, &found).await?;
        Ok(())
    };
    Ok(Plan::new(map! { name => true }, destroy).comment(would, did))
}
