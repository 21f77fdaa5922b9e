//! The property collector: what to collect, reading it once in pages, and waiting for its changes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::session::{CallOptions, Session};
use crate::soap::Fault;
use crate::vim::{Args, MoRef, Name, Object, Value};

/// Objects a page of an answer holds at most. pyVmomi's samples and govmomi leave it to the server; a bound keeps one
/// answer of a large inventory to a few megabytes.
const PAGE: i32 = 500;

/// Objects one question names at most: no more than a page, so that questions are as large as their answers.
const ASKED_AT_ONCE: usize = 500;

/// The time beyond `maxWaitSeconds` after which an answer that has not come is not coming.
const WAIT_GRACE: Duration = Duration::from_secs(20);

/// What to collect of which objects (`PropertyFilterSpec`).
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    objects: Vec<Object>,
    properties: Vec<Object>,
}

impl FilterSpec {
    /// Nothing yet.
    pub fn new() -> Self {
        FilterSpec::default()
    }

    /// With this object.
    pub fn object(mut self, object: &MoRef) -> Self {
        self.objects.push(Object::new("ObjectSpec").set("obj", object).set("skip", false));
        self
    }

    /// With the objects in a view, without the view itself.
    pub fn view(mut self, view: &MoRef) -> Self {
        let traversal = Object::new("TraversalSpec")
            .set("name", "view")
            .set("type", view.kind())
            .set("path", "view")
            .set("skip", false);
        self.objects
            .push(Object::new("ObjectSpec").set("obj", view).set("skip", true).set("selectSet", [traversal]));
        self
    }

    /// With the objects that a property of an object refers to, without the object itself.
    pub fn through(mut self, object: &MoRef, path: &str) -> Self {
        let traversal = Object::new("TraversalSpec")
            .set("name", path)
            .set("type", object.kind())
            .set("path", path)
            .set("skip", false);
        self.objects.push(
            Object::new("ObjectSpec").set("obj", object).set("skip", true).set("selectSet", [traversal]),
        );
        self
    }

    /// With these properties of objects of this type; none at all means that the objects are only named.
    pub fn properties(mut self, kind: &str, paths: &[&str]) -> Self {
        self.properties
            .push(Object::new("PropertySpec").set("type", kind).set("all", false).set("pathSet", paths));
        self
    }

    /// With all properties of objects of this type.
    pub fn all_properties(mut self, kind: &str) -> Self {
        self.properties.push(Object::new("PropertySpec").set("type", kind).set("all", true));
        self
    }

    fn build(&self) -> Object {
        Object::new("PropertyFilterSpec")
            .set("propSet", self.properties.as_slice())
            .set("objectSet", self.objects.as_slice())
    }
}

/// An object and those of its properties that were asked for and are set (`ObjectContent`).
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectContent {
    /// The object.
    pub reference: MoRef,
    /// The properties, by the paths they were asked for by.
    pub properties: Vec<(Box<str>, Value)>,
    /// The paths that could not be read, each with the fault that says why.
    pub missing: Vec<(Box<str>, Fault)>,
}

