//! The live inventory: one writer, any number of readers.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::entity::Entity;
use super::index::Inventory;
use super::kind::EntityRef;
use super::property::Interner;
use crate::soap::Fault;
use crate::vim::Value;

/// Batches of changes that a slow subscriber can be behind before it misses some.
const CHANGES_KEPT: usize = 256;

/// What the watcher tells the store.
///
/// A load of everything is `Init`, any number of `InitApply`, and `InitDone`: readers see nothing of it before its end,
/// and then all of it at once. What was deleted while nobody watched is gone by that.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A load of everything begins.
    Init,
    /// A part of a load.
    InitApply(ObjectUpdate),
    /// The load is complete and takes the place of what was there.
    InitDone,
    /// An object has come or has changed.
    Apply(ObjectUpdate),
    /// An object is gone.
    Delete(EntityRef),
}

/// What has changed in one object (`ObjectUpdate`).
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectUpdate {
    /// The object.
    pub reference: EntityRef,
    /// Whether these are all of its properties (`enter`), not only those that changed (`modify`).
    pub whole: bool,
    /// Properties by path; none where the property is unset.
    pub properties: Vec<(Box<str>, Option<Value>)>,
    /// The paths that the user may not read. What was known of them is forgotten: nobody would tell that it has changed.
    pub hidden: Vec<Box<str>>,
}

impl ObjectUpdate {
    /// An update of which everything may be read.
    pub fn new(
        reference: EntityRef,
        whole: bool,
        properties: Vec<(Box<str>, Option<Value>)>,
    ) -> ObjectUpdate {
        ObjectUpdate { reference, whole, properties, hidden: Vec::new() }
    }

    /// With the properties that could not be read, and why. One that may not be read is hidden; what cannot be read for
    /// another reason, as of a host that is away for a moment, is likely true still.
    #[must_use]
    pub(crate) fn without(mut self, missing: &[(Box<str>, Fault)]) -> ObjectUpdate {
        for (path, _) in missing.iter().filter(|(_, fault)| fault.is("NoPermission")) {
            self.properties.retain(|(told, _)| told != path);
            self.hidden.push(path.clone());
        }
        self
    }
}

/// What one batch has changed, for those who follow the inventory.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The version of the inventory that has these changes.
    pub version: u64,
    /// Each object that has changed.
    pub changes: Vec<Change>,
}

/// An object before and after; a new one has no before, a deleted one no after.
#[derive(Clone, Debug)]
pub struct Change {
    /// The object as it was.
    pub before: Option<Arc<Entity>>,
    /// The object as it is.
    pub after: Option<Arc<Entity>>,
}

/// How current the inventory is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Whether it has been loaded; once it has, it stays readable whatever happens to the connection.
    pub ready: bool,
    /// Whether the watcher is following changes now: false while it loads or has lost the vCenter.
    pub live: bool,
    /// The version of the inventory.
    pub version: u64,
    /// How many objects have properties that the user may not read ([`Inventory::hidden`]).
    pub partial: usize,
    /// When the vCenter last answered the watcher.
    pub contact: Option<Instant>,
}

/// A reader of the live inventory. Cheap to clone; reads ask the vCenter nothing.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// The one that may change the inventory. It is not `Clone`.
pub struct Writer {
    shared: Arc<Shared>,
    buffer: Option<Inventory>,
    interner: Interner,
}

struct Shared {
    current: RwLock<Arc<Inventory>>,
    status: watch::Sender<Status>,
    changes: broadcast::Sender<Arc<Changes>>,
}

/// An empty inventory: its writer and a first reader.
pub fn store() -> (Writer, Store) {
    let status = Status { ready: false, live: false, version: 0, partial: 0, contact: None };
    let shared = Arc::new(Shared {
        current: RwLock::default(),
        status: watch::Sender::new(status),
        changes: broadcast::Sender::new(CHANGES_KEPT),
    });
    (Writer { shared: shared.clone(), buffer: None, interner: Interner::default() }, Store { shared })
}

impl Store {
    /// The inventory as it is now. It stays as it is while it is held, so hold it for as long as one answer takes.
    pub fn read(&self) -> Arc<Inventory> {
        self.shared.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How current the inventory is.
    pub fn status(&self) -> Status {
        *self.shared.status.borrow()
    }

    /// Whether the inventory has been loaded.
    pub fn is_ready(&self) -> bool {
        self.status().ready
    }

    /// How long ago the vCenter last answered the watcher; none before it first did. While all is well this stays under
    /// the time that one wait for updates lasts.
    pub fn age(&self) -> Option<Duration> {
        self.status().contact.map(|contact| contact.elapsed())
    }

    /// Waits for the first load. False if it has not come in time.
    pub async fn wait_until_ready(&self, timeout: Duration) -> bool {
        self.wait_for_status(timeout, |status| status.ready).await
    }

    /// Waits until the watcher follows changes, as it does not while it loads or has lost the vCenter.
    pub async fn wait_until_live(&self, timeout: Duration) -> bool {
        self.wait_for_status(timeout, |status| status.live).await
    }

    /// Waits for a version after this one.
    pub async fn wait_past(&self, version: u64, timeout: Duration) -> bool {
        self.wait_for_status(timeout, |status| status.version > version).await
    }

    /// Waits until the inventory is as wanted; false if it was not in time. Looks at once, and then after each change.
    pub async fn wait_until(&self, timeout: Duration, mut wanted: impl FnMut(&Inventory) -> bool) -> bool {
        self.wait_for_status(timeout, |_| wanted(&self.read())).await
    }

    /// The changes from now on, batch by batch. One who falls behind by many batches is told so (`Lagged`) and should
    /// read the inventory anew.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Changes>> {
        self.shared.changes.subscribe()
    }

