//! The kind of device that the minion is, and which object of the vCenter that means.

use std::sync::Arc;

use vcenter::Client;
use vcenter::inventory::{Datacenter, EntityRef, HostSystem, Inventory, Kind};

use crate::{Context, Error, Function, Map, Result, Value};

/// The minion's `proxy:` map, that of the pillar over that of the options; empty if the minion has no device.
pub fn proxy_map(cx: &Context) -> Map {
    cx.identity().opts().get("proxy").and_then(Value::as_map).cloned().unwrap_or_default()
}

/// Whether the proxy is that of a host which is reached through its vCenter (`salt/proxy/esxi.py`,
/// `is_connected_via_vcenter`).
pub fn is_via_vcenter(cx: &Context) -> bool {
    let map = proxy_map(cx);
    let has = |key: &str| map.get(key).is_some_and(Value::truthy);
    proxy_type(cx) == "esxi" && has("vcenter") && !has("host")
}

/// The type of the minion's proxy: that of the pillar, else that of the options, else `<undefined>`.
pub fn proxy_type(cx: &Context) -> String {
    let of = |place: &Map| {
        let kind = place.get("proxy").and_then(|proxy| proxy.get("proxytype")).filter(|kind| kind.truthy());
        kind.map(Value::to_string)
    };
    of(&cx.pillar()).or_else(|| of(&cx.opts())).unwrap_or_else(|| "<undefined>".into())
}

/// Whether a function may run on this proxy (`salt/modules/vsphere.py`, `_supports_proxies`). One that names no types runs
/// everywhere.
///
/// # Errors
/// [`Error::Execution`] in Salt's words.
pub fn supports_proxy(cx: &Context, function: &Function) -> Result<()> {
    if function.proxies.is_empty() {
        return Ok(());
    }
    let kind = proxy_type(cx);
    if function.proxies.contains(&kind.as_str()) {
        return Ok(());
    }
    Err(Error::execution(format!("'{kind}' proxy is not supported by function {}", function.name())))
}

/// The object of the vCenter that the minion stands for, and where it was found.
pub struct Target {
    /// The vCenter.
    pub client: Client,
    /// Its inventory.
    pub inventory: Arc<Inventory>,
    /// The object: the root folder, a datacenter, a cluster or a host.
    pub object: EntityRef,
}

/// The object that the minion stands for (`salt/modules/vsphere.py`, `_get_proxy_target`): of an `esxdatacenter` proxy its
/// datacenter, of an `esxcluster` proxy its cluster, of an `esxi` proxy through a vCenter its host, else the root
/// folder. Names are compared as a whole.
///
/// # Errors
/// [`Error::Execution`] if there is no such object, or where the server is a host itself; [`Error::Unavailable`] without a
/// session.
pub async fn target(cx: &Context) -> Result<Target> {
    let (client, inventory) = super::own(cx).await?;
    if client.is_host().await? {
        return Err(Error::execution("'_get_proxy_target' not supported when connected via the ESXi host"));
    }
    let map = proxy_map(cx);
    let name = |key: &str| {
        map.get_str(key).ok_or_else(|| Error::execution(format!("the proxy configuration has no '{key}'")))
    };
    let object = match proxy_type(cx).as_str() {
        "esxdatacenter" => datacenter(&inventory, name("datacenter")?)?.reference.clone(),
        "esxcluster" => {
            let within = &datacenter(&inventory, name("datacenter")?)?.reference;
            inventory
                .find_of(Kind::ClusterComputeResource, name("cluster")?, Some(within))?
                .reference()
                .clone()
        }
        "esxi" => inventory.find::<HostSystem>(name("esxi_host")?, None)?.reference.clone(),
        "esxvm" => {
            return Err(Error::execution("an 'esxvm' proxy stands for no single object of its vCenter"));
        }
        _ => match inventory.root() {
            Some(root) => root.reference().clone(),
            None => return Err(Error::execution("the root folder of the vCenter can't be seen")),
        },
    };
    Ok(Target { client, inventory, object })
}

fn datacenter<'a>(inventory: &'a Inventory, name: &str) -> Result<&'a Datacenter> {
    Ok(inventory.find::<Datacenter>(name, None)?)
}