impl ObjectContent {
    /// The value at a path: one that was asked for, or what lies below one (`config.hardware.device` of `config`).
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.properties.iter().find_map(|(asked, value)| match path.strip_prefix(&**asked)? {
            "" => Some(value),
            item if item.starts_with('[') => value.get(item),
            below => value.get(below.strip_prefix('.')?),
        })
    }

    /// The text at a path.
    pub fn str(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The integer at a path.
    pub fn i64(&self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// The boolean at a path.
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// The data object at a path.
    pub fn object(&self, path: &str) -> Option<&Object> {
        self.get(path)?.as_object()
    }

    /// The reference at a path.
    pub fn moref(&self, path: &str) -> Option<&MoRef> {
        self.get(path)?.as_moref()
    }

    /// The list at a path; empty if there is none.
    pub fn list(&self, path: &str) -> &[Value] {
        self.get(path).map_or(&[], Value::as_list)
    }

    /// The data objects of the list at a path.
    pub fn objects(&self, path: &str) -> impl Iterator<Item = &Object> {
        self.list(path).iter().filter_map(Value::as_object)
    }

    /// The properties as one object of the managed object's type. For paths without dots: those with are names too.
    pub fn into_object(self) -> Object {
        self.properties
            .into_iter()
            .fold(Object::new(Name::new(self.reference.kind())), |object, (path, value)| {
                object.set(Name::new(&path), value)
            })
    }

    fn decode(mut content: Object) -> Option<ObjectContent> {
        let reference = content.remove("obj")?.into_moref()?;
        let properties = content
            .remove("propSet")
            .into_iter()
            .flat_map(Value::into_list)
            .filter_map(|property| {
                let mut property = property.into_object()?;
                let path = property.str("name")?.into();
                Some((path, property.remove("val")?))
            })
            .collect();
        let missing = content.remove("missingSet").map(missing).unwrap_or_default();
        Some(ObjectContent { reference, properties, missing })
    }
}

/// Reads properties of objects, of any number and of mixed types: all pages, in the server's order.
///
/// Objects that are gone by the time are left out. A property that cannot be read is in [`ObjectContent::missing`].
pub async fn read<'a>(
    session: &Session,
    objects: impl IntoIterator<Item = &'a MoRef>,
    paths: &[&str],
) -> Result<Vec<ObjectContent>> {
    let mut found = Vec::new();
    read_each(session, objects, paths, |content| found.push(content)).await?;
    Ok(found)
}

