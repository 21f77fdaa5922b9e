//! What virtual machines boot from.

use salt::connection::of_profile;
use salt::{Context, Error, Map, Result, Value, Words, functions, map, salt_fn};
use vcenter::inventory::VirtualMachine;
use vcenter::ops::vm::boot::{self, Boot};

functions![boot_manager];

/// Sets the boot order and the boot options of a virtual machine.
///
/// Of each kind of device the first one counts; kinds that the machine lacks are passed over.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.boot_manager vm_name=vm01 order='[cdrom, disk, ethernet]' delay=5000
/// ```
#[salt_fn]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn boot_manager(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// `cdrom`, `disk`, `ethernet` and `floppy` in the order wanted.
    #[default(["cdrom", "disk", "ethernet", "floppy"])]
    order: Words,
    /// Milliseconds before it boots.
    #[default(0)]
    delay: i64,
    /// Enter the setup of the firmware next time.
    #[default(false)]
    enter_bios_setup: bool,
    /// Milliseconds after which a boot that failed is tried again; 0 for never.
    #[default(0)]
    retry_delay: i64,
    /// Start signed code only; needs EFI firmware.
    #[default(false)]
    efi_secure_boot_enabled: bool,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let invalid = || Error::execution("invalid order name, check order list for invalid names");
    let order =
        order.0.iter().map(|name| name.parse()).collect::<Result<Vec<boot::Device>, vcenter::Error>>();
    let wanted = Boot {
        order: order.map_err(|_| invalid())?,
        delay,
        enter_bios_setup,
        retry_delay,
        efi_secure_boot_enabled,
    };
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = inventory.find::<VirtualMachine>(&vm_name, None)?;
    let changed = map! { "status" => "changed" };
    cx.will_return(&boot_manager::FUNCTION, changed.clone());
    Ok(match boot::set(&client, &vm.reference, &wanted).await? {
        true => changed,
        false => map! { "status" => "already configured this way" },
    })
}
