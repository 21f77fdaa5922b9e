//! Virtual machines: power, and what the inventory does not keep of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::{Client, TASK_TIMEOUT};
use crate::collector;
use crate::error::Result;
use crate::inventory::{EntityRef, PowerState, VirtualMachine};
use crate::vim::{Args, MoRef, Object};

/// Powers a virtual machine on, on its host or the given one (`PowerOnVM_Task`). One that runs already is the fault
/// `InvalidPowerState`.
pub async fn power_on(client: &Client, vm: &EntityRef, host: Option<&EntityRef>) -> Result<()> {
    let args = Args::new().set("host", host.map(EntityRef::moref));
    power(client, vm, "PowerOnVM_Task", args, PowerState::PoweredOn).await
}

/// Powers a virtual machine off, without a word to its guest (`PowerOffVM_Task`).
pub async fn power_off(client: &Client, vm: &EntityRef) -> Result<()> {
    power(client, vm, "PowerOffVM_Task", Args::new(), PowerState::PoweredOff).await
}

/// Suspends a virtual machine (`SuspendVM_Task`).
pub async fn suspend(client: &Client, vm: &EntityRef) -> Result<()> {
    power(client, vm, "SuspendVM_Task", Args::new(), PowerState::Suspended).await
}

/// Resets a virtual machine, without a word to its guest (`ResetVM_Task`).
pub async fn reset(client: &Client, vm: &EntityRef) -> Result<()> {
    power(client, vm, "ResetVM_Task", Args::new(), PowerState::PoweredOn).await
}

/// Asks the guest to shut down (`ShutdownGuest`); returns when the request is with its tools, not when it is down.
pub async fn shutdown_guest(client: &Client, vm: &EntityRef) -> Result<()> {
    client.session().call(&vm.moref(), "ShutdownGuest", ()).await.map(drop)
}

/// Asks the guest to restart (`RebootGuest`); returns when the request is with its tools.
pub async fn reboot_guest(client: &Client, vm: &EntityRef) -> Result<()> {
    client.session().call(&vm.moref(), "RebootGuest", ()).await.map(drop)
}

async fn power(client: &Client, vm: &EntityRef, method: &str, args: Args, state: PowerState) -> Result<()> {
    client.run(&vm.moref(), method, args, TASK_TIMEOUT).await?;
    client
        .settle(std::slice::from_ref(vm), |inventory| {
            inventory.entity(vm).is_some_and(|vm: &VirtualMachine| vm.power_state == Some(state))
        })
        .await;
    Ok(())
}

/// A virtual network card (`VirtualEthernetCard`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCard {
    /// The device's key within its machine.
    pub key: i32,
    /// What vSphere calls it, `Network adapter 1`.
    pub label: Box<str>,
    /// The type of the device, `VirtualVmxnet3`.
    pub kind: Box<str>,
    /// The MAC address; none before the first power-on of a machine whose addresses the vCenter gives.
    pub mac_address: Option<Box<str>>,
    /// The network's name, a distributed portgroup's key, or an opaque network's identifier.
    pub network: Option<Box<str>>,
    /// Whether it is connected.
    pub connected: bool,
}

