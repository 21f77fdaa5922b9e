//! The live inventory: every managed entity of a vCenter, kept current by the property collector, read without asking it.
//!
//! * [`Kind`], [`EntityRef`], [`Entity`] and the structs in it: what is kept of each object.
//! * [`Inventory`]: everything at one moment, with lookups by name, path, identifier, UUID and address.
//! * [`Store`]: hands out the present [`Inventory`], says how current it is, and tells of changes. [`Writer`]: fills it.
//! * the watcher: the state machine that follows the vCenter, and survives losing it.

pub(crate) mod collected;
mod entity;
mod gaps;
mod index;
mod kind;
mod lookup;
mod property;
mod store;
pub(crate) mod watcher;

#[cfg(test)]
mod tests;

pub use entity::{
    ComputeResource, Datacenter, Datastore, DistributedVirtualSwitch, Entity, Folder, HostSystem, Managed,
    Network, ResourcePool, VirtualMachine,
};
pub use index::Inventory;
pub use kind::{EntityRef, Kind};
pub use property::{GuestNic, NetworkCard, PowerState, Uuid, decode_name, encode_name};
pub use store::{Change, Changes, Event, ObjectUpdate, Status, Store, Writer, store};
