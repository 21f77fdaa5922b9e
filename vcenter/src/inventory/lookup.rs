//! Lookups: by name, path, identifier, UUID and address; and what lies above, below and beside an object.

use std::net::IpAddr;
use std::sync::Arc;

use super::entity::{
    ComputeResource, Datacenter, Datastore, Entity, HostSystem, Managed, Network, VirtualMachine,
};
use super::index::Inventory;
use super::kind::{EntityRef, Kind};
use super::property::{Uuid, decode_name, encode_name};
use crate::error::{Error, Result};

/// No real inventory is nested this deeply; a climb that gets here goes in a circle, as it can for the moment in which a
/// folder's move has been told but that of the other one has not.
const DEEPEST: usize = 128;

impl Inventory {
    /// The object with this reference.
    pub fn get(&self, reference: &EntityRef) -> Option<&Arc<Entity>> {
        self.entities.get(reference)
    }

    /// The object with this reference, as one of its type: `inventory.entity::<HostSystem>(&vm.host?)`.
    pub fn entity<T: Managed>(&self, reference: &EntityRef) -> Option<&T> {
        self.get(reference).and_then(|entity| T::of(entity))
    }

    /// The objects of a type, those of derived kinds included, in the order of their identifiers.
    pub fn all<T: Managed>(&self) -> impl Iterator<Item = &T> {
        self.all_of(T::KIND).filter_map(|entity| T::of(entity))
    }

    /// The objects of a kind and those derived from it.
    pub fn all_of(&self, kind: Kind) -> impl Iterator<Item = &Arc<Entity>> {
        kind.family().flat_map(|kind| self.of_kind(kind))
    }