    async fn wait_for_status(&self, timeout: Duration, wanted: impl FnMut(&Status) -> bool) -> bool {
        let mut status = self.shared.status.subscribe();
        let found = tokio::time::timeout(timeout, status.wait_for(wanted)).await;
        matches!(found, Ok(Ok(_)))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("objects", &self.read().len()).field("status", &self.status()).finish()
    }
}

impl Writer {
    /// Applies one answer's worth of events, seen by readers as one change.
    pub fn apply(&mut self, events: Vec<Event>) {
        let mut direct = Vec::new();
        for event in events {
            match event {
                Event::Init => self.buffer = Some(Inventory::default()),
                Event::InitApply(update) => {
                    let buffer = self.buffer.get_or_insert_default();
                    apply_update(buffer, &update, &mut self.interner);
                }
                Event::InitDone => self.swap(),
                Event::Apply(update) => {
                    if let Some(buffer) = &mut self.buffer {
                        apply_update(buffer, &update, &mut self.interner);
                    }
                    direct.push(Event::Apply(update));
                }
                Event::Delete(reference) => {
                    if let Some(buffer) = &mut self.buffer {
                        buffer.remove(&reference);
                    }
                    direct.push(Event::Delete(reference));
                }
            }
        }
        if !direct.is_empty() {
            self.change(direct);
        }
    }

    /// Notes that the vCenter has answered, and whether changes are being followed from here on.
    pub fn contact(&mut self, live: bool) {
        self.shared.status.send_modify(|status| {
            status.contact = Some(Instant::now());
            status.live = live;
        });
    }

    /// Notes that the vCenter is out of reach, or that what was watched there is gone.
    pub fn lost(&mut self) {
        self.shared.status.send_if_modified(|status| std::mem::take(&mut status.live));
    }

    /// A reader.
    pub fn store(&self) -> Store {
        Store { shared: self.shared.clone() }
    }

    fn swap(&mut self) {
        let Some(mut loaded) = self.buffer.take() else { return };
        let before = self.store().read();
        loaded.version = before.version + 1;
        let changes = difference(&before, &loaded);
        let (version, partial) = (loaded.version, loaded.hidden.len());
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        drop(before);
        self.interner.sweep();
        self.announce(version, partial, changes, true);
    }

    fn change(&mut self, events: Vec<Event>) {
        let mut changes = Vec::new();
        let mut current = self.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        // Copies if a reader holds the present one, entities excepted; else changes in place.
        let inventory = Arc::make_mut(&mut current);
        for event in events {
            match event {
                Event::Apply(update) => {
                    changes.extend(apply_update(inventory, &update, &mut self.interner));
                }
                Event::Delete(reference) => {
                    if let Some(before) = inventory.remove(&reference) {
                        changes.push(Change { before: Some(before), after: None });
                    }
                }
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
        }
        if changes.is_empty() {
            return;
        }
        inventory.version += 1;
        let (version, partial) = (inventory.version, inventory.hidden.len());
        drop(current);
        self.announce(version, partial, changes, false);
    }

    fn announce(&self, version: u64, partial: usize, changes: Vec<Change>, loaded: bool) {
        if !changes.is_empty() {
            // Nobody listening is no error.
            let _ = self.shared.changes.send(Arc::new(Changes { version, changes }));
        }
        self.shared.status.send_modify(|status| {
            status.version = version;
            status.partial = partial;
            status.ready |= loaded;
        });
    }
}

/// Whoever reads on is told that nobody follows the vCenter any more.
impl Drop for Writer {
    fn drop(&mut self) {
        self.lost();
    }
}

impl Change {
    /// The object, whether it is still there or not.
    pub fn reference(&self) -> Option<&EntityRef> {
        self.after.as_ref().or(self.before.as_ref()).map(|entity| entity.reference())
    }
}

/// None if the update changes nothing.
fn apply_update(inventory: &mut Inventory, update: &ObjectUpdate, interner: &mut Interner) -> Option<Change> {
    let known = inventory.get(&update.reference).cloned();
    let mut entity = match &known {
        Some(known) if !update.whole => Entity::clone(known),
        Some(known) => Entity::new(known.reference().clone()),
        None => Entity::new(update.reference.clone()),
    };
    for (path, value) in &update.properties {
        if !entity.set(path, value.as_ref(), interner) {
            tracing::debug!(object = %update.reference, path, "vCenter told of a property nobody asked for");
        }
    }
    for path in &update.hidden {
        entity.set(path, None, interner);
    }
    let hidden = inventory.hide(update, interner);
    match known {
        Some(known) if *known == entity => {
            // The same to whom compares it, but no more all that there is, or all of it again.
            hidden.then(|| Change { before: Some(known.clone()), after: Some(known) })
        }
        _ => {
            let after = Arc::new(entity);
            let before = inventory.insert(after.clone());
            Some(Change { before, after: Some(after) })
        }
    }
}

fn difference(before: &Inventory, after: &Inventory) -> Vec<Change> {
    let gone = before
        .entities
        .iter()
        .filter(|(reference, _)| !after.entities.contains_key(reference))
        .map(|(_, entity)| Change { before: Some(entity.clone()), after: None });
    let changed = after.entities.iter().filter_map(|(reference, entity)| {
        let old = before.entities.get(reference);
        (old != Some(entity)).then(|| Change { before: old.cloned(), after: Some(entity.clone()) })
    });
    gone.chain(changed).collect()
}
