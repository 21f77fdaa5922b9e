//! Datastores.
//!
//! Facts: `saltext/vmware/modules/datastore.py`.

use salt::{Context, Error, Map, Result, Value, Words, functions, map, salt_fn};
use vcenter::inventory::{ComputeResource, Datacenter, Datastore, EntityRef, HostSystem, Inventory, Kind};
use vcenter::ops::datastore::{self, HostStorage};

use salt::connection::of_profile;

functions![get, list_datastores];

/// Describes datastores: size, type and state.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datastore.get
/// salt '*' vmware_datastore.get datastore_name=ds1
/// salt '*' vmware_datastore.get datacenter_name=dc1 cluster_name=cluster1
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// Only datastores of this name. An unknown one gives an empty list.
    datastore_name: Option<String>,
    /// Only datastores in this datacenter.
    datacenter_name: Option<String>,
    /// Only datastores that this cluster sees. It needs the datacenter.
    cluster_name: Option<String>,
    /// Only datastores that this host sees.
    host_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Vec<Map>> {
    let (_, inventory) = of_profile(cx, service_instance, profile).await?;
    let place = Place { datacenter: datacenter_name, cluster: cluster_name, host: host_name };
    let mut found = match place.scope(&inventory)? {
        Some(scope) => inventory.datastores_of(&scope),
        None => inventory.all().collect(),
    };
    found.retain(|datastore| datastore_name.as_deref().is_none_or(|name| &*datastore.name == name));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.into_iter().map(summary).collect())
}

/// Lists, by host, the datastores that it sees, those on VMFS with the disks behind them.
///
/// Without a filter all of them are listed. Names and disks are alternatives: what fits one of them is listed.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_datastore.list_datastores
/// salt '*' vmware_datastore.list_datastores datastore_names='[ds1, ds2]' host_name=esxi1
/// salt '*' vmware_datastore.list_datastores backing_disk_ids='[naa.000000000000001]'
/// ```
#[salt_fn]
async fn list_datastores(
    cx: &Context,
    /// Datastores of these names.
    datastore_names: Option<Words>,
    /// Datastores on these disks, by canonical name.
    backing_disk_ids: Option<Words>,
    /// Datastores on the disks at these SCSI addresses.
    backing_disk_scsi_addresses: Option<Words>,
    /// Only hosts in this datacenter.
    datacenter_name: Option<String>,
    /// Only hosts in this cluster. It needs the datacenter.
    cluster_name: Option<String>,
    /// Only this host.
    host_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let place = Place { datacenter: datacenter_name, cluster: cluster_name, host: host_name };
    let hosts = place.hosts(&inventory)?;
    let references: Vec<EntityRef> = hosts.iter().map(|host| host.reference.clone()).collect();
    let storage = datastore::storage(&client, &references).await?;
    let filter = Filter {
        names: datastore_names.unwrap_or_default().0,
        disks: backing_disk_ids.unwrap_or_default().0,
        addresses: backing_disk_scsi_addresses.unwrap_or_default().0,
    };
    let unknown = HostStorage::default();
    let seen = |host: &HostSystem| {
        let storage = storage.get(&host.reference).unwrap_or(&unknown);
        let mut seen: Vec<&Datastore> = host.datastore.iter().filter_map(|it| inventory.entity(it)).collect();
        seen.retain(|datastore| filter.lets_through(datastore, storage));
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        seen.into_iter().map(|datastore| listed(datastore, storage)).collect::<Vec<_>>()
    };
    Ok(hosts.into_iter().map(|host| (host.name.to_string().into(), seen(host).into())).collect())
}

/// Where to look.
struct Place {
    datacenter: Option<String>,
    cluster: Option<String>,
    host: Option<String>,
}

impl Place {
    /// The narrowest object given. Each must be there and within the wider ones.
    fn scope(&self, inventory: &Inventory) -> Result<Option<EntityRef>> {
        if self.cluster.is_some() && self.datacenter.is_none() {
            return Err(needs_datacenter());
        }
        let mut scope = None;
        if let Some(name) = &self.datacenter {
            scope = Some(inventory.find::<Datacenter>(name, None)?.reference.clone());
        }
        if let Some(name) = &self.cluster {
            let cluster = inventory.find_of(Kind::ClusterComputeResource, name, scope.as_ref())?;
            scope = Some(cluster.reference().clone());
        }
        if let Some(name) = &self.host {
            scope = Some(inventory.find::<HostSystem>(name, scope.as_ref())?.reference.clone());
        }
        Ok(scope)
    }

