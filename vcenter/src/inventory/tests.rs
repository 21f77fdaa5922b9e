//! The store and its indexes: examples, and any sequence of events against a model.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::vim::{MoRef, Object, Value};

/// A whole object: its kind, identifier, name, parent, and other properties.
fn object(kind: Kind, id: &str, name: &str, parent: Option<(Kind, &str)>, more: Vec<(&str, Value)>) -> Event {
    let mut properties: Vec<(Box<str>, Option<Value>)> = vec![("name".into(), Some(name.into()))];
    if let Some((kind, id)) = parent {
        properties.push(("parent".into(), Some(MoRef::new(kind.name(), id).into())));
    }
    properties.extend(more.into_iter().map(|(path, value)| (path.into(), Some(value))));
    Event::Apply(ObjectUpdate::new(EntityRef::new(kind, id), true, properties))
}

fn modify(kind: Kind, id: &str, path: &str, value: Value) -> Event {
    let properties = vec![(path.into(), Some(value).filter(|value| !value.is_null()))];
    Event::Apply(ObjectUpdate::new(EntityRef::new(kind, id), false, properties))
}

fn moref(kind: Kind, id: &str) -> Value {
    MoRef::new(kind.name(), id).into()
}

fn morefs(kind: Kind, ids: &[&str]) -> Value {
    ids.iter().map(|id| MoRef::new(kind.name(), id)).collect()
}

/// Two datacenters; in the first a cluster of one host, a standalone host, a folder, a vApp and virtual machines.
fn small() -> (Writer, Store) {
    use Kind::*;
    let (mut writer, store) = store();
    let nic = Object::new("GuestNicInfo")
        .set("macAddress", "00:0c:29:00:00:01")
        .set("ipAddress", ["10.0.0.7", "fe80::1", "not an address"]);
    writer.apply(vec![
        object(Folder, "root", "Datacenters", None, vec![]),
        object(Datacenter, "dc-1", "DC0", Some((Folder, "root")), vec![("vmFolder", moref(Folder, "v-1"))]),
        object(Datacenter, "dc-2", "DC1", Some((Folder, "root")), vec![]),
        object(Folder, "v-1", "vm", Some((Datacenter, "dc-1")), vec![]),
        object(Folder, "v-2", "vm", Some((Datacenter, "dc-2")), vec![]),
        object(Folder, "h-1", "host", Some((Datacenter, "dc-1")), vec![]),
        object(Folder, "d-1", "datastore", Some((Datacenter, "dc-1")), vec![]),
        object(Folder, "web", "web%2ffront", Some((Folder, "v-1")), vec![]),
        object(
            ClusterComputeResource,
            "c-1",
            "C0",
            Some((Folder, "h-1")),
            vec![("datastore", morefs(Datastore, &["ds-1"]))],
        ),
        object(
            HostSystem,
            "host-1",
            "esx1",
            Some((ClusterComputeResource, "c-1")),
            vec![("datastore", morefs(Datastore, &["ds-1"]))],
        ),
        object(ComputeResource, "s-1", "esx2", Some((Folder, "h-1")), vec![]),
        object(HostSystem, "host-2", "esx2", Some((ComputeResource, "s-1")), vec![]),
        object(ResourcePool, "rp-1", "Resources", Some((ClusterComputeResource, "c-1")), vec![]),
        object(VirtualApp, "vapp-1", "shop", Some((ResourcePool, "rp-1")), vec![]),
        object(Datastore, "ds-1", "LocalDS", Some((Folder, "d-1")), vec![]),
        object(Datastore, "ds-2", "Shared", Some((Folder, "d-1")), vec![]),
        object(
            VirtualMachine,
            "vm-1",
            "vm01",
            Some((Folder, "web")),
            vec![
                ("runtime.host", moref(HostSystem, "host-1")),
                ("resourcePool", moref(ResourcePool, "rp-1")),
                ("config.uuid", "4221d3a7-00be-5f31-9c3d-0a1b2c3d4e5f".into()),
                ("config.instanceUuid", "5021d3a7-00be-5f31-9c3d-0a1b2c3d4e5f".into()),
                ("guest.ipAddress", "10.0.0.7".into()),
                ("guest.net", vec![nic].into()),
            ],
        ),
        object(
            VirtualMachine,
            "vm-2",
            "db",
            Some((Folder, "v-1")),
            vec![("runtime.host", moref(HostSystem, "host-2"))],
        ),
        object(VirtualMachine, "vm-3", "db", Some((Folder, "v-2")), vec![]),
        object(VirtualMachine, "vm-4", "cart", None, vec![("parentVApp", moref(VirtualApp, "vapp-1"))]),
    ]);
    (writer, store)
}

