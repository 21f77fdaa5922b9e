//! Salt's own module for vCenters.
//!
//! Facts: `salt/modules/vsphere.py` of Salt 3007.17.

mod automation;
mod datastore;
mod generic;
mod host;
mod list;
mod tag;
mod vm;

use salt::{Context, Error, Function, Map, Result, Value, Words, functions, map, salt_fn};
use vcenter::inventory::{ComputeResource, Datacenter, HostSystem, Inventory, Kind};
use vcenter::ops;

use salt::connection::{SERVICE_INSTANCE, own, own_client, proxy_type, refuse_service_instance};

functions![
    create_datacenter,
    disconnect,
    get_proxy_type,
    get_service_instance_via_proxy,
    list_datacenters_via_proxy,
    list_hosts_via_proxy,
    test_vcenter_connection,
];

/// The tables of this module.
pub const TABLES: [&[Function]; 7] = [
    FUNCTIONS,
    automation::FUNCTIONS,
    datastore::FUNCTIONS,
    generic::FUNCTIONS,
    list::FUNCTIONS,
    tag::FUNCTIONS,
    vm::FUNCTIONS,
];

pub use host::info as host_info;

/// Tells the proxy type of the minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.get_proxy_type
/// ```
#[salt_fn]
async fn get_proxy_type(cx: &Context) -> Result<String> {
    Ok(proxy_type(cx))
}

/// Makes sure that the minion has a session with its vCenter, and gives the name of the service instance.
///
/// All functions work on the one session that the minion keeps, so nobody needs the name; where a `service_instance` is
/// taken, it stands for that session.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.get_service_instance_via_proxy
/// ```
#[salt_fn(proxies("esxi", "esxcluster", "esxdatacenter", "vcenter", "esxvm"))]
async fn get_service_instance_via_proxy(
    cx: &Context,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<&'static str> {
    refuse_service_instance(&service_instance)?;
    ops::service::current_time(&own_client(cx).await?).await?;
    Ok(SERVICE_INSTANCE)
}

/// Gives a service instance back. The minion's session stays: all jobs share it, and it ends with the minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.disconnect ServiceInstance:ServiceInstance
/// ```
#[salt_fn(proxies("esxi", "esxcluster", "esxdatacenter", "vcenter", "esxvm"))]
async fn disconnect(
    cx: &Context,
    /// What `get_service_instance_via_proxy` gave.
    service_instance: Value,
) -> Result<bool> {
    let _ = cx;
    refuse_service_instance(&service_instance)?;
    Ok(true)
}

/// Says whether the minion has a session with a vCenter. An ESXi host is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.test_vcenter_connection
/// ```
#[salt_fn(proxies("esxi", "esxcluster", "esxdatacenter", "vcenter", "esxvm"))]
async fn test_vcenter_connection(
    cx: &Context,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<bool> {
    refuse_service_instance(&service_instance)?;
    let client = own_client(cx).await?;
    // The clock is asked because that needs a live session, unlike what is remembered from the log-in.
    match ops::service::current_time(&client).await {
        Ok(_) => Ok(!client.is_host().await?),
        Err(vcenter::Error::Fault(fault)) => {
            tracing::warn!("the vCenter answers, but not well: {fault}");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Lists the datacenters, each as a map with its name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_datacenters_via_proxy
/// salt '*' vsphere.list_datacenters_via_proxy dc1
/// salt '*' vsphere.list_datacenters_via_proxy datacenter_names='[dc1, dc2]'
/// ```
#[salt_fn(proxies("esxcluster", "esxdatacenter", "esxvm", "vcenter"))]
async fn list_datacenters_via_proxy(
    cx: &Context,
    /// Only these, where they exist.
    datacenter_names: Option<Words>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Vec<Map>> {
    refuse_service_instance(&service_instance)?;
    let (_, inventory) = own(cx).await?;
    let mut names = inventory.names(Kind::Datacenter);
    if let Some(Words(wanted)) = datacenter_names.filter(|Words(wanted)| !wanted.is_empty()) {
        names.retain(|name| wanted.contains(name));
    }
    Ok(names.into_iter().map(|name| map! { "name" => name }).collect())
}

/// Lists the ESXi hosts by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_hosts_via_proxy
/// salt '*' vsphere.list_hosts_via_proxy hostnames='[esxi1, esxi2]'
/// salt '*' vsphere.list_hosts_via_proxy datacenter=dc1 cluster=cluster1
/// ```
#[salt_fn(proxies("esxcluster", "esxdatacenter", "esxi", "vcenter"))]
async fn list_hosts_via_proxy(
    cx: &Context,
    /// Only these, where they exist.
    hostnames: Option<Words>,
    /// Only hosts in this datacenter.
    datacenter: Option<String>,
    /// Only hosts in this cluster. It needs the datacenter.
    cluster: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Vec<String>> {
    refuse_service_instance(&service_instance)?;
    if cluster.is_some() && datacenter.is_none() {
        return Err(Error::execution("Datacenter is required when cluster is specified"));
    }
    let (_, inventory) = own(cx).await?;
    let mut names = host_names(&inventory, datacenter.as_deref(), cluster.as_deref())?;
    if let Some(Words(wanted)) = hostnames.filter(|Words(wanted)| !wanted.is_empty()) {
        names.retain(|name| wanted.contains(name));
    }
    Ok(names)
}

/// Creates a datacenter below the root folder.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.create_datacenter dc1
/// ```
#[salt_fn(proxies("esxdatacenter", "vcenter"))]
async fn create_datacenter(
    cx: &Context,
    /// The name of the datacenter.
    datacenter_name: String,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Map> {
    refuse_service_instance(&service_instance)?;
    let (client, _) = own(cx).await?;
    ops::datacenter::create(&client, &datacenter_name, None).await?;
    Ok(map! { "create_datacenter" => true })
}

fn host_names(inventory: &Inventory, datacenter: Option<&str>, cluster: Option<&str>) -> Result<Vec<String>> {
    let scope = datacenter.map(|name| inventory.find::<Datacenter>(name, None)).transpose()?;
    let in_cluster = |host: &HostSystem| {
        let of: Option<&ComputeResource> = inventory.cluster_of(&host.reference);
        cluster.is_none_or(|name| of.is_some_and(|cluster| &*cluster.name == name))
    };
    let in_scope =
        |host: &&HostSystem| scope.is_none_or(|dc| inventory.is_within(&host.reference, &dc.reference));
    let hosts = inventory.all::<HostSystem>().filter(in_scope).filter(|host| in_cluster(host));
    let mut names: Vec<String> = hosts.map(|host| host.name.to_string()).collect();
    names.sort_unstable();
    Ok(names)
}
