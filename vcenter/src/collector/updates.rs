//! Waiting for changes: collectors of our own, their filters, and what they tell.

use std::time::Duration;

use super::{FilterSpec, check_session, expect_moref, missing};
use crate::error::{Error, Result};
use crate::session::{CallOptions, Session};
use crate::soap::Fault;
use crate::vim::{Args, MoRef, Object, Value};

/// The time beyond `maxWaitSeconds` after which an answer that has not come is not coming. One from the beginning may take
/// as long as any other request: the server looks at everything first.
const WAIT_GRACE: Duration = Duration::from_secs(15);

/// A property collector of our own (`CreatePropertyCollector`). It lives in the session and dies with it.
#[derive(Clone, Debug)]
pub struct Collector {
    session: Session,
    reference: MoRef,
    epoch: u64,
}

/// The same one on the server.
impl PartialEq for Collector {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, &self.reference) == (other.epoch, &other.reference)
    }
}

impl Collector {
    /// Makes one.
    pub async fn create(session: &Session) -> Result<Collector> {
        let service = session.service("propertyCollector").await?;
        let made = session.call(&service, "CreatePropertyCollector", ()).await?;
        let reference = expect_moref(made, "CreatePropertyCollector")?;
        Ok(Collector { session: session.clone(), reference, epoch: session.epoch() })
    }

    /// Adds a filter, with effect for a wait under way too (`CreateFilter`). A changed property is told whole.
    pub async fn filter(&self, spec: &FilterSpec) -> Result<MoRef> {
        let args = Args::new().set("spec", spec.build()).set("partialUpdates", false);
        expect_moref(self.session.call(&self.reference, "CreateFilter", args).await?, "CreateFilter")
    }

    /// Removes a filter (`DestroyPropertyFilter`).
    pub async fn remove(&self, filter: &MoRef) -> Result<()> {
        self.session.call(filter, "DestroyPropertyFilter", ()).await.map(drop)
    }

    /// Whether the session it was made in has ended, and it with that.
    pub fn is_stale(&self) -> bool {
        self.session.epoch() != self.epoch
    }

    /// Waits for changes after `version`, from the beginning if that is empty (`WaitForUpdatesEx`). None if there were none
    /// for `max_wait`. An answer that does not come for some time beyond that is [`Error::Timeout`].
    ///
    /// Ends as [`crate::Recovery::Resync`] as soon as somebody else has noticed that the session ended.
    pub async fn wait(
        &self,
        version: &str,
        max_wait: Duration,
        max_updates: i32,
    ) -> Result<Option<UpdateSet>> {
        let seconds = i32::try_from(max_wait.as_secs()).unwrap_or(i32::MAX);
        let options =
            Object::new("WaitOptions").set("maxWaitSeconds", seconds).set("maxObjectUpdates", max_updates);
        let args = Args::new().set("version", version).set("options", options);
        let grace = if version.is_empty() { self.session.config().timeouts.request } else { WAIT_GRACE };
        let how = CallOptions { op_id: None, timeout: Some(max_wait + grace) };
        let answer = self.session.call_with(&how, &self.reference, "WaitForUpdatesEx", args);
        let answer = tokio::select! {
            answer = answer => answer?,
            () = self.gone() => return Err(self.not_found()),
        };
        let Some(set) = answer.into_object() else { return Ok(None) };
        let set = UpdateSet::decode(set);
        for update in &set.objects {
            check_session(&self.session, self.epoch, &update.missing).await?;
        }
        Ok(Some(set))
    }

    /// Ends it and all its filters (`DestroyPropertyCollector`), unless its session did.
    pub async fn destroy(self) {
        if !self.is_stale()
            && let Err(error) = self.session.call(&self.reference, "DestroyPropertyCollector", ()).await
        {
            tracing::debug!(%error, "a property collector was not there any more");
        }
    }

    /// Returns when the session is another one.
    async fn gone(&self) {
        let mut states = self.session.states();
        while !self.is_stale() {
            if states.changed().await.is_err() {
                // Nobody is left who could log in.
                std::future::pending::<()>().await;
            }
        }
    }

    fn not_found(&self) -> Error {
        Fault::new(
            "The session of the property collector has ended.",
            Object::new("ManagedObjectNotFound").set("obj", &self.reference),
        )
        .into()
    }
}

