//! The datastores of what the minion stands for.

use salt::{Context, Error, Map, Result, Value, Words, functions, salt_fn};
use vcenter::inventory::{Datastore, Kind};
use vcenter::ops::datastore::{self, HostStorage};

use salt::connection::{refuse_service_instance, target};

use crate::vmware_datastore::{Filter, listed};

functions![list_datastores_via_proxy];

/// Lists the datastores that the minion's datacenter, cluster or host sees; those of a host with the disks behind them.
///
/// Without a filter all of them are listed. Names and disks are alternatives: what fits one of them is listed.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_datastores_via_proxy
/// salt '*' vsphere.list_datastores_via_proxy datastore_names='[ds1, ds2]'
/// ```
#[salt_fn(proxies("esxi", "esxcluster", "esxdatacenter"))]
async fn list_datastores_via_proxy(
    cx: &Context,
    /// Datastores of these names.
    datastore_names: Option<Words>,
    /// Datastores on these disks, by canonical name. Only of a host.
    backing_disk_ids: Option<Words>,
    /// Datastores on the disks at these SCSI addresses. Only of a host.
    backing_disk_scsi_addresses: Option<Words>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
) -> Result<Vec<Map>> {
    refuse_service_instance(&service_instance)?;
    let target = target(cx).await?;
    let filter = Filter {
        names: datastore_names.unwrap_or_default().0,
        disks: backing_disk_ids.unwrap_or_default().0,
        addresses: backing_disk_scsi_addresses.unwrap_or_default().0,
    };
    let kind = target.object.kind();
    let storage = match kind {
        Kind::HostSystem => {
            let of_hosts = datastore::storage(&target.client, std::slice::from_ref(&target.object)).await?;
            of_hosts.into_values().next().unwrap_or_default()
        }
        _ if filter.is_about_disks() => {
            return Err(Error::execution(format!(
                "Unsupported reference type '{kind}' when backing disk filter is set"
            )));
        }
        _ => HostStorage::default(),
    };
    let mut seen: Vec<&Datastore> = target.inventory.datastores_of(&target.object);
    seen.retain(|datastore| filter.lets_through(datastore, &storage));
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(seen.into_iter().map(|datastore| listed(datastore, &storage)).collect())
}
