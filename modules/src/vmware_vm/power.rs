//! Power of virtual machines.

use salt::connection::of_profile;
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};
use vcenter::inventory::{PowerState, VirtualMachine};
use vcenter::ops;

use super::find;

functions![power_state];

/// Powers a virtual machine on or off, suspends or resets it, and waits for the end.
///
/// Gives a comment, and under `changes` the new state; nothing is under `changes` if the machine was in that state already.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vmware_vm.power_state vm_name=vm01 state=powered-on
/// salt '*' vmware_vm.power_state vm01 powered-off datacenter_name=dc1
/// ```
#[salt_fn]
async fn power_state(
    cx: &Context,
    /// The virtual machine, by name, path or id.
    vm_name: String,
    /// `powered-on`, `powered-off`, `suspend` or `reset`.
    state: String,
    /// Only look in this datacenter.
    datacenter_name: Option<String>,
    /// Leave it out: it is for Python only.
    #[default(None)]
    service_instance: Value,
    /// The profile of the configuration that names the vCenter; without it, the minion's own is meant.
    profile: Option<String>,
) -> Result<Map> {
    let action = state;
    let (wanted, already) = match action.as_str() {
        "powered-on" => (Some(PowerState::PoweredOn), "powered on"),
        "powered-off" => (Some(PowerState::PoweredOff), "powered off"),
        "suspend" => (Some(PowerState::Suspended), "suspended"),
        "reset" => (None, ""),
        _ => return Err(Error::execution("The given action is not supported")),
    };
    let (client, inventory) = of_profile(cx, service_instance, profile).await?;
    let vm = find(&inventory, &vm_name, datacenter_name.as_deref())?;
    if wanted.is_some() && vm.power_state == wanted {
        let comment = format!("Virtual machine is already {already}");
        return Ok(map! { "comment" => comment, "changes" => Map::new() });
    }
    let after = |state: Option<PowerState>| {
        let changes = map! { "state" => state.map(PowerState::as_str) };
        map! { "comment" => format!("Virtual machine {action} action succeeded"), "changes" => changes }
    };
    // A machine that was reset runs.
    cx.will_return(&power_state::FUNCTION, after(wanted.or(Some(PowerState::PoweredOn))));
    match wanted {
        Some(PowerState::PoweredOn) => ops::vm::power_on(&client, &vm.reference, None).await?,
        Some(PowerState::PoweredOff) => ops::vm::power_off(&client, &vm.reference).await?,
        Some(PowerState::Suspended) => ops::vm::suspend(&client, &vm.reference).await?,
        None => ops::vm::reset(&client, &vm.reference).await?,
    }
    Ok(after(client.read().entity::<VirtualMachine>(&vm.reference).and_then(|vm| vm.power_state)))
}
