//! An inventory at one moment, and the ways to look things up in it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use super::entity::Entity;
use super::kind::{EntityRef, Kind};
use super::property::{Interner, Uuid};
use super::store::ObjectUpdate;

/// The inventory as it was at one moment. It does not change while it is held: take it, read, and let it go.
///
/// Lookups by name, path and identifier are in [`Inventory::find`]; where things are in relation to others is in
/// [`Inventory::path`], [`Inventory::ancestors`] and those after them.
#[derive(Clone, Default)]
pub struct Inventory {
    pub(super) version: u64,
    pub(super) entities: BTreeMap<EntityRef, Arc<Entity>>,
    pub(super) names: Multi<Arc<str>>,
    pub(super) children: Multi<EntityRef>,
    pub(super) uuids: Multi<Uuid>,
    pub(super) instance_uuids: Multi<Uuid>,
    pub(super) addresses: Multi<IpAddr>,
    /// The paths that the user may not read, of the objects that have any.
    pub(super) hidden: HashMap<EntityRef, Box<[Arc<str>]>>,
    sorted: Sorted,
}

impl Inventory {
    /// Counts the batches of changes since the start; a later inventory has a higher one.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there are none, as before the first load.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// The properties that the user may not read of an object, by path: they are unset here, whatever they are.
    pub fn hidden(&self, reference: &EntityRef) -> &[Arc<str>] {
        self.hidden.get(reference).map_or(&[], |paths| paths)
    }

    /// Of how many objects of which kind the user may not read which property.
    pub fn hidden_properties(&self) -> BTreeMap<(Kind, Arc<str>), usize> {
        let mut found = BTreeMap::new();
        for (reference, paths) in &self.hidden {
            for path in paths {
                *found.entry((reference.kind(), path.clone())).or_default() += 1;
            }
        }
        found
    }

    /// Notes what an update hides, and what it shows again. True if that is not as it was.
    pub(super) fn hide(&mut self, update: &ObjectUpdate, interner: &mut Interner) -> bool {
        if update.hidden.is_empty() && !self.hidden.contains_key(&update.reference) {
            return false;
        }
        let before = self.hidden.remove(&update.reference).unwrap_or_default();
        let told = |path: &Arc<str>| update.properties.iter().any(|(told, _)| **told == **path);
        let mut paths: Vec<Arc<str>> =
            before.iter().filter(|path| !update.whole && !told(path)).cloned().collect();
        paths.extend(update.hidden.iter().map(|path| interner.intern(path)));
        paths.sort_unstable();
        paths.dedup();
        let changed = *paths != *before;
        if !paths.is_empty() {
            self.hidden.insert(update.reference.clone(), paths.into());
        }
        changed
    }

    /// The names of the objects of a kind and those derived from it, sorted. Sorted once, for all who ask until one of them
    /// changes: that is most of what a list of a large inventory costs.
    pub(super) fn sorted_names(&self, kind: Kind) -> &Names {
        self.sorted.0[kind as usize].get_or_init(|| {
            // The root folder is not among what a view of it holds.
            let below_root =
                |entity: &&Arc<Entity>| entity.kind() != Kind::Folder || entity.parent().is_some();
            let mut names: Vec<&str> =
                self.all_of(kind).filter(below_root).map(|entity| entity.name()).collect();
            names.sort_unstable();
            Arc::new(Names::of(&names))
        })
    }

    /// Puts an entity in, in place of the one with its reference, which is returned.
    pub(super) fn insert(&mut self, entity: Arc<Entity>) -> Option<Arc<Entity>> {
        let before = self.entities.insert(entity.reference().clone(), entity.clone());
        match &before {
            // Most changes touch no key of an index.
            Some(before) => {
                let (old, new) = (Keys::of(before), Keys::of(&entity));
                if old != new {
                    if old.name != new.name || old.container.is_none() != new.container.is_none() {
                        self.sorted.forget(entity.kind());
                    }
                    self.unindex(before.reference(), &old);
                    self.index(entity.reference(), new);
                }
            }
            None => {
                self.sorted.forget(entity.kind());
                self.index(entity.reference(), Keys::of(&entity));
            }
        }
        before
    }

    /// Takes an entity out.
    pub(super) fn remove(&mut self, reference: &EntityRef) -> Option<Arc<Entity>> {
        self.hidden.remove(reference);
        let before = self.entities.remove(reference)?;
        self.sorted.forget(reference.kind());
        self.unindex(reference, &Keys::of(&before));
        Some(before)
    }

