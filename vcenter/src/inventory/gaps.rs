//! What a batch of updates leaves open, and so is read directly.
//!
//! A vCenter tells of an object when it comes and of its children when they go. Not every server does: the simulator's views
//! leave out the folders that a new datacenter brings, and keep what was in a folder that is gone.

use super::entity::Datacenter;
use super::index::Inventory;
use super::kind::{EntityRef, Kind};
use super::store::Event;

/// What to look at once a batch has been applied. Made before that, since it must be known then what was there.
pub(super) struct Gaps {
    /// What has changed without ever having come.
    unknown: Vec<EntityRef>,
    /// Of which a part of a property has been told, such as one device of all.
    partial: Vec<EntityRef>,
    /// Datacenters, whose folders should be there too.
    datacenters: Vec<EntityRef>,
    /// What is gone; nothing should be in it.
    gone: Vec<EntityRef>,
}

impl Gaps {
    pub(super) fn before(inventory: &Inventory, events: &[Event]) -> Gaps {
        let mut gaps =
            Gaps { unknown: Vec::new(), partial: Vec::new(), datacenters: Vec::new(), gone: Vec::new() };
        for event in events {
            match event {
                Event::Apply(update) => {
                    let reference = &update.reference;
                    if !update.whole && inventory.get(reference).is_none() && !comes(events, reference) {
                        gaps.unknown.push(reference.clone());
                    }
                    if !update.whole
                        && update.properties.iter().any(|(path, _)| is_a_part(reference.kind(), path))
                    {
                        gaps.partial.push(reference.clone());
                    }
                    if reference.kind() == Kind::Datacenter {
                        gaps.datacenters.push(reference.clone());
                    }
                }
                Event::Delete(reference) => {
                    if !matches!(reference.kind(), Kind::VirtualMachine | Kind::Datastore) {
                        gaps.gone.push(reference.clone());
                    }
                }
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
        }
        gaps
    }

    /// The objects to read, now that the batch has been applied.
    pub(super) fn open(self, inventory: &Inventory) -> Vec<EntityRef> {
        let mut open = self.unknown;
        open.extend(self.partial);
        for datacenter in &self.datacenters {
            let Some(datacenter) = inventory.entity::<Datacenter>(datacenter) else { continue };
            open.extend(datacenter.folders().filter(|folder| inventory.get(folder).is_none()).cloned());
        }
        let still_holds =
            |gone: &EntityRef| inventory.get(gone).is_none() && inventory.children(gone).next().is_some();
        open.extend(self.gone.into_iter().filter(still_holds));
        open.sort_unstable();
        open.dedup();
        open
    }
}

/// Whether a path lies below a property that the inventory keeps: `config.hardware.device[4000].connectable`.
fn is_a_part(kind: Kind, path: &str) -> bool {
    path.contains(['.', '['])
        && super::entity::Entity::paths(kind)
            .iter()
            .any(|kept| path.strip_prefix(kept).is_some_and(|rest| rest.starts_with(['.', '['])))
}

/// What lies below objects that are not there: it cannot be there either.
pub(super) fn orphans(inventory: &Inventory, answers: &[Event]) -> Vec<Event> {
    let mut gone: Vec<EntityRef> = answers
        .iter()
        .filter_map(|answer| match answer {
            Event::Delete(reference) => Some(reference.clone()),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    while let Some(above) = gone.pop() {
        for child in inventory.children(&above) {
            let reference = child.reference();
            // Each is in one container, so this meets none twice, unless they go in a circle.
            if !found.contains(reference) {
                found.push(reference.clone());
                gone.push(reference.clone());
            }
        }
    }
    found.into_iter().map(Event::Delete).collect()
}

fn comes(events: &[Event], reference: &EntityRef) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::Apply(update) if update.whole && update.reference == *reference))
}
