//! The inventory of the vCenter, as Salt's own module lists it.
//!
//! Every function takes the vCenter and the user as the original does. None of them is needed: without them a function
//! works on the vCenter of the minion, with them on what they name ([`salt::connection`]).

use salt::{Context, Map, Result, Value, functions, salt_fn};
use vcenter::inventory::Kind;

use salt::connection::{Login, of_arguments};

functions![
    list_clusters,
    list_datacenters,
    list_datastore_clusters,
    list_datastores,
    list_dvs,
    list_folders,
    list_hosts,
    list_networks,
    list_resourcepools,
    list_vapps,
    list_vms,
    system_info,
];

/// Lists the clusters by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_clusters
/// ```
#[salt_fn]
async fn list_clusters(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::ClusterComputeResource, Login::new(host, username, password, protocol, port, verify_ssl))
        .await
}

/// Lists the datacenters by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_datacenters
/// ```
#[salt_fn]
async fn list_datacenters(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::Datacenter, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the datastore clusters by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_datastore_clusters
/// ```
#[salt_fn]
async fn list_datastore_clusters(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::StoragePod, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the datastores by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_datastores
/// ```
#[salt_fn]
async fn list_datastores(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::Datastore, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the distributed switches by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_dvs
/// ```
#[salt_fn]
async fn list_dvs(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(
        cx,
        Kind::DistributedVirtualSwitch,
        Login::new(host, username, password, protocol, port, verify_ssl),
    )
    .await
}

/// Lists the folders by name: all of them, with the four that each datacenter has and the datastore clusters.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_folders
/// ```
#[salt_fn]
async fn list_folders(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::Folder, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the ESXi hosts by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_hosts
/// ```
#[salt_fn]
async fn list_hosts(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::HostSystem, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the networks by name, distributed portgroups among them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_networks
/// ```
#[salt_fn]
async fn list_networks(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::Network, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the resource pools by name, those of the clusters and vApps among them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_resourcepools
/// ```
#[salt_fn]
async fn list_resourcepools(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::ResourcePool, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the vApps by name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_vapps
/// ```
#[salt_fn]
async fn list_vapps(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::VirtualApp, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Lists the virtual machines by name, templates among them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_vms
/// ```
#[salt_fn]
async fn list_vms(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    names(cx, Kind::VirtualMachine, Login::new(host, username, password, protocol, port, verify_ssl)).await
}

/// Describes the vCenter: its product, version and build. For an ESXi host its hardware and network are added.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.system_info
/// ```
#[salt_fn]
async fn system_info(
    cx: &Context,
    /// The vCenter or host to ask; without it the minion's own is asked.
    host: Option<String>,
    /// The user to log in as, if not as the minion does.
    username: Option<String>,
    /// The user's password; for the minion's own user it may be left out.
    #[default(None)]
    password: Value,
    /// `https` or `http`.
    protocol: Option<String>,
    /// The port: 443, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate of another server than the minion's own.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Map> {
    let (client, _) =
        of_arguments(cx, Login::new(host, username, password, protocol, port, verify_ssl)).await?;
    let mut info = Map::from(&client.about().await?);
    if client.is_host().await? {
        info.extend(super::host::info(&client, None).await?);
    }
    Ok(info)
}

/// The names of the objects of a kind, without the root folder, which nobody made.
async fn names(cx: &Context, kind: Kind, login: Login) -> Result<Vec<String>> {
    let (_, inventory) = of_arguments(cx, login).await?;
    Ok(inventory.names(kind))
}