    fn index(&mut self, reference: &EntityRef, keys: Keys) {
        self.names.insert(keys.name, reference);
        if let Some(container) = keys.container {
            self.children.insert(container, reference);
        }
        if let Some(uuid) = keys.uuid {
            self.uuids.insert(uuid, reference);
        }
        if let Some(uuid) = keys.instance_uuid {
            self.instance_uuids.insert(uuid, reference);
        }
        for address in keys.addresses {
            self.addresses.insert(address, reference);
        }
    }

    fn unindex(&mut self, reference: &EntityRef, keys: &Keys) {
        self.names.remove(&*keys.name, reference);
        if let Some(container) = &keys.container {
            self.children.remove(container, reference);
        }
        if let Some(uuid) = &keys.uuid {
            self.uuids.remove(uuid, reference);
        }
        if let Some(uuid) = &keys.instance_uuid {
            self.instance_uuids.remove(uuid, reference);
        }
        for address in &keys.addresses {
            self.addresses.remove(address, reference);
        }
    }

    /// The entities of exactly one kind, in the order of their identifiers.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Entity>> {
        self.entities
            .range(EntityRef::new(kind, "")..)
            .take_while(move |(reference, _)| reference.kind() == kind)
            .map(|(_, entity)| entity)
    }
}

/// Names one behind the other: fifty thousand of them, each in a place of its own, take longer to find than to copy.
pub(super) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    fn of(names: &[&str]) -> Names {
        let mut all = Names { text: String::new(), ends: Vec::with_capacity(names.len()) };
        for name in names {
            all.text.push_str(name);
            all.ends.push(all.text.len());
        }
        all
    }

    /// The names in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// Sorted names by kind, of the kinds that have been asked for.
#[derive(Clone, Default)]
struct Sorted([OnceLock<Arc<Names>>; Kind::ALL.len()]);

impl Sorted {
    /// A name of this kind has come, gone or changed.
    fn forget(&mut self, kind: Kind) {
        for stale in [kind, kind.base()] {
            self.0[stale as usize] = OnceLock::new();
        }
    }
}

/// What an entity is found by.
#[derive(PartialEq)]
struct Keys {
    name: Arc<str>,
    container: Option<EntityRef>,
    uuid: Option<Uuid>,
    instance_uuid: Option<Uuid>,
    addresses: Vec<IpAddr>,
}

impl Keys {
    fn of(entity: &Entity) -> Keys {
        let (uuid, instance_uuid, addresses) = match entity {
            Entity::VirtualMachine(vm) => (vm.uuid, vm.instance_uuid, vm.addresses()),
            Entity::HostSystem(host) => (host.uuid, None, Vec::new()),
            _ => (None, None, Vec::new()),
        };
        Keys {
            name: entity.shared_name(),
            container: entity.container().cloned(),
            uuid,
            instance_uuid,
            addresses,
        }
    }
}

/// A map from a key to the objects that have it: nearly always one, which then takes no allocation.
#[derive(Clone)]
pub(super) struct Multi<K> {
    map: HashMap<K, Few>,
}

#[derive(Clone)]
enum Few {
    One(EntityRef),
    Many(Vec<EntityRef>),
}

impl<K> Default for Multi<K> {
    fn default() -> Self {
        Multi { map: HashMap::new() }
    }
}

impl<K: Eq + Hash> Multi<K> {
    pub(super) fn get<Q>(&self, key: &Q) -> &[EntityRef]
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        match self.map.get(key) {
            None => &[],
            Some(Few::One(one)) => std::slice::from_ref(one),
            Some(Few::Many(many)) => many,
        }
    }

    fn insert(&mut self, key: K, reference: &EntityRef) {
        match self.map.entry(key) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Few::One(reference.clone()));
            }
            std::collections::hash_map::Entry::Occupied(mut occupied) => match occupied.get_mut() {
                Few::One(one) => {
                    let many = vec![one.clone(), reference.clone()];
                    occupied.insert(Few::Many(many));
                }
                Few::Many(many) => many.push(reference.clone()),
            },
        }
    }

    fn remove<Q>(&mut self, key: &Q, reference: &EntityRef)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let empty = match self.map.get_mut(key) {
            None => false,
            Some(Few::One(one)) => one == reference,
            Some(Few::Many(many)) => {
                many.retain(|other| other != reference);
                many.is_empty()
            }
        };
        if empty {
            self.map.remove(key);
        }
    }

    #[cfg(test)]
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&K, &EntityRef)> {
        self.map.iter().flat_map(|(key, few)| {
            let all: &[EntityRef] = match few {
                Few::One(one) => std::slice::from_ref(one),
                Few::Many(many) => many,
            };
            all.iter().map(move |reference| (key, reference))
        })
    }
}
