//! The managed entities, with the properties that are kept of each.
//!
//! A property is declared once, here: its field, its type and its path in the vSphere API. What is subscribed to, what a
//! change is written to and what an entity holds follow from it. A property belongs here when functions read it of many
//! objects; what is large or read of one object alone is fetched when it is asked for ([`crate::collector::read`]).

use std::net::IpAddr;
use std::sync::Arc;

use super::kind::{EntityRef, Kind};
use super::property::{GuestNic, Interner, NetworkCard, PowerState, Read, Uuid, read_name};
use crate::vim::Value;

macro_rules! entities {
    ($(
        $(#[$doc:meta])*
        $entity:ident {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty = $path:literal $(of $only:ident)?, )*
        }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $entity {
                /// The managed object reference.
                pub reference: EntityRef,
                /// `name`, decoded: vSphere writes `/`, `\` and `%` in names as `%2f`, `%5c` and `%25`.
                pub name: Arc<str>,
                /// `parent`; none for the root folder, and for a virtual machine in a vApp.
                pub parent: Option<EntityRef>,
                $( $(#[$field_doc])* #[doc = concat!("(`", $path, "`)")] pub $field: $type, )*
            }

            impl $entity {
                fn new(reference: EntityRef) -> Self {
                    let name = reference.shared_moid();
                    $entity { reference, name, parent: None, $( $field: Default::default(), )* }
                }

                fn paths(kind: Kind) -> Vec<&'static str> {
                    let mut paths = vec!["name", "parent"];
                    $( if true $( && kind == Kind::$only )? { paths.push($path); } )*
                    let _ = kind;
                    paths
                }

                fn set(&mut self, path: &str, value: Option<&Value>, interner: &mut Interner) -> bool {
                    match path {
                        "name" => self.name = read_name(value, &self.reference),
                        "parent" => self.parent = Read::read(value, interner),
                        $( $path => self.$field = Read::read(value, interner), )*
                        _ => return false,
                    }
                    true
                }
            }

            impl Managed for $entity {
                const KIND: Kind = Kind::$entity;

                fn of(entity: &Entity) -> Option<&Self> {
                    match entity {
                        Entity::$entity(it) => Some(it),
                        _ => None,
                    }
                }
            }
        )*

        /// A managed entity of the inventory.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Entity {
            $( $(#[$doc])* $entity($entity), )*
        }

        impl Entity {
            /// An entity of which nothing is known yet but its reference. Until its name is, its identifier stands for it.
            pub(super) fn new(reference: EntityRef) -> Self {
                match reference.kind().base() {
                    $( Kind::$entity => Entity::$entity($entity::new(reference)), )*
                    derived => unreachable!("{derived} is not a base kind"),
                }
            }

            /// The properties subscribed to for objects of this kind.
            pub fn paths(kind: Kind) -> Vec<&'static str> {
                match kind.base() {
                    $( Kind::$entity => $entity::paths(kind), )*
                    derived => unreachable!("{derived} is not a base kind"),
                }
            }

            /// Writes one property; an absent value is what an unset optional property has. False for an unknown path.
            pub(super) fn set(&mut self, path: &str, value: Option<&Value>, interner: &mut Interner) -> bool {
                match self { $( Entity::$entity(it) => it.set(path, value, interner), )* }
            }

            /// The managed object reference.
            pub fn reference(&self) -> &EntityRef {
                match self { $( Entity::$entity(it) => &it.reference, )* }
            }

            /// The name, decoded.
            pub fn name(&self) -> &str {
                match self { $( Entity::$entity(it) => &it.name, )* }
            }

            pub(super) fn shared_name(&self) -> Arc<str> {
                match self { $( Entity::$entity(it) => it.name.clone(), )* }
            }

            /// The `parent` property as the vCenter has it; [`Entity::container`] is what paths are made of.
            pub fn parent(&self) -> Option<&EntityRef> {
                match self { $( Entity::$entity(it) => it.parent.as_ref(), )* }
            }
        }
    };
}

/// An entity type, for the typed ways into the inventory: `inventory.all::<HostSystem>()`.
pub trait Managed: Sized + 'static {
    /// The kind of which, and of those derived from which, objects are of this type.
    const KIND: Kind;

    /// The entity, if it is of this type.
    fn of(entity: &Entity) -> Option<&Self>;
}

