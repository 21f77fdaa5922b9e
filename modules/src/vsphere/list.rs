//! The inventory of the vCenter, as Salt's own module lists it.
//!
//! Every function takes the vCenter and the user as the original does. None of them is needed: without them a function
//! works on the vCenter of the minion, and with them it makes sure that this is the one meant.

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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::ClusterComputeResource, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::Datacenter, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::StoragePod, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::Datastore, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::DistributedVirtualSwitch, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::Folder, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::HostSystem, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::Network, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::ResourcePool, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::VirtualApp, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Vec<String>> {
    let _ = (password, protocol, verify_ssl);
    names(cx, Kind::VirtualMachine, Login { host, username, port }).await
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
    /// The vCenter: none, or the minion's own.
    host: Option<String>,
    /// The user: none, or the minion's own.
    username: Option<String>,
    /// The password. The minion has its own, so it is not used.
    #[default(None)]
    password: Value,
    /// `https` or `http`. The minion's own configuration decides.
    protocol: Option<String>,
    /// The port: none, or that of the minion's own vCenter.
    port: Option<u64>,
    /// Check the certificate. The minion's own configuration decides.
    #[default(true)]
    verify_ssl: bool,
) -> Result<Map> {
    let _ = (password, protocol, verify_ssl);
    let (client, _) = of_arguments(cx, Login { host, username, port }).await?;
    let mut info = Map::from(&client.about().await?);
    if client.is_host().await? {
        info.extend(super::host::facts(&client).await?);
    }
    Ok(info)
}

/// The names of the objects of a kind, without the root folder, which nobody made.
async fn names(cx: &Context, kind: Kind, login: Login) -> Result<Vec<String>> {
    let (_, inventory) = of_arguments(cx, login).await?;
    Ok(super::names(&inventory, kind))
}
