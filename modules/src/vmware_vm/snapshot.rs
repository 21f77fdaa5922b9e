//! Snapshots of virtual machines.

use salt::connection::of_profile;
use salt::{Context, Map, Result, Value, functions, map, salt_fn};
use vcenter::ops::vm::snapshot::{self, New, Snapshot, Which};
use vcenter::vim::DateTime;

use super::find;

functions![create_snapshot, destroy_snapshot, revert_snapshot, snapshot_];

/// Lists the snapshots of a virtual machine, each before those that came of it.
///
/// The list is empty if there are none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.snapshot vm_name=vm01
/// salt '*' vmware_vm.snapshot vm01 datacenter_name=dc1
/// ```
#[salt_fn]
async fn snapshot_(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    let all = snapshot::list(&client, &vm.reference).await?;
    Ok(map! { "snapshots" => all.iter().map(described).collect::<Vec<Map>>() })
}

/// Makes a snapshot of a virtual machine, and waits for the end.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.create_snapshot vm_name=vm01 snapshot_name=before-upgrade
/// salt '*' vmware_vm.create_snapshot vm01 s1 description='as installed' include_memory=True
/// ```
#[salt_fn]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn create_snapshot(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// The name of the snapshot.
    snapshot_name: String,
    /// What it is for.
    #[default("")]
    description: String,
    /// Keep the memory of a running machine.
    #[default(false)]
    include_memory: bool,
    /// Bring the file systems of the guest to rest first; it needs its tools.
    #[default(false)]
    quiesce: bool,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    let created = map! { "snapshot" => "created" };
    cx.will_return(&create_snapshot::FUNCTION, created.clone());
    let new = New { name: &snapshot_name, description: &description, memory: include_memory, quiesce };
    snapshot::create(&client, &vm.reference, new).await?;
    Ok(created)
}

/// Removes a snapshot of a virtual machine, and waits until its disks are merged.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.destroy_snapshot vm_name=vm01 snapshot_name=before-upgrade
/// salt '*' vmware_vm.destroy_snapshot vm01 s1 snapshot_id=3 remove_children=True
/// ```
#[salt_fn]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn destroy_snapshot(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// The name of the snapshot.
    snapshot_name: String,
    /// Its number, where several have that name.
    snapshot_id: Option<i64>,
    /// Remove those that came of it, too.
    #[default(false)]
    remove_children: bool,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    let all = snapshot::list(&client, &vm.reference).await?;
    let found = snapshot::the_one(&all, Which { name: &snapshot_name, id: snapshot_id })?;
    let destroyed = map! { "snapshot" => "destroyed" };
    cx.will_return(&destroy_snapshot::FUNCTION, destroyed.clone());
    snapshot::remove(&client, &found, remove_children).await?;
    Ok(destroyed)
}

/// Brings a virtual machine back to one of its snapshots, and waits for the end.
///
/// What has changed since is lost. A machine whose snapshot has memory runs afterwards.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.revert_snapshot vm_name=vm01 snapshot_name=before-upgrade
/// salt '*' vmware_vm.revert_snapshot vm01 s1 suppress_power_on=True
/// ```
#[salt_fn]
#[allow(clippy::too_many_arguments, reason = "as many as its siblings have")]
async fn revert_snapshot(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// The name of the snapshot.
    snapshot_name: String,
    /// Its number, where several have that name.
    snapshot_id: Option<i64>,
    /// Leave the machine off, whatever the snapshot has.
    #[default(false)]
    suppress_power_on: bool,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    let all = snapshot::list(&client, &vm.reference).await?;
    let found = snapshot::the_one(&all, Which { name: &snapshot_name, id: snapshot_id })?;
    let reverted = map! { "snapshot" => "reverted" };
    cx.will_return(&revert_snapshot::FUNCTION, reverted.clone());
    snapshot::revert(&client, &vm.reference, &found, suppress_power_on).await?;
    Ok(reverted)
}

fn described(snapshot: &Snapshot) -> Map {
    map! {
        "creation_time" => python_time(&snapshot.create_time),
        "description" => snapshot.description.as_str(),
        "id" => snapshot.id,
        "name" => snapshot.name.as_str(),
        "state" => snapshot.state.as_str(),
        "quiesced" => snapshot.quiesced,
    }
}

/// A moment as Python writes one with a time zone: `2026-11-22 12:00:00.123456+00:00`.
fn python_time(moment: &DateTime) -> String {
    let Some(moment) = moment.timestamp() else { return moment.to_string() };
    let fraction = if moment.subsec_nanosecond() / 1000 == 0 { "" } else { ".%6f" };
    moment.strftime(&format!("%Y-%m-%d %H:%M:%S{fraction}+00:00")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_as_python_writes_them() {
        let text = |moment: &str| python_time(&DateTime::new(moment));
        assert_eq!(text("2026-11-22T13:00:00+01:00"), "2026-11-22 12:00:00+00:00");
        assert_eq!(text("2026-11-22T12:00:00.0456789Z"), "2026-11-22 12:00:00.045678+00:00");
        assert_eq!(text("soon"), "soon");
    }
}