entities! {
    /// `Folder`, of virtual machines, hosts, datastores, networks or datacenters; also `StoragePod`, a datastore cluster.
    Folder {
        /// What can be put into it, by type.
        child_type: Box<[Arc<str>]> = "childType",
        /// Bytes a datastore cluster holds.
        capacity: Option<u64> = "summary.capacity" of StoragePod,
        /// Bytes free in a datastore cluster.
        free_space: Option<u64> = "summary.freeSpace" of StoragePod,
    }

    /// `Datacenter`, with its four folders.
    Datacenter {
        /// The folder of virtual machines and templates.
        vm_folder: Option<EntityRef> = "vmFolder",
        /// The folder of clusters and standalone hosts.
        host_folder: Option<EntityRef> = "hostFolder",
        /// The folder of datastores and datastore clusters.
        datastore_folder: Option<EntityRef> = "datastoreFolder",
        /// The folder of networks and distributed switches.
        network_folder: Option<EntityRef> = "networkFolder",
    }

    /// `ComputeResource`, a standalone host's; also `ClusterComputeResource`, a cluster.
    ComputeResource {
        /// Its hosts.
        host: Box<[EntityRef]> = "host",
        /// The datastores its hosts see.
        datastore: Box<[EntityRef]> = "datastore",
        /// The networks its hosts see.
        network: Box<[EntityRef]> = "network",
        /// The root resource pool.
        resource_pool: Option<EntityRef> = "resourcePool",
    }

    /// `HostSystem`, an ESXi host.
    HostSystem {
        /// `connected`, `disconnected` or `notResponding`.
        connection_state: Option<Arc<str>> = "runtime.connectionState",
        /// `poweredOn`, `poweredOff`, `standBy` or `unknown`.
        power_state: Option<Arc<str>> = "runtime.powerState",
        /// Whether it is in maintenance mode.
        in_maintenance_mode: bool = "runtime.inMaintenanceMode",
        /// The maker.
        vendor: Option<Arc<str>> = "summary.hardware.vendor",
        /// The maker's name for the machine.
        model: Option<Arc<str>> = "summary.hardware.model",
        /// The machine's UUID.
        uuid: Option<Uuid> = "summary.hardware.uuid",
        /// Bytes of memory.
        memory_size: Option<u64> = "summary.hardware.memorySize",
        /// The processors' name.
        cpu_model: Option<Arc<str>> = "summary.hardware.cpuModel",
        /// Processor packages.
        num_cpu_pkgs: Option<u32> = "summary.hardware.numCpuPkgs",
        /// Processor cores, of all packages together.
        num_cpu_cores: Option<u32> = "summary.hardware.numCpuCores",
        /// Hardware threads, of all cores together.
        num_cpu_threads: Option<u32> = "summary.hardware.numCpuThreads",
        /// The version of ESXi.
        version: Option<Arc<str>> = "summary.config.product.version",
        /// The build of ESXi.
        build: Option<Arc<str>> = "summary.config.product.build",
        /// The datastores it sees.
        datastore: Box<[EntityRef]> = "datastore",
        /// The networks it sees.
        network: Box<[EntityRef]> = "network",
    }

    /// `ResourcePool`; also `VirtualApp`.
    ResourcePool {
        /// The cluster or standalone host it divides.
        owner: Option<EntityRef> = "owner",
        /// The folder a vApp is shown in; none for one inside another.
        parent_folder: Option<EntityRef> = "parentFolder" of VirtualApp,
    }

    /// `VirtualMachine`, also a template.
    VirtualMachine {
        /// The vApp it is part of, which then stands for its parent.
        parent_vapp: Option<EntityRef> = "parentVApp",
        /// Whether it is a template.
        template: bool = "config.template",
        /// Whether it runs.
        power_state: Option<PowerState> = "runtime.powerState",
        /// `connected`, `disconnected`, `inaccessible`, `invalid` or `orphaned`.
        connection_state: Option<Arc<str>> = "runtime.connectionState",
        /// The BIOS UUID; clones made outside vCenter can share one.
        uuid: Option<Uuid> = "config.uuid",
        /// The UUID that is unique within a vCenter.
        instance_uuid: Option<Uuid> = "config.instanceUuid",
        /// The configured guest system's short name, `rhel8_64Guest`.
        guest_id: Option<Arc<str>> = "config.guestId",
        /// The configured guest system's full name.
        config_guest_full_name: Option<Arc<str>> = "config.guestFullName",
        /// The full name of the guest system as its tools tell it.
        guest_full_name: Option<Arc<str>> = "summary.guest.guestFullName",
        /// The guest's main address.
        ip_address: Option<IpAddr> = "guest.ipAddress",
        /// The guest's host name.
        host_name: Option<Box<str>> = "guest.hostName",
        /// The guest's network cards, without those that tools do not tell of.
        guest_nics: Box<[GuestNic]> = "guest.net",
        /// `guestToolsRunning`, `guestToolsNotRunning` or `guestToolsExecutingScripts`.
        tools_running_status: Option<Arc<str>> = "guest.toolsRunningStatus",
        /// How old the tools are, `guestToolsCurrent` and so on.
        tools_version_status: Option<Arc<str>> = "guest.toolsVersionStatus2",
        /// The host it runs on, or is registered with.
        host: Option<EntityRef> = "runtime.host",
        /// The resource pool; a template has none.
        resource_pool: Option<EntityRef> = "resourcePool",
        /// The datastores its files are on.
        datastore: Box<[EntityRef]> = "datastore",
        /// The networks its cards are on.
        network: Box<[EntityRef]> = "network",
        /// Virtual processors.
        num_cpu: Option<u32> = "config.hardware.numCPU",
        /// Memory, MiB.
        memory_mb: Option<u32> = "config.hardware.memoryMB",
        /// The network cards, in the order of the machine's devices.
        network_cards: Box<[NetworkCard]> = "config.hardware.device",
    }

    /// `Datastore`
    Datastore {
        /// `VMFS`, `NFS`, `NFS41`, `vsan`, `VVOL` …
        type_: Option<Arc<str>> = "summary.type",
        /// Its unique locator, `ds:///vmfs/volumes/…/`.
        url: Option<Box<str>> = "summary.url",
        /// Bytes it holds.
        capacity: Option<u64> = "summary.capacity",
        /// Bytes free.
        free_space: Option<u64> = "summary.freeSpace",
        /// Bytes that thin disks on it may still take.
        uncommitted: Option<u64> = "summary.uncommitted",
        /// Whether any host can reach it.
        accessible: bool = "summary.accessible",
        /// Whether more than one host can reach it.
        multiple_host_access: Option<bool> = "summary.multipleHostAccess",
        /// `normal`, `enteringMaintenance` or `inMaintenance`.
        maintenance_mode: Option<Arc<str>> = "summary.maintenanceMode",
    }

    /// `Network`; also `DistributedVirtualPortgroup` and `OpaqueNetwork`.
    Network {
        /// Whether a host is connected to it.
        accessible: bool = "summary.accessible",
        /// A distributed portgroup's key, which network cards' backings name.
        key: Option<Arc<str>> = "key" of DistributedVirtualPortgroup,
        /// A distributed portgroup's switch.
        distributed_virtual_switch: Option<EntityRef> = "config.distributedVirtualSwitch" of DistributedVirtualPortgroup,
    }

    /// `DistributedVirtualSwitch`
    DistributedVirtualSwitch {
        /// The switch's UUID as the API writes it, `50 2d 0f …`.
        uuid: Option<Box<str>> = "uuid",
        /// The hosts that take part in it.
        host: Box<[EntityRef]> = "summary.hostMember",
        /// Its portgroups, uplinks included.
        portgroup: Box<[EntityRef]> = "portgroup",
    }
}

