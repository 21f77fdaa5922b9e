//! What a virtual machine boots from, and how.

use std::str::FromStr;

use crate::client::{Client, TASK_TIMEOUT};
use crate::collector;
use crate::error::{Error, Result};
use crate::inventory::EntityRef;
use crate::vim::{Args, Object, Value};

/// A kind of device that a machine can boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The first CD drive with a disc.
    Cdrom,
    /// The first hard disk.
    Disk,
    /// The first network card.
    Ethernet,
    /// The first floppy drive.
    Floppy,
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "cdrom" => Device::Cdrom,
            "disk" => Device::Disk,
            "ethernet" => Device::Ethernet,
            "floppy" => Device::Floppy,
            _ => return Err(Error::NotFound { kind: "Boot device".to_owned(), name: name.to_owned() }),
        })
    }
}

/// How a machine boots (`VirtualMachineBootOptions`).
#[derive(Clone, Debug, PartialEq)]
pub struct Boot {
    /// The order of devices. Kinds that the machine lacks are passed over.
    pub order: Vec<Device>,
    /// Milliseconds before it begins.
    pub delay: i64,
    /// Whether it enters its setup next time.
    pub enter_bios_setup: bool,
    /// Milliseconds until it tries again; 0: it does not.
    pub retry_delay: i64,
    /// Whether EFI firmware starts signed code only.
    pub efi_secure_boot_enabled: bool,
}

/// Makes a machine boot so (`ReconfigVM_Task`); false if it did already.
pub async fn set(client: &Client, vm: &EntityRef, wanted: &Boot) -> Result<bool> {
    let paths = ["config.bootOptions", "config.hardware.device"];
    let content = collector::read_one(client.session(), &vm.moref(), &paths).await?;
    let devices: Vec<&Object> = content.objects("config.hardware.device").collect();
    let order: Vec<Object> = wanted.order.iter().filter_map(|device| bootable(*device, &devices)).collect();
    if content.object("config.bootOptions").is_some_and(|there| is(there, wanted, &order)) {
        return Ok(false);
    }
    let mut options = Object::new("VirtualMachineBootOptions")
        .set("bootDelay", wanted.delay)
        .set("enterBIOSSetup", wanted.enter_bios_setup)
        .set("efiSecureBootEnabled", wanted.efi_secure_boot_enabled)
        .set("bootRetryEnabled", wanted.retry_delay > 0)
        .set("bootOrder", order);
    if wanted.retry_delay > 0 {
        options = options.set("bootRetryDelay", wanted.retry_delay);
    }
    let spec = Object::new("VirtualMachineConfigSpec").set("bootOptions", options);
    client.run(&vm.moref(), "ReconfigVM_Task", Args::new().set("spec", spec), TASK_TIMEOUT).await?;
    Ok(true)
}

/// The entry of the boot order for the first device of a kind. A drive without a number counts as a whole.
fn bootable(device: Device, devices: &[&Object]) -> Option<Object> {
    let first = |kind: &str| devices.iter().find(|it| it.is_a(kind)).and_then(|it| it.get("key")).cloned();
    match device {
        Device::Cdrom => {
            first("VirtualCdrom").map(|_| Object::new("VirtualMachineBootOptionsBootableCdromDevice"))
        }
        Device::Floppy => {
            first("VirtualFloppy").map(|_| Object::new("VirtualMachineBootOptionsBootableFloppyDevice"))
        }
        Device::Disk => first("VirtualDisk")
            .map(|key| Object::new("VirtualMachineBootOptionsBootableDiskDevice").set("deviceKey", key)),
        Device::Ethernet => first("VirtualEthernetCard")
            .map(|key| Object::new("VirtualMachineBootOptionsBootableEthernetDevice").set("deviceKey", key)),
    }
}

fn is(there: &Object, wanted: &Boot, order: &[Object]) -> bool {
    let number = |name: &str| there.i64(name).unwrap_or_default();
    let flag = |name: &str| there.bool(name).unwrap_or(false);
    let retries = flag("bootRetryEnabled") == (wanted.retry_delay > 0)
        && (wanted.retry_delay == 0 || number("bootRetryDelay") == wanted.retry_delay);
    let entries: Vec<&Object> =
        there.get("bootOrder").map(|order| order.objects().collect()).unwrap_or_default();
    let same = |a: &Object, b: &Object| {
        a.kind() == b.kind()
            && a.get("deviceKey").and_then(Value::as_i64) == b.get("deviceKey").and_then(Value::as_i64)
    };
    retries
        && number("bootDelay") == wanted.delay
        && flag("enterBIOSSetup") == wanted.enter_bios_setup
        && flag("efiSecureBootEnabled") == wanted.efi_secure_boot_enabled
        && entries.len() == order.len()
        && entries.into_iter().zip(order).all(|(a, b)| same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_its_first_device() {
        let device = |kind: &str, key: i32| Object::new(kind).set("key", key);
        let all = [device("VirtualDisk", 2000), device("VirtualDisk", 2001), device("VirtualVmxnet3", 4000)];
        let devices: Vec<&Object> = all.iter().collect();
        let key = |kind| bootable(kind, &devices).and_then(|entry| entry.i64("deviceKey"));
        assert_eq!((key(Device::Disk), key(Device::Ethernet)), (Some(2000), Some(4000)));
        assert_eq!(bootable(Device::Floppy, &devices), None, "there is none");
    }

    #[test]
    fn what_is_so_already_is_seen() {
        let wanted = Boot {
            order: vec![Device::Disk],
            delay: 0,
            enter_bios_setup: false,
            retry_delay: 0,
            efi_secure_boot_enabled: false,
        };
        let disk = Object::new("VirtualMachineBootOptionsBootableDiskDevice").set("deviceKey", 2000);
        let there = Object::new("VirtualMachineBootOptions").set("bootOrder", [disk.clone()]);
        assert!(is(&there, &wanted, std::slice::from_ref(&disk)));
        assert!(!is(&there, &Boot { delay: 5, ..wanted.clone() }, std::slice::from_ref(&disk)));
        assert!(!is(&Object::new("VirtualMachineBootOptions"), &wanted, &[disk]));
    }
}
