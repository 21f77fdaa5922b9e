//! Virtual machines: power here, all else by subject below.

pub mod boot;
pub mod place;
pub mod snapshot;

use crate::client::{Client, TASK_TIMEOUT};
use crate::error::Result;
use crate::inventory::{EntityRef, PowerState, VirtualMachine};
use crate::vim::Args;

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