    /// The hosts meant, by name. The datacenter must be there; an unknown host or cluster has none
    /// (`saltext/vmware/utils/esxi.py`, `get_hosts`).
    fn hosts<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a HostSystem>> {
        if self.cluster.is_some() && self.datacenter.is_none() {
            return Err(needs_datacenter());
        }
        let datacenter =
            self.datacenter.as_ref().map(|name| inventory.find::<Datacenter>(name, None)).transpose()?;
        let mut hosts: Vec<&HostSystem> = inventory.all().collect();
        hosts.retain(|host| {
            let cluster: Option<&ComputeResource> = inventory.cluster_of(&host.reference);
            datacenter.is_none_or(|dc| inventory.is_within(&host.reference, &dc.reference))
                && self.cluster.as_ref().is_none_or(|name| cluster.is_some_and(|it| *it.name == **name))
                && self.host.as_ref().is_none_or(|name| *host.name == **name)
        });
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(hosts)
    }
}

fn needs_datacenter() -> Error {
    Error::execution("Must specify the datacenter when specifying the cluster")
}

/// Which datastores of a host are meant.
pub struct Filter {
    /// Of these names.
    pub names: Vec<String>,
    /// On these disks, by canonical name.
    pub disks: Vec<String>,
    /// On the disks at these SCSI addresses.
    pub addresses: Vec<String>,
}

impl Filter {
    /// Whether disks are asked for, which only a host knows.
    pub fn is_about_disks(&self) -> bool {
        !self.disks.is_empty() || !self.addresses.is_empty()
    }

    /// Whether a datastore is meant, on a host with this storage.
    pub fn lets_through(&self, datastore: &Datastore, storage: &HostStorage) -> bool {
        if self.names.is_empty() && self.disks.is_empty() && self.addresses.is_empty() {
            return true;
        }
        let behind = storage.disks.get(&*datastore.name).map_or(&[][..], |disks| disks);
        // An address means a disk of this host; on another host it may mean another one.
        let addressed = |disk: &String| {
            self.addresses.iter().any(|address| storage.scsi_addresses.get(address) == Some(disk))
        };
        self.names.iter().any(|name| *datastore.name == **name)
            || behind.iter().any(|disk| self.disks.contains(disk) || addressed(disk))
    }
}

/// A datastore as it is listed, with the disks that the host's storage has for it.
pub fn listed(datastore: &Datastore, storage: &HostStorage) -> Map {
    let listed = map! {
        "name" => datastore.name.to_string(),
        "type" => datastore.type_.as_ref().map(ToString::to_string),
        "free_space" => datastore.free_space,
        "capacity" => datastore.capacity,
    };
    match storage.disks.get(&*datastore.name) {
        Some(disks) if !disks.is_empty() => listed.with("backing_disk_ids", disks.clone()),
        _ => listed,
    }
}

fn summary(datastore: &Datastore) -> Map {
    map! {
        "accessible" => datastore.accessible,
        "capacity" => datastore.capacity,
        "freeSpace" => datastore.free_space,
        "maintenanceMode" => datastore.maintenance_mode.as_ref().map(ToString::to_string),
        "multipleHostAccess" => datastore.multiple_host_access,
        "name" => datastore.name.to_string(),
        "type" => datastore.type_.as_ref().map(ToString::to_string),
        "url" => datastore.url.as_ref().map(ToString::to_string),
        "uncommitted" => datastore.uncommitted.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_means_the_disk_of_its_own_host() {
        let storage = |disk: &str| HostStorage {
            disks: [("ds1".to_string(), vec!["naa.1".to_string()])].into(),
            scsi_addresses: [("vmhba1:C0:T0:L0".to_string(), disk.to_string())].into(),
        };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let filter = Filter { names: vec![], disks: vec![], addresses: words(&["vmhba1:C0:T0:L0"]) };
        let datastore = Datastore {
            reference: EntityRef::new(Kind::Datastore, "datastore-1"),
            name: "ds1".into(),
            parent: None,
            type_: Some("VMFS".into()),
            url: None,
            capacity: Some(10),
            free_space: Some(5),
            uncommitted: None,
            accessible: true,
            multiple_host_access: None,
            maintenance_mode: None,
        };
        assert!(filter.lets_through(&datastore, &storage("naa.1")));
        assert!(!filter.lets_through(&datastore, &storage("naa.2")));
        let by_name = Filter { names: words(&["ds1"]), disks: vec![], addresses: vec![] };
        assert!(by_name.lets_through(&datastore, &HostStorage::default()));
        assert_eq!(
            listed(&datastore, &storage("naa.1")),
            map! {
                "name" => "ds1", "type" => "VMFS", "free_space" => 5, "capacity" => 10,
                "backing_disk_ids" => ["naa.1"],
            }
        );
    }
}
