//! Datastores: the disks behind them, and maintenance.

use std::collections::BTreeMap;

use crate::client::{Client, TASK_TIMEOUT};
use crate::collector;
use crate::error::{Error, Result};
use crate::inventory::{Datastore, EntityRef};
use crate::vim::{MoRef, Object};

/// What a host knows of the storage below its datastores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostStorage {
    /// The disks of each VMFS datastore by the datastore's name: `naa.…` of its extents, in their order.
    pub disks: BTreeMap<String, Vec<String>>,
    /// The disk behind each SCSI address (`vmhba1:C0:T0:L0`).
    pub scsi_addresses: BTreeMap<String, String>,
}

/// The storage of hosts, in two questions for any number of them. Hosts that cannot tell are left out.
pub async fn storage(client: &Client, hosts: &[EntityRef]) -> Result<BTreeMap<EntityRef, HostStorage>> {
    const MOUNTS: &str = "fileSystemVolumeInfo.mountInfo";
    const LUNS: &str = "storageDeviceInfo.scsiLun";
    const PATHS: &str = "storageDeviceInfo.multipathInfo.lun";

    let morefs: Vec<MoRef> = hosts.iter().map(EntityRef::moref).collect();
    let systems = collector::read(client.session(), &morefs, &["configManager.storageSystem"]).await?;
    let by_system: BTreeMap<MoRef, EntityRef> = systems
        .iter()
        .filter_map(|host| {
            let system = host.moref("configManager.storageSystem")?.clone();
            Some((system, EntityRef::from_moref(&host.reference)?))
        })
        .collect();
    let read = collector::read(client.session(), by_system.keys(), &[MOUNTS, LUNS, PATHS]).await?;
    Ok(read
        .iter()
        .filter_map(|system| {
            let storage = HostStorage {
                disks: disks(system.objects(MOUNTS)),
                scsi_addresses: scsi_addresses(system.objects(LUNS), system.objects(PATHS)),
            };
            Some((by_system.get(&system.reference)?.clone(), storage))
        })
        .collect())
}

/// Puts a datastore into maintenance (`Datastore.DatastoreEnterMaintenanceMode`): its virtual machines are moved away, as
/// Storage DRS does it, so it must be in a datastore cluster.
pub async fn enter_maintenance(client: &Client, datastore: &EntityRef) -> Result<()> {
    let method = "DatastoreEnterMaintenanceMode";
    let placement = client.session().call(&datastore.moref(), method, ()).await?;
    // Without virtual machines to move there may be no task.
    if let Some(task) = placement.get("task").and_then(|task| task.as_moref()) {
        client.tasks().wait_with(task, TASK_TIMEOUT, Some(method), |_| ()).await?;
    }
    settle(client, datastore, "inMaintenance").await
}

/// Ends a datastore's maintenance (`Datastore.DatastoreExitMaintenanceMode_Task`).
pub async fn exit_maintenance(client: &Client, datastore: &EntityRef) -> Result<()> {
    client.run(&datastore.moref(), "DatastoreExitMaintenanceMode_Task", (), TASK_TIMEOUT).await?;
    settle(client, datastore, "normal").await
}

async fn settle(client: &Client, datastore: &EntityRef, mode: &str) -> Result<()> {
    client
        .settle(std::slice::from_ref(datastore), |inventory| {
            inventory
                .entity(datastore)
                .is_some_and(|datastore: &Datastore| datastore.maintenance_mode.as_deref() == Some(mode))
        })
        .await;
    let inventory = client.read();
    if inventory.entity::<Datastore>(datastore).is_none() {
        return Err(Error::NotFound { kind: "Datastore".to_owned(), name: datastore.moid().to_owned() });
    }
    Ok(())
}

/// `HostFileSystemMountInfo` of VMFS volumes.
fn disks<'a>(mounts: impl Iterator<Item = &'a Object>) -> BTreeMap<String, Vec<String>> {
    mounts
        .filter_map(|mount| mount.object("volume"))
        .filter(|volume| volume.is_a("HostVmfsVolume"))
        .filter_map(|volume| {
            let extents = volume.objects("extent").filter_map(|extent| extent.str("diskName"));
            Some((volume.str("name")?.to_owned(), extents.map(str::to_owned).collect()))
        })
        .collect()
}

/// A path's name is the address; it leads to a LUN by key, which has the disk's canonical name.
fn scsi_addresses<'a>(
    luns: impl Iterator<Item = &'a Object>,
    paths: impl Iterator<Item = &'a Object>,
) -> BTreeMap<String, String> {
    let names: BTreeMap<&str, &str> =
        luns.filter_map(|lun| Some((lun.str("key")?, lun.str("canonicalName")?))).collect();
    paths
        .flat_map(|unit| unit.objects("path").map(move |path| (unit, path)))
        .filter_map(|(unit, path)| {
            let name = names.get(unit.str("lun")?)?;
            Some((path.str("name")?.to_owned(), (*name).to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_and_addresses_are_resolved() {
        let extent =
            |name: &str| Object::new("HostScsiDiskPartition").set("diskName", name).set("partition", 1);
        let vmfs = Object::new("HostVmfsVolume")
            .set("name", "ds1")
            .set("extent", [extent("naa.1"), extent("naa.2")]);
        let nfs = Object::new("HostNasVolume").set("name", "nfs");
        let mounts = [vmfs, nfs].map(|volume| Object::new("HostFileSystemMountInfo").set("volume", volume));
        let found = disks(mounts.iter());
        assert_eq!(found, BTreeMap::from([("ds1".to_owned(), vec!["naa.1".to_owned(), "naa.2".to_owned()])]));

        let lun = Object::new("HostScsiDisk").set("key", "key-1").set("canonicalName", "naa.1");
        let path = Object::new("HostMultipathInfoPath").set("name", "vmhba1:C0:T0:L0");
        let unit = |lun: &str| {
            Object::new("HostMultipathInfoLogicalUnit").set("lun", lun).set("path", [path.clone()])
        };
        let found = scsi_addresses([lun].iter(), [unit("key-1"), unit("key-unknown")].iter());
        assert_eq!(found, BTreeMap::from([("vmhba1:C0:T0:L0".to_owned(), "naa.1".to_owned())]));
    }
}