/// The network cards of virtual machines, in one question for all. Those whose configuration has not changed since they were
/// last asked for (`config.changeVersion`) are not asked for again. Machines that are gone are left out.
pub async fn network_cards(
    client: &Client,
    vms: &[EntityRef],
) -> Result<HashMap<EntityRef, Arc<[NetworkCard]>>> {
    let inventory = client.read();
    let version =
        |vm: &EntityRef| inventory.entity(vm).and_then(|vm: &VirtualMachine| vm.change_version.clone());
    let cards = client.network_cards();
    let mut found = HashMap::with_capacity(vms.len());
    let mut unknown = Vec::new();
    for vm in vms {
        match version(vm).and_then(|version| cards.get(vm, &version)) {
            Some(known) => drop(found.insert(vm.clone(), known)),
            None => unknown.push(vm.moref()),
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    let paths = ["config.hardware.device", "config.changeVersion"];
    collector::read_each(client.session(), &unknown, &paths, |content| {
        let Some(vm) = EntityRef::from_moref(&content.reference) else { return };
        let devices = content.objects("config.hardware.device");
        let read: Arc<[NetworkCard]> =
            devices.filter(|device| device.is_a("VirtualEthernetCard")).map(network_card).collect();
        if let Some(version) = content.str("config.changeVersion") {
            cards.keep(&vm, version, &read);
        }
        found.insert(vm, read);
    })
    .await?;
    cards.sweep(|vm| inventory.get(vm).is_some());
    Ok(found)
}

fn network_card(device: &Object) -> NetworkCard {
    let text = |path: &str| device.str(path).filter(|text| !text.is_empty()).map(Box::from);
    NetworkCard {
        key: device.i64("key").and_then(|key| i32::try_from(key).ok()).unwrap_or_default(),
        label: text("deviceInfo.label").unwrap_or_default(),
        kind: device.kind().into(),
        mac_address: text("macAddress"),
        network: text("backing.deviceName")
            .or_else(|| text("backing.port.portgroupKey"))
            .or_else(|| text("backing.opaqueNetworkId")),
        connected: device.bool("connectable.connected").unwrap_or(false),
    }
}

/// Network cards as last read, each machine's with the version of its configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkCards(Arc<Mutex<HashMap<EntityRef, KeptCards>>>);

/// The configuration's version they were read at, and they.
type KeptCards = (Box<str>, Arc<[NetworkCard]>);

impl NetworkCards {
    fn get(&self, vm: &EntityRef, version: &str) -> Option<Arc<[NetworkCard]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(vm).filter(|(read_at, _)| &**read_at == version).map(|(_, cards)| cards.clone())
    }

    fn keep(&self, vm: &EntityRef, version: &str, cards: &Arc<[NetworkCard]>) {
        if !version.is_empty() {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(vm.clone(), (version.into(), cards.clone()));
        }
    }

    /// Forgets machines that are not there any more.
    fn sweep(&self, there: impl Fn(&EntityRef) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|vm, _| there(vm));
    }
}

/// Properties of virtual machines that the inventory does not keep, in one question for all: `config.extraConfig`,
/// `snapshot`, `guest.disk` …
pub async fn read(
    client: &Client,
    vms: &[EntityRef],
    paths: &[&str],
) -> Result<Vec<collector::ObjectContent>> {
    let vms: Vec<MoRef> = vms.iter().map(EntityRef::moref).collect();
    collector::read(client.session(), &vms, paths).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Kind;

    #[test]
    fn cards_are_kept_until_the_configuration_changes() {
        let cards = NetworkCards::default();
        let vm = EntityRef::new(Kind::VirtualMachine, "vm-1");
        let device = Object::new("VirtualE1000")
            .set("key", 4000)
            .set("macAddress", "00:0c:29:00:00:01")
            .set("deviceInfo", Object::new("Description").set("label", "Network adapter 1"))
            .set(
                "backing",
                Object::new("VirtualEthernetCardNetworkBackingInfo").set("deviceName", "VM Network"),
            );
        let read: Arc<[NetworkCard]> = [network_card(&device)].into();
        assert_eq!(read[0].network.as_deref(), Some("VM Network"));
        cards.keep(&vm, "v1", &read);
        assert_eq!(cards.get(&vm, "v1"), Some(read.clone()));
        assert_eq!(cards.get(&vm, "v2"), None);
        // A server that gives no version cannot say whether anything has changed.
        cards.keep(&vm, "", &read);
        assert_eq!(cards.get(&vm, ""), None);
        cards.sweep(|_| false);
        assert_eq!(cards.get(&vm, "v1"), None);
    }
}