/// Lists are sorted once; what changes a name, and only that, has them sorted anew.
#[test]
fn lists_follow_the_names() {
    let (mut writer, store) = small();
    let names = || store.read().names(Kind::VirtualMachine);
    assert_eq!(names(), ["cart", "db", "db", "vm01"]);
    assert_eq!(store.read().names(Kind::Folder), ["datastore", "host", "vm", "vm", "web/front"]);
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-3", "name", "ab".into())]);
    assert_eq!(names(), ["ab", "cart", "db", "vm01"]);
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-3", "guest.hostName", "zz".into())]);
    assert_eq!(names(), ["ab", "cart", "db", "vm01"]);
    writer.apply(vec![Event::Delete(vm("vm-1")), object(Kind::VirtualApp, "vapp-2", "mall", None, vec![])]);
    assert_eq!(names(), ["ab", "cart", "db"]);
    assert_eq!(store.read().names(Kind::VirtualApp), ["mall", "shop"]);
    // A vApp is a resource pool too.
    assert_eq!(store.read().names(Kind::ResourcePool), ["Resources", "mall", "shop"]);
    writer.apply(vec![modify(Kind::VirtualApp, "vapp-2", "name", "agora".into())]);
    assert_eq!(store.read().names(Kind::ResourcePool), ["Resources", "agora", "shop"]);
    let late = EntityRef::new(Kind::Folder, "late");
    writer.apply(vec![Event::Apply(ObjectUpdate::new(
        late,
        false,
        vec![("name".into(), Some("late".into()))],
    ))]);
    assert!(!store.read().names(Kind::Folder).contains(&"late".to_owned()), "in nothing, as the root");
    writer.apply(vec![modify(Kind::Folder, "late", "parent", moref(Kind::Folder, "v-1"))]);
    assert!(store.read().names(Kind::Folder).contains(&"late".to_owned()));
}

fn vm(id: &str) -> EntityRef {
    EntityRef::new(Kind::VirtualMachine, id)
}

#[test]
fn paths_are_what_vsphere_shows() {
    let (_writer, store) = small();
    let inventory = store.read();
    for (reference, path) in [
        (vm("vm-1"), "/DC0/vm/web%2ffront/vm01"),
        (vm("vm-3"), "/DC1/vm/db"),
        (vm("vm-4"), "/DC0/host/C0/Resources/shop/cart"),
        (EntityRef::new(Kind::HostSystem, "host-1"), "/DC0/host/C0/esx1"),
        (EntityRef::new(Kind::Datacenter, "dc-1"), "/DC0"),
        (EntityRef::new(Kind::Folder, "root"), "/"),
        (vm("vm-99"), ""),
    ] {
        assert_eq!(inventory.path(&reference), path);
        if !path.is_empty() && path != "/" {
            let found = inventory.find_of(reference.kind(), path, None).unwrap();
            assert_eq!(found.reference(), &reference);
        }
    }
    assert_eq!(inventory.container_path(&vm("vm-1")), "/DC0/vm/web%2ffront");
    assert_eq!(inventory.root().unwrap().name(), "Datacenters");
}

