//! The kinds of managed entities the inventory holds, and the compact reference to one.

use std::fmt;
use std::sync::Arc;

use crate::vim::{MoRef, Name};

/// A managed entity type, by its vSphere name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `Folder`
    Folder,
    /// `StoragePod`, a datastore cluster; a `Folder`.
    StoragePod,
    /// `Datacenter`
    Datacenter,
    /// `ComputeResource`, what a standalone host lives in.
    ComputeResource,
    /// `ClusterComputeResource`; a `ComputeResource`.
    ClusterComputeResource,
    /// `HostSystem`
    HostSystem,
    /// `ResourcePool`
    ResourcePool,
    /// `VirtualApp`; a `ResourcePool`.
    VirtualApp,
    /// `VirtualMachine`
    VirtualMachine,
    /// `Datastore`
    Datastore,
    /// `Network`, a standard one.
    Network,
    /// `DistributedVirtualPortgroup`; a `Network`.
    DistributedVirtualPortgroup,
    /// `OpaqueNetwork`, of NSX; a `Network`.
    OpaqueNetwork,
    /// `DistributedVirtualSwitch`
    DistributedVirtualSwitch,
    /// `VmwareDistributedVirtualSwitch`; a `DistributedVirtualSwitch`.
    VmwareDistributedVirtualSwitch,
}

impl Kind {
    /// All kinds, in the order the inventory is kept in.
    pub const ALL: [Kind; 15] = [
        Kind::Folder,
        Kind::StoragePod,
        Kind::Datacenter,
        Kind::ComputeResource,
        Kind::ClusterComputeResource,
        Kind::HostSystem,
        Kind::ResourcePool,
        Kind::VirtualApp,
        Kind::VirtualMachine,
        Kind::Datastore,
        Kind::Network,
        Kind::DistributedVirtualPortgroup,
        Kind::OpaqueNetwork,
        Kind::DistributedVirtualSwitch,
        Kind::VmwareDistributedVirtualSwitch,
    ];

    /// The type's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Folder => "Folder",
            Kind::StoragePod => "StoragePod",
            Kind::Datacenter => "Datacenter",
            Kind::ComputeResource => "ComputeResource",
            Kind::ClusterComputeResource => "ClusterComputeResource",
            Kind::HostSystem => "HostSystem",
            Kind::ResourcePool => "ResourcePool",
            Kind::VirtualApp => "VirtualApp",
            Kind::VirtualMachine => "VirtualMachine",
            Kind::Datastore => "Datastore",
            Kind::Network => "Network",
            Kind::DistributedVirtualPortgroup => "DistributedVirtualPortgroup",
            Kind::OpaqueNetwork => "OpaqueNetwork",
            Kind::DistributedVirtualSwitch => "DistributedVirtualSwitch",
            Kind::VmwareDistributedVirtualSwitch => "VmwareDistributedVirtualSwitch",
        }
    }

    /// The kind with this name on the wire; none for a type that the inventory does not hold.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind this one is derived from, within the inventory.
    pub fn base(self) -> Kind {
        match self {
            Kind::StoragePod => Kind::Folder,
            Kind::ClusterComputeResource => Kind::ComputeResource,
            Kind::VirtualApp => Kind::ResourcePool,
            Kind::DistributedVirtualPortgroup | Kind::OpaqueNetwork => Kind::Network,
            Kind::VmwareDistributedVirtualSwitch => Kind::DistributedVirtualSwitch,
            itself => itself,
        }
    }

    /// Whether an object of this kind is one of `other` too.
    pub fn is_a(self, other: Kind) -> bool {
        self == other || self.base() == other
    }

    /// The kind and those derived from it, which follow it in [`Kind::ALL`].
    pub fn family(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| kind.is_a(self))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A managed object reference to an entity of the inventory: 24 bytes, the identifier shared by all that hold it.
/// Shown as `VirtualMachine:vm-83`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityRef {
    kind: Kind,
    moid: Arc<str>,
}

impl EntityRef {
    /// The reference to the object of this kind with this identifier (`vm-83`).
    pub fn new(kind: Kind, moid: impl Into<Arc<str>>) -> Self {
        EntityRef { kind, moid: moid.into() }
    }

    /// The reference, if the inventory holds objects of its type.
    pub fn from_moref(moref: &MoRef) -> Option<Self> {
        Kind::from_name(moref.kind()).map(|kind| EntityRef::new(kind, moref.id()))
    }

    /// The type of the object.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The identifier within the vCenter, `vm-83`.
    pub fn moid(&self) -> &str {
        &self.moid
    }

    /// The identifier, to share.
    pub(super) fn shared_moid(&self) -> Arc<str> {
        self.moid.clone()
    }

    /// The reference as calls take it.
    pub fn moref(&self) -> MoRef {
        MoRef::new(Name::known(self.kind.name()), &*self.moid)
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.moid)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&EntityRef> for MoRef {
    fn from(reference: &EntityRef) -> MoRef {
        reference.moref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("Task"), None);
    }

    #[test]
    fn families_hold_the_derived_kinds() {
        assert_eq!(Kind::Folder.family().collect::<Vec<_>>(), [Kind::Folder, Kind::StoragePod]);
        assert_eq!(Kind::ClusterComputeResource.family().collect::<Vec<_>>(), [Kind::ClusterComputeResource]);
        assert!(Kind::OpaqueNetwork.is_a(Kind::Network));
        assert!(!Kind::Network.is_a(Kind::OpaqueNetwork));
    }

    #[test]
    fn a_reference_is_small() {
        assert!(std::mem::size_of::<Option<EntityRef>>() <= 24);
    }
}
