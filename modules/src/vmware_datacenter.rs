//! Datacenters.
//!
//! Facts: `saltext/vmware/modules/datacenter.py`.

use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{Datacenter, Kind};
use vcenter::ops;

use salt::connection::of_profile;

functions![create, delete, get, list_];

/// Lists the datacenters by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datacenter.list
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
    Ok(inventory.names(Kind::Datacenter))
}

/// Creates a datacenter below the root folder.
///
/// Gives `{name: True}`, or `{name: False, reason: …}` if the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datacenter.create dc1
/// ```
#[salt_fn]
async fn create(
    cx: &Context,
    /// The name of the datacenter.
    name: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, _) = of_profile(cx, service_instance, profile).await?;
    outcome(&name, ops::datacenter::create(&client, &name, None).await.map(drop))
}

/// Gives all properties of a datacenter. Objects are written as `Type:id`.
///
/// A datacenter that is not there gives `{name: False, reason: …}`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datacenter.get dc1
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The datacenter, by name, path or id.
    name: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let datacenter = match inventory.find::<Datacenter>(&name, None) {
        Ok(datacenter) => datacenter.reference.clone(),
        Err(error) => return Ok(refused(&name, &error)),
    };
    let properties = ops::datacenter::properties(&client, &datacenter).await?;
    Ok(Map::from(&properties).with("object", datacenter.to_string()))
}

/// Destroys a datacenter with everything in it.
///
/// Gives `{name: True}`, or `{name: False, reason: …}` if there is none or the vCenter refuses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datacenter.delete dc1
/// ```
#[salt_fn]
async fn delete(
    cx: &Context,
    /// The datacenter, by name, path or id.
    name: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let datacenter = match inventory.find::<Datacenter>(&name, None) {
        Ok(datacenter) => datacenter.reference.clone(),
        Err(error) => return Ok(refused(&name, &error)),
    };
    outcome(&name, ops::datacenter::destroy(&client, &datacenter).await)
}

/// What the vCenter says no to is an answer; that it can't be asked is an error.
fn outcome(name: &str, result: vcenter::Result<()>) -> Result<Map> {
    match result {
        Ok(()) => Ok(map! { name => true }),
        Err(error @ (vcenter::Error::Fault(_) | vcenter::Error::Task { .. })) => Ok(refused(name, &error)),
        Err(error) => Err(Error::from(error)),
    }
}

fn refused(name: &str, error: &vcenter::Error) -> Map {
    map! { name => false, "reason" => error.to_string() }
}