#[test]
fn an_object_is_found_by_name_path_or_identifier() {
    let (_writer, store) = small();
    let inventory = store.read();
    for what in
        ["vm01", "/DC0/vm/web%2Ffront/vm01", "/DC0/vm/web%2ffront/vm01/", "vm-1", "VirtualMachine:vm-1"]
    {
        let found: &VirtualMachine =
            inventory.find(what, None).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.reference.moid(), "vm-1");
    }
    let folder: &Folder = inventory.find("web/front", None).unwrap();
    assert_eq!(folder.reference.moid(), "web");
    for what in ["vm02", "/DC0/vm/vm01", "host-1", "HostSystem:host-1", "", "/", ":", "VirtualMachine:"] {
        let missing = inventory.find::<VirtualMachine>(what, None).unwrap_err();
        assert!(matches!(missing, Error::NotFound { .. }), "{what}: {missing}");
    }
}

#[test]
fn an_ambiguous_name_is_told_with_its_paths() {
    let (_writer, store) = small();
    let inventory = store.read();
    let Error::Ambiguous { name, paths, .. } = inventory.find::<VirtualMachine>("db", None).unwrap_err()
    else {
        panic!("not ambiguous")
    };
    assert_eq!((name.as_str(), paths), ("db", vec!["/DC0/vm/db".to_owned(), "/DC1/vm/db".to_owned()]));
    for (datacenter, id) in [("DC0", "vm-2"), ("DC1", "vm-3")] {
        let scope = inventory.find::<Datacenter>(datacenter, None).unwrap().reference.clone();
        assert_eq!(inventory.find::<VirtualMachine>("db", Some(&scope)).unwrap().reference.moid(), id);
    }
}

#[test]
fn kinds_hold_their_derived_ones() {
    let (_writer, store) = small();
    let inventory = store.read();
    assert_eq!(inventory.names(Kind::ComputeResource), ["C0", "esx2"]);
    assert_eq!(inventory.names(Kind::Folder), ["datastore", "host", "vm", "vm", "web/front"]);
    assert_eq!(inventory.names(Kind::ClusterComputeResource), ["C0"]);
    assert!(inventory.find_of(Kind::ClusterComputeResource, "esx2", None).is_err());
    assert_eq!(inventory.all::<VirtualMachine>().count(), 4);
}

