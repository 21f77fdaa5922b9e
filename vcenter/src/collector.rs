//! The property collector: what to collect, reading it once in pages, and waiting for its changes.

mod updates;

use std::collections::BTreeSet;

pub use updates::{Collector, ObjectUpdate, UpdateKind, UpdateSet};

use crate::error::{Error, Result};
use crate::schema;
use crate::session::Session;
use crate::soap::Fault;
use crate::vim::{Args, MoRef, Name, Object, Value};

/// Objects a page of an answer holds at most. pyVmomi's samples and govmomi leave it to the server; a bound keeps one
/// answer of a large inventory to a few megabytes.
const PAGE: i32 = 500;

/// Objects one question names at most: no more than a page, so that questions are as large as their answers.
const ASKED_AT_ONCE: usize = 500;

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
/// What the server is too old to know is not asked for, and so is unset. Objects that are gone by the time are left out. A property that cannot be read is in [`ObjectContent::missing`].
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
    let version = session.api_version().await?;
    let mut parts: Vec<Vec<&MoRef>> = objects.chunks(ASKED_AT_ONCE).rev().map(<[_]>::to_vec).collect();
    while let Some(mut part) = parts.pop() {
        let mut kinds = BTreeSet::new();
        let mut spec = FilterSpec::new();
        for object in &part {
            kinds.insert(object.kind());
            spec = spec.object(object);
        }
        for kind in kinds {
            spec = spec.properties(kind, &known(&version, kind, paths));
        }
        match retrieve(session, &spec).await {
            Ok(contents) => contents.into_iter().for_each(&mut each),
            // One object that has gone fails the question for all. Ask for the others; if it is not said which one has, by
            // halves.
            Err(error) if is_gone(&error) => {
                let asked = part.len();
                let gone = error.fault().and_then(|fault| fault.detail().moref("obj"));
                part.retain(|object| Some(*object) != gone);
                if part.len() == asked {
                    let rest = part.split_off(asked / 2);
                    // One alone that has gone is what is left out.
                    if part.is_empty() {
                        continue;
                    }
                    parts.push(rest);
                }
                parts.push(part);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The paths that a server of this version has; paths that the schema does not know are left to the server.
fn known<'a>(api_version: &str, kind: &str, paths: &[&'a str]) -> Vec<&'a str> {
    let schema = schema::get();
    paths.iter().copied().filter(|path| schema::has(api_version, schema.since(kind, path))).collect()
}

/// Reads properties of one object. One that is gone is [`Error::Fault`] with `ManagedObjectNotFound`.
pub async fn read_one(session: &Session, object: &MoRef, paths: &[&str]) -> Result<ObjectContent> {
    let version = session.api_version().await?;
    let spec =
        FilterSpec::new().object(object).properties(object.kind(), &known(&version, object.kind(), paths));
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
/// the session ends between two pages: the pages that are left end with it.
pub async fn retrieve(session: &Session, spec: &FilterSpec) -> Result<Vec<ObjectContent>> {
    let epoch = session.epoch();
    match retrieve_once(session, spec).await {
        Err(error) if epoch != 0 && session.epoch() != epoch => {
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

    /// What has gone is left out, at the cost of a question or of a few, not of one an object.
    #[tokio::test]
    async fn what_has_gone_is_left_out_of_a_bulk() {
        use crate::double::{Double, Reply};
        for named in [true, false] {
            let double = Double::start(move |request| {
                let (body, gone) = (&request.body, ["vm-33", "vm-77"]);
                if request.method() != "RetrievePropertiesEx" {
                    return None;
                }
                if let Some(gone) = gone.iter().find(|gone| body.contains(&format!(">{gone}<"))) {
                    let inner = format!("<obj type=\"VirtualMachine\">{gone}</obj>");
                    return Some(Reply::fault("ManagedObjectNotFound", if named { &inner } else { "" }));
                }
                let asked =
                    body.split("<obj type=\"VirtualMachine\">").skip(1).filter_map(|it| it.split('<').next());
                let found: String = asked
                    .map(|id| format!("<objects><obj type=\"VirtualMachine\">{id}</obj></objects>"))
                    .collect();
                Some(Reply::soap("RetrievePropertiesEx", &format!("<returnval>{found}</returnval>")))
            })
            .await;
            let session = double.session();
            let vms: Vec<MoRef> = (0..100).map(|n| MoRef::new("VirtualMachine", format!("vm-{n}"))).collect();
            let found = read(&session, &vms, &["name"]).await.unwrap();
            let ids: Vec<&str> = found.iter().map(|it| it.reference.id()).collect();
            let wanted: Vec<&str> =
                vms.iter().map(MoRef::id).filter(|id| !["vm-33", "vm-77"].contains(id)).collect();
            assert_eq!(ids, wanted);
            let questions = double.asked().iter().filter(|it| it.body.contains("VirtualMachine")).count();
            assert!(if named { questions == 3 } else { questions <= 32 }, "{questions} questions");
        }
    }

    #[test]
    fn an_old_server_is_not_asked_for_what_came_later() {
        let paths = ["name", "guest.toolsVersionStatus2", "config.nothing"];
        assert_eq!(known("4.0", "VirtualMachine", &paths), ["name", "config.nothing"]);
        assert_eq!(known("8.0.3.0", "VirtualMachine", &paths), paths);
        assert_eq!(known("", "VirtualMachine", &paths), paths);
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
}