/// What has changed since a version (`UpdateSet`), of all filters together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateSet {
    /// What to wait with next.
    pub version: String,
    /// Whether there is more to fetch at once.
    pub truncated: bool,
    /// The objects that have changed, in the order in which they did.
    pub objects: Vec<ObjectUpdate>,
}

/// What has changed in one object (`ObjectUpdate`).
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectUpdate {
    /// The object.
    pub reference: MoRef,
    /// How it has changed.
    pub kind: UpdateKind,
    /// Properties by path; none where the property is unset.
    pub properties: Vec<(Box<str>, Option<Value>)>,
    /// The paths that could not be read, and why.
    pub missing: Vec<(Box<str>, Fault)>,
}

/// `ObjectUpdateKind`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// It is new to the filter; all its properties come with it.
    Enter,
    /// Some properties have changed.
    Modify,
    /// It is gone, or the filter does not select it any more.
    Leave,
}

impl UpdateSet {
    fn decode(mut set: Object) -> UpdateSet {
        let objects = set
            .remove("filterSet")
            .into_iter()
            .flat_map(Value::into_list)
            .filter_map(|filter| filter.into_object()?.remove("objectSet"))
            .flat_map(Value::into_list)
            .filter_map(|update| update.into_object().and_then(ObjectUpdate::decode))
            .collect();
        UpdateSet {
            version: set.str("version").unwrap_or_default().to_owned(),
            truncated: set.bool("truncated").unwrap_or(false),
            objects,
        }
    }
}

impl ObjectUpdate {
    fn decode(mut update: Object) -> Option<ObjectUpdate> {
        let kind = match update.str("kind")? {
            "enter" => UpdateKind::Enter,
            "leave" => UpdateKind::Leave,
            _ => UpdateKind::Modify,
        };
        let properties = update
            .remove("changeSet")
            .into_iter()
            .flat_map(Value::into_list)
            .filter_map(|change| {
                let mut change = change.into_object()?;
                let path = change.str("name")?.into();
                let removed = change.str("op").is_some_and(|op| op.ends_with("emove"));
                Some((path, change.remove("val").filter(|value| !removed && !value.is_null())))
            })
            .collect();
        let missing = update.remove("missingSet").map(missing).unwrap_or_default();
        Some(ObjectUpdate { reference: update.remove("obj")?.into_moref()?, kind, properties, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_of_all_filters_come_in_one_list() {
        let change = |path: &str, op: &str, value: Value| {
            Object::new("PropertyChange").set("name", path).set("op", op).set("val", value)
        };
        let update = |kind: &str, changes: Vec<Object>| {
            Object::new("ObjectUpdate")
                .set("kind", kind)
                .set("obj", MoRef::new("VirtualMachine", "vm-1"))
                .set("changeSet", changes)
        };
        let fault = Object::new("LocalizedMethodFault").set("fault", Object::new("NoPermission"));
        let hidden = update("modify", vec![])
            .set("missingSet", [Object::new("MissingProperty").set("path", "guest.net").set("fault", fault)]);
        let filter = |updates: Vec<Object>| Object::new("PropertyFilterUpdate").set("objectSet", updates);
        let set = Object::new("UpdateSet").set("version", "7").set("truncated", true).set(
            "filterSet",
            [
                filter(vec![update("enter", vec![change("name", "assign", "a".into())])]),
                filter(vec![
                    update("modify", vec![change("guest.ipAddress", "assign", Value::Null)]),
                    update("modify", vec![change("guest.ipAddress", "indirectRemove", "1.2.3.4".into())]),
                    update("leave", vec![]),
                    hidden,
                ]),
            ],
        );
        let set = UpdateSet::decode(set);
        assert_eq!((set.version.as_str(), set.truncated), ("7", true));
        let kinds: Vec<_> = set.objects.iter().map(|update| update.kind).collect();
        use UpdateKind::*;
        assert_eq!(kinds, [Enter, Modify, Modify, Leave, Modify]);
        assert_eq!(set.objects[0].properties, [("name".into(), Some("a".into()))]);
        for unset in &set.objects[1..3] {
            assert_eq!(unset.properties, [("guest.ipAddress".into(), None)]);
        }
        let (path, fault) = &set.objects[4].missing[0];
        assert_eq!((&**path, fault.kind()), ("guest.net", "NoPermission"));
    }
}