#[test]
fn what_belongs_to_what() {
    let (_writer, store) = small();
    let inventory = store.read();
    assert_eq!(&*inventory.datacenter_of(&vm("vm-1")).unwrap().name, "DC0");
    assert_eq!(&*inventory.datacenter_of(&vm("vm-4")).unwrap().name, "DC0");
    assert_eq!(&*inventory.cluster_of(&vm("vm-1")).unwrap().name, "C0");
    assert!(inventory.cluster_of(&vm("vm-2")).is_none(), "its host stands alone");
    assert_eq!(&*inventory.compute_resource_of(&vm("vm-2")).unwrap().name, "esx2");
    assert_eq!(&*inventory.host_of(inventory.entity(&vm("vm-1")).unwrap()).unwrap().name, "esx1");

    let cluster = EntityRef::new(Kind::ClusterComputeResource, "c-1");
    let of = |scope: &EntityRef| {
        inventory.within::<VirtualMachine>(scope).map(|vm| vm.reference.moid().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(&cluster), ["vm-1", "vm-4"]);
    assert_eq!(of(&EntityRef::new(Kind::HostSystem, "host-2")), ["vm-2"]);
    assert_eq!(of(&EntityRef::new(Kind::Datacenter, "dc-1")), ["vm-1", "vm-2", "vm-4"]);
    let datastores: Vec<&str> = inventory.datastores_of(&cluster).iter().map(|it| &*it.name).collect();
    assert_eq!(datastores, ["LocalDS"]);
    assert_eq!(inventory.datastores_of(&EntityRef::new(Kind::Datacenter, "dc-1")).len(), 2);
    let hosts = inventory.hosts_of_datastore(&EntityRef::new(Kind::Datastore, "ds-1"));
    assert_eq!(hosts.len(), 1);
    assert_eq!(inventory.children(&EntityRef::new(Kind::Folder, "v-1")).count(), 2);
}

#[test]
fn machines_are_found_by_uuid_and_address() {
    let (mut writer, store) = small();
    let inventory = store.read();
    assert_eq!(inventory.by_uuid("4221D3A7-00BE-5F31-9C3D-0A1B2C3D4E5F").len(), 1);
    assert_eq!(&*inventory.by_instance_uuid("5021d3a7-00be-5f31-9c3d-0a1b2c3d4e5f").unwrap().name, "vm01");
    for address in ["10.0.0.7", "fe80::1"] {
        assert_eq!(inventory.by_address(address.parse().unwrap()).count(), 1, "{address}");
    }
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-1", "guest.net", Value::Null)]);
    assert_eq!(store.read().by_address("fe80::1".parse().unwrap()).count(), 0);
    assert_eq!(store.read().by_address("10.0.0.7".parse().unwrap()).count(), 1);
    assert_eq!(inventory.by_address("fe80::1".parse().unwrap()).count(), 1, "what is held does not change");
}

#[test]
fn a_circle_of_folders_does_not_hang() {
    let (mut writer, store) = store();
    writer.apply(vec![
        object(Kind::Folder, "a", "a", Some((Kind::Folder, "b")), vec![]),
        object(Kind::Folder, "b", "b", Some((Kind::Folder, "a")), vec![]),
    ]);
    let inventory = store.read();
    assert!(inventory.datacenter_of(&EntityRef::new(Kind::Folder, "a")).is_none());
    assert!(!inventory.path(&EntityRef::new(Kind::Folder, "a")).is_empty());
}

#[test]
fn a_change_is_told_with_before_and_after() {
    let (mut writer, store) = small();
    let mut changes = store.subscribe();
    let version = store.read().version();
    writer.apply(vec![
        modify(Kind::VirtualMachine, "vm-1", "name", "renamed".into()),
        modify(Kind::VirtualMachine, "vm-2", "name", "db".into()),
        Event::Delete(vm("vm-3")),
        Event::Delete(vm("vm-99")),
    ]);
    let told = changes.try_recv().unwrap();
    assert_eq!(told.version, version + 1);
    let named: Vec<_> = told
        .changes
        .iter()
        .map(|change| {
            let name =
                |entity: &Option<std::sync::Arc<Entity>>| entity.as_ref().map(|it| it.name().to_owned());
            (name(&change.before), name(&change.after))
        })
        .collect();
    assert_eq!(named, [(Some("vm01".into()), Some("renamed".into())), (Some("db".into()), None)]);
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-2", "name", "db".into())]);
    assert!(changes.try_recv().is_err(), "nothing has changed");
    assert_eq!(store.read().version(), version + 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_change_sees_it() {
    let (mut writer, store) = small();
    let renamed = |inventory: &Inventory| inventory.find::<VirtualMachine>("renamed", None).is_ok();
    assert!(!store.wait_until(Duration::from_secs(1), renamed).await);
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait_until(Duration::from_secs(60), renamed).await }
    });
    tokio::task::yield_now().await;
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-1", "name", "renamed".into())]);
    assert!(waiting.await.unwrap());
    let version = store.read().version();
    assert!(!store.wait_past(version, Duration::from_secs(1)).await);
    assert!(store.wait_past(version - 1, Duration::from_secs(1)).await);
}

