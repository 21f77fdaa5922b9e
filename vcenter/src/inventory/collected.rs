//! The inventory's source at a real vCenter: a container view over everything, and a filter on it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::entity::Entity;
use super::kind::{EntityRef, Kind};
use super::store::{Event, ObjectUpdate};
use super::watcher::{Patience, Source};
use crate::collector::{self, Collector, FilterSpec, UpdateSet};
use crate::error::{Error, Result};
use crate::schema;
use crate::session::Session;
use crate::vim::{Args, MoRef};

/// Objects one part of a load or of changes has at most: some 2.5 MB of answer with virtual machines of few devices. What
/// reading a part takes is most of the memory of a load, and the allocator keeps it.
const PART: i32 = 250;

/// Updates for the inventory out of a session.
pub(crate) struct Collected {
    session: Session,
    max_wait: Duration,
    /// What was set up last, if it has not been given up.
    present: Option<Watch>,
    /// What the vCenter still holds without need.
    abandoned: Vec<Watch>,
    /// Paths this server does not know, whatever its version says.
    refused: HashSet<String>,
    /// Paths that the user was told he may not read, of some object.
    hidden: HashSet<Box<str>>,
}

/// What the vCenter holds for us.
#[derive(Clone, PartialEq)]
pub(crate) struct Watch {
    collector: Collector,
    view: MoRef,
}

impl Collected {
    /// Updates out of a session; one that brings nothing ends after `max_wait`.
    pub(crate) fn new(session: Session, max_wait: Duration) -> Self {
        Collected {
            session,
            max_wait,
            present: None,
            abandoned: Vec::new(),
            refused: HashSet::new(),
            hidden: HashSet::new(),
        }
    }

    fn refuse(&mut self, path: &str) {
        if self.refused.insert(path.to_owned()) {
            tracing::warn!(path, "this vCenter does not know a property of the inventory, doing without it");
        }
    }
}

impl Source for Collected {
    type Watch = Watch;

    async fn open(&mut self) -> Result<Watch> {
        let root = self.session.service("rootFolder").await?;
        let views = self.session.service("viewManager").await?;
        let version = self.session.api_version().await?;
        let collector = Collector::create(&self.session).await?;
        let args = Args::new().set("container", &root).set("type", ["ManagedEntity"]).set("recursive", true);
        let view = self.session.call(&views, "CreateContainerView", args).await?;
        let view = view.into_moref().ok_or_else(|| Error::Decode {
            method: "CreateContainerView".to_owned(),
            at: "no reference".to_owned(),
        })?;
        let mut spec = FilterSpec::new().object(&root).view(&view);
        for kind in Kind::ALL {
            let paths = paths(kind, &version, &self.refused);
            if !paths.is_empty() {
                spec = spec.properties(kind.name(), &paths);
            }
        }
        collector.filter(&spec).await?;
        for watch in std::mem::take(&mut self.abandoned) {
            self.close(watch).await;
        }
        let watch = Watch { collector, view };
        self.present = Some(watch.clone());
        Ok(watch)
    }

    async fn wait(&mut self, watch: &Watch, version: &str, patience: Patience) -> Result<Option<UpdateSet>> {
        let max_wait = if patience == Patience::Wait { self.max_wait } else { Duration::ZERO };
        let set = watch.collector.wait(version, max_wait, PART).await?;
        for update in set.iter().flat_map(|set| &set.objects) {
            for (path, fault) in &update.missing {
                if fault.is("InvalidProperty") {
                    self.refuse(path);
                } else if fault.is("NoPermission") && self.hidden.insert(path.clone()) {
                    tracing::warn!(
                        object = %update.reference,
                        "The user may not read the property {path} of some objects; the inventory is partial: {fault}"
                    );
                } else {
                    tracing::debug!(object = %update.reference, %path, %fault, "a property cannot be read");
                }
            }
        }
        Ok(set)
    }