    /// The names of the objects of a kind and those derived from it, sorted; equal names are there as often as they are. The
    /// root folder is not among them, as it is not among what a view of it holds.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        self.sorted_names(kind).iter().map(str::to_owned).collect()
    }

    /// The one object of a type with this name, inventory path (`/DC0/vm/web/vm01`), identifier (`vm-83`) or reference
    /// (`VirtualMachine:vm-83`), at or below `within` if that is given.
    ///
    /// A name is looked for first. None gives [`Error::NotFound`], several [`Error::Ambiguous`] with their paths.
    pub fn find<T: Managed>(&self, what: &str, within: Option<&EntityRef>) -> Result<&T> {
        let found = self.find_of(T::KIND, what, within)?;
        T::of(found).ok_or_else(|| not_found(T::KIND, what))
    }

    /// As [`Inventory::find`], for a kind known at run time or for a derived one: `Kind::ClusterComputeResource`.
    pub fn find_of(&self, kind: Kind, what: &str, within: Option<&EntityRef>) -> Result<&Arc<Entity>> {
        self.the_one(kind.name(), what, self.candidates(kind, what, within))
    }

    /// The only candidate; none is [`Error::NotFound`], several are [`Error::Ambiguous`] with their paths. The type's name is
    /// for the error.
    pub fn the_one<'a>(
        &self,
        kind: &str,
        what: &str,
        candidates: Vec<&'a Arc<Entity>>,
    ) -> Result<&'a Arc<Entity>> {
        match candidates.as_slice() {
            [] => Err(Error::NotFound { kind: kind.to_owned(), name: what.to_owned() }),
            [one] => Ok(one),
            several => {
                let mut paths: Vec<String> =
                    several.iter().map(|entity| self.path(entity.reference())).collect();
                paths.sort_unstable();
                Err(Error::Ambiguous { kind: kind.to_owned(), name: what.to_owned(), paths })
            }
        }
    }

    /// All objects that [`Inventory::find_of`] could mean.
    pub fn candidates(&self, kind: Kind, what: &str, within: Option<&EntityRef>) -> Vec<&Arc<Entity>> {
        let fits = |entity: &&Arc<Entity>| {
            entity.kind().is_a(kind) && within.is_none_or(|scope| self.is_within(entity.reference(), scope))
        };
        if what.starts_with('/') {
            let found: Vec<_> = self.at_path(what).into_iter().filter(fits).collect();
            if !found.is_empty() {
                return found;
            }
        }
        let named: Vec<_> =
            self.names.get(what).iter().filter_map(|reference| self.get(reference)).filter(fits).collect();
        if !named.is_empty() {
            return named;
        }
        let (given, moid) = match what.split_once(':') {
            Some((name, moid)) => match Kind::from_name(name) {
                Some(given) if given.is_a(kind) => (Some(given), moid),
                _ => return Vec::new(),
            },
            None => (None, what),
        };
        kind.family()
            .filter(|kind| given.is_none_or(|given| given == *kind))
            .filter_map(|kind| self.get(&EntityRef::new(kind, moid)))
            .filter(fits)
            .collect()
    }

    /// The objects at an inventory path: several only where the vCenter allows equal names, as of networks.
    pub fn at_path(&self, path: &str) -> Vec<&Arc<Entity>> {
        let path = path.trim_end_matches('/');
        let name = decode_name(path.rsplit('/').next().unwrap_or_default());
        let wanted = encode_path(path);
        self.names
            .get(&*name)
            .iter()
            .filter(|reference| self.path(reference) == wanted)
            .filter_map(|reference| self.get(reference))
            .collect()
    }

    /// The inventory path: `/DC0/vm/folder/name`, names written as vSphere writes them, `/` as `%2f`. That of the root
    /// folder is `/`; an unknown object's is empty.
    pub fn path(&self, reference: &EntityRef) -> String {
        let Some(entity) = self.get(reference) else { return String::new() };
        let mut names = vec![entity.name()];
        names.extend(self.ancestors(reference).map(|above| above.name()));
        names.pop(); // The topmost is the root folder, which a path leaves out.
        if names.is_empty() {
            return "/".to_owned();
        }
        let mut path = String::new();
        for name in names.into_iter().rev() {
            path.push('/');
            path.push_str(&encode_name(name));
        }
        path
    }

    /// The path of the folder or vApp that an object is in.
    pub fn container_path(&self, reference: &EntityRef) -> String {
        self.get(reference)
            .and_then(|entity| entity.container())
            .map(|above| self.path(above))
            .unwrap_or_default()
    }

    /// What an object is in, what that is in, and so on up to the root folder.
    pub fn ancestors(&self, reference: &EntityRef) -> impl Iterator<Item = &Arc<Entity>> {
        let above = |entity: &Arc<Entity>| entity.container().and_then(|container| self.get(container));
        let first = self.get(reference).and_then(above);
        std::iter::successors(first, move |entity| above(entity)).take(DEEPEST)
    }

    /// What lies directly in a folder, datacenter, compute resource, pool or vApp.
    pub fn children(&self, reference: &EntityRef) -> impl Iterator<Item = &Arc<Entity>> {
        self.children.get(reference).iter().filter_map(|child| self.get(child))
    }

    /// The one object of a kind with this name directly in another.
    pub fn child(&self, parent: &EntityRef, kind: Kind, name: &str) -> Option<&Arc<Entity>> {
        self.children(parent).find(|child| child.kind().is_a(kind) && child.name() == name)
    }

    /// Whether an object is another, or lies somewhere below it. A virtual machine lies below its folders, and also below
    /// its host, compute resource and resource pool; datastores and networks below the hosts that see them.
    pub fn is_within(&self, reference: &EntityRef, scope: &EntityRef) -> bool {
        let below = |reference: &EntityRef| {
            reference == scope || self.ancestors(reference).any(|above| above.reference() == scope)
        };
        if below(reference) {
            return true;
        }
        match self.get(reference).map(|entity| &**entity) {
            Some(Entity::VirtualMachine(vm)) => {
                vm.host.as_ref().is_some_and(below) || vm.resource_pool.as_ref().is_some_and(below)
            }
            Some(Entity::Datastore(_)) => self.datastores_seen_by(scope).contains(reference),
            Some(Entity::Network(_)) => self.networks_seen_by(scope).contains(reference),
            _ => false,
        }
    }

    /// The objects of a type at or below another, in the sense of [`Inventory::is_within`].
    pub fn within<T: Managed>(&self, scope: &EntityRef) -> impl Iterator<Item = &T> {
        self.all_of(T::KIND)
            .filter(|entity| self.is_within(entity.reference(), scope))
            .filter_map(|entity| T::of(entity))
    }

    /// The datacenter an object is in.
    pub fn datacenter_of(&self, reference: &EntityRef) -> Option<&Datacenter> {
        self.nearest(reference)
    }

    /// The cluster or standalone host's compute resource that a host, a pool or a virtual machine belongs to.
    pub fn compute_resource_of(&self, reference: &EntityRef) -> Option<&ComputeResource> {
        let entity = self.get(reference)?;
        match &**entity {
            Entity::VirtualMachine(vm) => vm
                .host
                .as_ref()
                .and_then(|host| self.nearest(host))
                .or_else(|| vm.resource_pool.as_ref().and_then(|pool| self.nearest(pool))),
            _ => self.nearest(reference),
        }
    }

    /// As [`Inventory::compute_resource_of`], where that is a cluster.
    pub fn cluster_of(&self, reference: &EntityRef) -> Option<&ComputeResource> {
        self.compute_resource_of(reference).filter(|compute| compute.is_cluster())
    }

    /// The host a virtual machine runs on or is registered with.
    pub fn host_of(&self, vm: &VirtualMachine) -> Option<&HostSystem> {
        self.entity(vm.host.as_ref()?)
    }

    /// The hosts that see a datastore, sorted by identifier.
    pub fn hosts_of_datastore(&self, datastore: &EntityRef) -> Vec<&HostSystem> {
        self.all::<HostSystem>().filter(|host| host.datastore.contains(datastore)).collect()
    }

    /// The virtual machines that run on a host or are registered with it.
    pub fn vms_of_host(&self, host: &EntityRef) -> impl Iterator<Item = &VirtualMachine> {
        self.all::<VirtualMachine>().filter(move |vm| vm.host.as_ref() == Some(host))
    }

    /// The datastores that a host or a compute resource sees, or that lie in a datacenter or folder.
    pub fn datastores_of(&self, scope: &EntityRef) -> Vec<&Datastore> {
        self.within(scope).collect()
    }

    /// The networks that a host or a compute resource sees, or that lie in a datacenter or folder.
    pub fn networks_of(&self, scope: &EntityRef) -> Vec<&Network> {
        self.within(scope).collect()
    }

    /// Virtual machines and hosts with this BIOS or hardware UUID.
    pub fn by_uuid(&self, uuid: &str) -> Vec<&Arc<Entity>> {
        let Some(uuid) = Uuid::parse(uuid) else { return Vec::new() };
        self.uuids.get(&uuid).iter().filter_map(|reference| self.get(reference)).collect()
    }

    /// The virtual machine with this instance UUID.
    pub fn by_instance_uuid(&self, uuid: &str) -> Option<&VirtualMachine> {
        let uuid = Uuid::parse(uuid)?;
        self.instance_uuids.get(&uuid).iter().find_map(|reference| self.entity(reference))
    }

    /// The virtual machines whose guests have told this address.
    pub fn by_address(&self, address: IpAddr) -> impl Iterator<Item = &VirtualMachine> {
        self.addresses.get(&address).iter().filter_map(|reference| self.entity(reference))
    }

    /// The root folder: the folder that is in nothing.
    pub fn root(&self) -> Option<&Arc<Entity>> {
        self.of_kind(Kind::Folder).find(|folder| folder.parent().is_none())
    }

    fn nearest<T: Managed>(&self, reference: &EntityRef) -> Option<&T> {
        self.entity(reference).or_else(|| self.ancestors(reference).find_map(|above| T::of(above)))
    }

    fn datastores_seen_by(&self, scope: &EntityRef) -> &[EntityRef] {
        match self.get(scope).map(|entity| &**entity) {
            Some(Entity::HostSystem(host)) => &host.datastore,
            Some(Entity::ComputeResource(compute)) => &compute.datastore,
            _ => &[],
        }
    }

    fn networks_seen_by(&self, scope: &EntityRef) -> &[EntityRef] {
        match self.get(scope).map(|entity| &**entity) {
            Some(Entity::HostSystem(host)) => &host.network,
            Some(Entity::ComputeResource(compute)) => &compute.network,
            _ => &[],
        }
    }
}

fn not_found(kind: Kind, name: &str) -> Error {
    Error::NotFound { kind: kind.name().to_owned(), name: name.to_owned() }
}

/// A path written by hand, in the form that paths are made in.
fn encode_path(path: &str) -> String {
    path.split('/').map(|name| encode_name(&decode_name(name)).into_owned()).collect::<Vec<_>>().join("/")
}