/// What may happen to an inventory of at most eight folders with few names.
#[derive(Clone, Debug)]
enum Happening {
    Enter {
        id: u8,
        name: u8,
        parent: Option<u8>,
    },
    Rename {
        id: u8,
        name: u8,
    },
    Move {
        id: u8,
        parent: Option<u8>,
    },
    Delete {
        id: u8,
    },
    /// A load of everything that finds only these, complete or broken off.
    Load {
        found: Vec<(u8, u8)>,
        complete: bool,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let (id, name) = (0..8u8, 0..4u8);
    let parent = proptest::option::of(0..8u8);
    prop_oneof![
        4 => (id.clone(), name.clone(), parent.clone()).prop_map(|(id, name, parent)| Happening::Enter { id, name, parent }),
        2 => (id.clone(), name.clone()).prop_map(|(id, name)| Happening::Rename { id, name }),
        2 => (id.clone(), parent).prop_map(|(id, parent)| Happening::Move { id, parent }),
        2 => id.clone().prop_map(|id| Happening::Delete { id }),
        1 => (proptest::collection::vec((id, name), 0..6), any::<bool>())
            .prop_map(|(found, complete)| Happening::Load { found, complete }),
    ]
}

fn events(happening: &Happening) -> Vec<Event> {
    let folder = |id: u8| format!("f-{id}");
    let named = |name: u8| format!("n{name}");
    let parent_of = |parent: &Option<u8>| parent.map(folder);
    match happening {
        Happening::Enter { id, name, parent } => {
            let parent = parent_of(parent);
            vec![object(
                Kind::Folder,
                &folder(*id),
                &named(*name),
                parent.as_deref().map(|parent| (Kind::Folder, parent)),
                vec![],
            )]
        }
        Happening::Rename { id, name } => {
            vec![modify(Kind::Folder, &folder(*id), "name", named(*name).into())]
        }
        Happening::Move { id, parent } => {
            let parent = parent_of(parent).map_or(Value::Null, |parent| moref(Kind::Folder, &parent));
            vec![modify(Kind::Folder, &folder(*id), "parent", parent)]
        }
        Happening::Delete { id } => vec![Event::Delete(EntityRef::new(Kind::Folder, folder(*id)))],
        Happening::Load { found, complete } => {
            let mut events = vec![Event::Init];
            for (id, name) in found {
                let Event::Apply(update) = object(Kind::Folder, &folder(*id), &named(*name), None, vec![])
                else {
                    unreachable!("an object is applied")
                };
                events.push(Event::InitApply(update));
            }
            if *complete {
                events.push(Event::InitDone);
            }
            events
        }
    }
}

/// The model: name and parent by identifier.
type Model = BTreeMap<String, (String, Option<String>)>;

fn model(model: &mut Model, happening: &Happening) {
    let folder = |id: &u8| format!("f-{id}");
    match happening {
        Happening::Enter { id, name, parent } => {
            model.insert(folder(id), (format!("n{name}"), parent.as_ref().map(folder)));
        }
        Happening::Rename { id, name } => {
            model.entry(folder(id)).or_insert((folder(id), None)).0 = format!("n{name}");
        }
        Happening::Move { id, parent } => {
            model.entry(folder(id)).or_insert((folder(id), None)).1 = parent.as_ref().map(folder);
        }
        Happening::Delete { id } => drop(model.remove(&folder(id))),
        Happening::Load { found, complete: true } => {
            *model = found.iter().map(|(id, name)| (folder(id), (format!("n{name}"), None))).collect();
        }
        Happening::Load { complete: false, .. } => {}
    }
}

proptest! {
    #[test]
    fn any_sequence_of_events_leaves_store_and_indexes_right(happenings in proptest::collection::vec(happening(), 0..40)) {
        let (mut writer, store) = store();
        let mut changes = store.subscribe();
        let mut expected = Model::new();
        let mut followed = Model::new();
        let mut version = 0;
        for happening in &happenings {
            let held = store.read();
            let before = format!("{:?}", held.entities);
            writer.apply(events(happening));
            model(&mut expected, happening);

            let inventory = store.read();
            let shown = |entity: &Entity| {
                (entity.name().to_owned(), entity.parent().map(|parent| parent.moid().to_owned()))
            };
            let actual: Model = inventory
                .entities
                .iter()
                .map(|(reference, entity)| (reference.moid().to_owned(), shown(entity)))
                .collect();
            prop_assert_eq!(&actual, &expected);
            prop_assert_eq!(format!("{:?}", held.entities), before, "what a reader holds has changed");
            prop_assert!(inventory.version() >= version);
            version = inventory.version();

            let mut names: Vec<_> = inventory.names.pairs().map(|(name, it)| (it.moid().to_owned(), name.to_string())).collect();
            names.sort();
            let wanted: Vec<_> = expected.iter().map(|(id, (name, _))| (id.clone(), name.clone())).collect();
            prop_assert_eq!(names, wanted);

            let mut children: Vec<_> = inventory.children.pairs().map(|(parent, it)| (it.moid().to_owned(), parent.moid().to_owned())).collect();
            children.sort();
            let wanted: Vec<_> = expected.iter().filter_map(|(id, (_, parent))| Some((id.clone(), parent.clone()?))).collect();
            prop_assert_eq!(children, wanted);

            // Who follows the changes alone comes to the same.
            while let Ok(batch) = changes.try_recv() {
                for change in &batch.changes {
                    let id = change.reference().unwrap().moid().to_owned();
                    prop_assert_eq!(change.before.as_deref().map(shown), followed.get(&id).cloned());
                    match &change.after {
                        Some(after) => drop(followed.insert(id, shown(after))),
                        None => drop(followed.remove(&id)),
                    }
                }
            }
            prop_assert_eq!(&followed, &expected);
        }
    }
}

/// What may not be read is unset and said to be so, until it may be read again.
#[test]
fn what_may_not_be_read_is_said() {
    let (mut writer, store) = small();
    let may_not = |path: &str, whole: bool| {
        let fault = |kind: &'static str| crate::Fault::new("why", Object::new(kind));
        let told = vec![("name".into(), Some("vm01".into())), (path.into(), Some("10.0.0.7".into()))];
        let missing = [
            (Box::from(path), fault("NoPermission")),
            // Out of order for a moment; what was known is likely true still.
            (Box::from("config.uuid"), fault("HostCommunication")),
        ];
        Event::Apply(ObjectUpdate::new(vm("vm-1"), whole, told).without(&missing))
    };
    let shown = || {
        let inventory = store.read();
        let hidden: Vec<String> = inventory.hidden(&vm("vm-1")).iter().map(ToString::to_string).collect();
        let address = inventory.entity::<VirtualMachine>(&vm("vm-1")).and_then(|vm| vm.ip_address);
        (hidden, address.map(|it| it.to_string()), store.status().partial)
    };
    assert_eq!(shown(), (vec![], Some("10.0.0.7".into()), 0));
    let mut changes = store.subscribe();
    writer.apply(vec![may_not("guest.ipAddress", false)]);
    assert_eq!(shown(), (vec!["guest.ipAddress".into()], None, 1));
    assert_eq!(changes.try_recv().unwrap().changes.len(), 1);
    assert!(store.read().by_uuid("4221d3a7-00be-5f31-9c3d-0a1b2c3d4e5f").len() == 1, "kept");

    // Another one, and one that is unset anyway: the same to whom compares the object, but told.
    let version = store.read().version();
    writer.apply(vec![may_not("guest.hostName", false)]);
    assert_eq!(shown().0, ["guest.hostName", "guest.ipAddress"]);
    assert!(store.read().version() > version);
    let all = store.read().hidden_properties();
    assert_eq!(all.get(&(Kind::VirtualMachine, "guest.hostName".into())), Some(&1));

    // A property that is told may be read again; so may everything that a whole object does not hide.
    writer.apply(vec![modify(Kind::VirtualMachine, "vm-1", "guest.ipAddress", "10.0.0.8".into())]);
    assert_eq!(shown(), (vec!["guest.hostName".into()], Some("10.0.0.8".into()), 1));
    writer.apply(vec![object(Kind::VirtualMachine, "vm-1", "vm01", None, vec![])]);
    assert_eq!((shown().0, shown().2), (vec![], 0));
    writer.apply(vec![may_not("guest.hostName", true), Event::Delete(vm("vm-1"))]);
    assert_eq!((shown().0, shown().2), (vec![], 0));
}