    async fn close(&mut self, watch: Watch) {
        self.present.take_if(|present| *present == watch);
        if !watch.collector.is_stale()
            && let Err(error) = self.session.call(&watch.view, "DestroyView", ()).await
        {
            tracing::debug!(%error, "the inventory's view was not there any more");
        }
        watch.collector.destroy().await;
    }

    fn abandon(&mut self, watch: Watch) {
        self.present.take_if(|present| *present == watch);
        self.abandoned.push(watch);
    }

    fn restart(&mut self) {
        self.abandoned.extend(self.present.take());
    }

    async fn read(&mut self, objects: &[EntityRef]) -> Result<Vec<Event>> {
        read(&self.session, objects, &self.refused).await
    }

    fn learn(&mut self, error: &Error) {
        let Some(fault) = error.fault().filter(|fault| fault.is("InvalidProperty")) else { return };
        if let Some(path) = fault.detail().str("name").map(str::to_owned) {
            self.refuse(&path);
        }
    }
}

/// Reads what the inventory keeps of objects directly, one question a kind: each whole, or that it is gone.
pub(crate) async fn read(
    session: &Session,
    objects: &[EntityRef],
    refused: &HashSet<String>,
) -> Result<Vec<Event>> {
    let version = session.api_version().await?;
    let mut by_kind: BTreeMap<Kind, Vec<&EntityRef>> = BTreeMap::new();
    for object in objects {
        by_kind.entry(object.kind()).or_default().push(object);
    }
    let mut events = Vec::with_capacity(objects.len());
    for (kind, objects) in by_kind {
        let morefs: Vec<MoRef> = objects.iter().map(|object| object.moref()).collect();
        let paths = paths(kind, &version, refused);
        let found = collector::read(session, &morefs, &paths).await?;
        let mut found: HashMap<MoRef, _> = found.into_iter().map(|it| (it.reference.clone(), it)).collect();
        for (object, moref) in objects.into_iter().zip(&morefs) {
            events.push(match found.remove(moref) {
                Some(content) => {
                    let properties =
                        content.properties.into_iter().map(|(path, value)| (path, Some(value))).collect();
                    Event::Apply(
                        ObjectUpdate::new(object.clone(), true, properties).without(&content.missing),
                    )
                }
                None => Event::Delete(object.clone()),
            });
        }
    }
    Ok(events)
}

/// The properties to subscribe to at a server that speaks this version of the API. None if it does not know the type.
fn paths(kind: Kind, api_version: &str, refused: &HashSet<String>) -> Vec<&'static str> {
    let schema = schema::get();
    let known = schema.managed(kind.name()).is_some_and(|it| schema::has(api_version, it.since().text()));
    if !known {
        return Vec::new();
    }
    Entity::paths(kind)
        .into_iter()
        .filter(|path| !refused.contains(*path) && schema::has(api_version, schema.since(kind.name(), path)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_in_the_schema() {
        for kind in Kind::ALL {
            for path in Entity::paths(kind) {
                schema::get()
                    .path(kind.name(), path)
                    .unwrap_or_else(|error| panic!("{kind}.{path}: {error}"));
            }
        }
    }

    #[test]
    fn an_old_server_is_not_asked_for_what_came_later() {
        let none = HashSet::new();
        let old = paths(Kind::VirtualMachine, "4.0", &none);
        assert!(
            old.contains(&"runtime.powerState") && !old.contains(&"guest.toolsVersionStatus2"),
            "{old:?}"
        );
        assert!(paths(Kind::VirtualMachine, "6.5", &none).contains(&"guest.toolsVersionStatus2"));
        assert!(paths(Kind::OpaqueNetwork, "4.0", &none).is_empty());
        assert_eq!(paths(Kind::VirtualMachine, "8.0.3.0", &none), Entity::paths(Kind::VirtualMachine));
    }

    #[test]
    fn a_refused_path_is_not_asked_for_again() {
        let refused = HashSet::from(["guest.net".to_owned()]);
        assert!(!paths(Kind::VirtualMachine, "8.0", &refused).contains(&"guest.net"));
    }
}