impl Entity {
    /// The entity as one of its type.
    pub fn as_<T: Managed>(&self) -> Option<&T> {
        T::of(self)
    }

    /// The kind of the object, the derived one where it is of one.
    pub fn kind(&self) -> Kind {
        self.reference().kind()
    }

    /// What the object is shown in: its parent, or the vApp for a virtual machine that has no parent.
    pub fn container(&self) -> Option<&EntityRef> {
        self.parent().or(match self {
            Entity::VirtualMachine(vm) => vm.parent_vapp.as_ref(),
            _ => None,
        })
    }
}

impl Datacenter {
    /// Its four folders, those of them that are known.
    pub fn folders(&self) -> impl Iterator<Item = &EntityRef> {
        let folders = [&self.vm_folder, &self.host_folder, &self.datastore_folder, &self.network_folder];
        folders.into_iter().flatten()
    }
}

impl ComputeResource {
    /// Whether it is a cluster, not a standalone host's compute resource.
    pub fn is_cluster(&self) -> bool {
        self.reference.kind() == Kind::ClusterComputeResource
    }
}

impl HostSystem {
    /// Whether the vCenter is in touch with it.
    pub fn is_connected(&self) -> bool {
        self.connection_state.as_deref() == Some("connected")
    }
}

impl VirtualMachine {
    /// All addresses the guest has told, the main one first, each once.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut found: Vec<IpAddr> = self.ip_address.into_iter().collect();
        for nic in &self.guest_nics {
            for address in &nic.ip_addresses {
                if !found.contains(address) {
                    found.push(*address);
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_subscribes_to_what_it_has() {
        assert!(Entity::paths(Kind::DistributedVirtualPortgroup).contains(&"key"));
        assert!(!Entity::paths(Kind::Network).contains(&"key"));
        assert!(Entity::paths(Kind::Network).contains(&"summary.accessible"));
        assert!(!Entity::paths(Kind::Folder).contains(&"summary.capacity"));
        for kind in Kind::ALL {
            assert!(Entity::paths(kind).starts_with(&["name", "parent"]), "{kind}");
        }
    }

    #[test]
    fn an_entity_is_of_its_base_type() {
        let pod = Entity::new(EntityRef::new(Kind::StoragePod, "group-p1"));
        assert!(pod.as_::<Folder>().is_some());
        assert!(pod.as_::<Datacenter>().is_none());
        assert_eq!((pod.kind(), pod.name()), (Kind::StoragePod, "group-p1"));
    }
}