/// As [`read`], object by object: what is large can be made small before the next part is read.
pub async fn read_each<'a>(
    session: &Session,
    objects: impl IntoIterator<Item = &'a MoRef>,
    paths: &[&str],
    mut each: impl FnMut(ObjectContent),
) -> Result<()> {
    let objects: Vec<&MoRef> = objects.into_iter().collect();
    for part in objects.chunks(ASKED_AT_ONCE) {
        let mut kinds = BTreeSet::new();
        let mut spec = FilterSpec::new();
        for object in part {
            kinds.insert(object.kind());
            spec = spec.object(object);
        }
        for kind in kinds {
            spec = spec.properties(kind, paths);
        }
        match retrieve(session, &spec).await {
            Ok(contents) => contents.into_iter().for_each(&mut each),
            // One object that has gone fails the question for all: ask for each by itself.
            Err(error) if is_gone(&error) => {
                for object in part {
                    read_if_there(session, object, paths).await?.into_iter().for_each(&mut each);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads properties of one object. One that is gone is [`Error::Fault`] with `ManagedObjectNotFound`.
pub async fn read_one(session: &Session, object: &MoRef, paths: &[&str]) -> Result<ObjectContent> {
    let spec = FilterSpec::new().object(object).properties(object.kind(), paths);
    first(retrieve(session, &spec).await?, object)
}

/// Reads all properties of one object, as an object of its type.
pub async fn read_all(session: &Session, object: &MoRef) -> Result<Object> {
    let spec = FilterSpec::new().object(object).all_properties(object.kind());
    first(retrieve(session, &spec).await?, object).map(ObjectContent::into_object)
}

/// Reads one property of one object; `Null` if it is unset.
pub async fn read_property(session: &Session, object: &MoRef, path: &str) -> Result<Value> {
    let mut content = read_one(session, object, &[path]).await?;
    Ok(content.properties.pop().map_or(Value::Null, |(_, value)| value))
}

/// As [`read_one`]; none if the object is gone.
pub async fn read_if_there(
    session: &Session,
    object: &MoRef,
    paths: &[&str],
) -> Result<Option<ObjectContent>> {
    match read_one(session, object, paths).await {
        Ok(content) => Ok(Some(content)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads what a filter describes, all pages (`RetrievePropertiesEx`, `ContinueRetrievePropertiesEx`). Begins anew, once, if
/// the session ends between two pages or the connection is lost: reading twice does no harm.
pub async fn retrieve(session: &Session, spec: &FilterSpec) -> Result<Vec<ObjectContent>> {
    let epoch = session.epoch();
    match retrieve_once(session, spec).await {
        Err(error) if matches!(error, Error::Transport { .. }) || epoch != 0 && session.epoch() != epoch => {
            tracing::debug!(%error, "a read was broken off, reading again");
            retrieve_once(session, spec).await
        }
        result => result,
    }
}

async fn retrieve_once(session: &Session, spec: &FilterSpec) -> Result<Vec<ObjectContent>> {
    let mut found = Vec::new();
    retrieve_while(session, spec, |content| {
        found.push(content);
        true
    })
    .await?;
    Ok(found)
}

/// As [`retrieve`], object by object for as long as `wanted` says so; the pages after that are given up
/// (`CancelRetrievePropertiesEx`).
pub async fn retrieve_while(
    session: &Session,
    spec: &FilterSpec,
    mut wanted: impl FnMut(ObjectContent) -> bool,
) -> Result<()> {
    let collector = session.service("propertyCollector").await?;
    let epoch = session.epoch();
    let options = Object::new("RetrieveOptions").set("maxObjects", PAGE);
    let args = Args::new().set("specSet", [spec.build()]).set("options", options);
    let mut page = session.call(&collector, "RetrievePropertiesEx", args).await?;
    loop {
        // Without any object there is no result at all.
        let Value::Object(mut result) = page else { return Ok(()) };
        let token = result.str("token").map(str::to_owned);
        for content in result.remove("objects").into_iter().flat_map(Value::into_list) {
            let Some(content) = content.into_object().and_then(ObjectContent::decode) else { continue };
            check_session(session, epoch, &content.missing).await?;
            if !wanted(content) {
                if let Some(token) = token {
                    session.call(&collector, "CancelRetrievePropertiesEx", [("token", token.into())]).await?;
                }
                return Ok(());
            }
        }
        let Some(token) = token else { return Ok(()) };
        page = session.call(&collector, "ContinueRetrievePropertiesEx", [("token", token.into())]).await?;
    }
}

/// A property collector of our own (`CreatePropertyCollector`). It lives in the session and dies with it.
#[derive(Debug)]
pub struct Collector {
    session: Session,
    reference: MoRef,
    epoch: u64,
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
        let how = CallOptions { op_id: None, timeout: Some(max_wait + WAIT_GRACE) };
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

/// `MissingProperty` by path.
fn missing(set: Value) -> Vec<(Box<str>, Fault)> {
    set.objects()
        .filter_map(|missing| Some((missing.str("path")?.into(), Fault::from_value(missing.get("fault")?)?)))
        .collect()
}

/// Some servers answer a question without a session not by a fault but with nothing except faults, one a property.
async fn check_session(session: &Session, epoch: u64, missing: &[(Box<str>, Fault)]) -> Result<()> {
    let Some((_, fault)) = missing.iter().find(|(_, fault)| fault.is("NotAuthenticated")) else {
        return Ok(());
    };
    session.not_authenticated(epoch).await?;
    Err(fault.clone().into())
}

fn first(found: Vec<ObjectContent>, object: &MoRef) -> Result<ObjectContent> {
    found.into_iter().next().ok_or_else(|| {
        Fault::new(
            "The object has already been deleted or has not been completely created.",
            Object::new("ManagedObjectNotFound").set("obj", object),
        )
        .into()
    })
}

/// Whether an error says that an object is not there any more.
pub fn is_gone(error: &Error) -> bool {
    error.is("ManagedObjectNotFound")
}

fn expect_moref(value: Value, method: &str) -> Result<MoRef> {
    value
        .into_moref()
        .ok_or_else(|| Error::Decode { method: method.to_owned(), at: "no reference".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property(path: &str, value: impl Into<Value>) -> Object {
        Object::new("DynamicProperty").set("name", path).set("val", value)
    }

    #[test]
    fn a_path_may_go_below_what_was_asked_for() {
        let device = Object::new("VirtualE1000").set("key", 4000).set("macAddress", "00:0c:29:00:00:01");
        let hardware = Object::new("VirtualHardware").set("numCPU", 2).set("device", [device]);
        let content = Object::new("ObjectContent")
            .set("obj", MoRef::new("VirtualMachine", "vm-1"))
            .set("propSet", [property("name", "vm01"), property("config.hardware", hardware)]);
        let content = ObjectContent::decode(content).unwrap();
        assert_eq!(content.str("name"), Some("vm01"));
        assert_eq!(content.i64("config.hardware.numCPU"), Some(2));
        assert_eq!(content.str("config.hardware.device[4000].macAddress"), Some("00:0c:29:00:00:01"));
        assert_eq!(content.get("config.hardwareVersion"), None);
        assert_eq!(content.get("config"), None);
    }

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
