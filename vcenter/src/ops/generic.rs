//! What no other verb covers: any method of any object, any properties of any objects, by plain trees ([`crate::tree`]).
//!
//! All names and types are checked against the schema before anything is sent.

use std::time::Duration;

use serde_json::{Map, Value as Json};

use crate::client::Client;
use crate::collector::{self, ObjectContent};
use crate::error::{Error, Result};
use crate::inventory::{EntityRef, Kind};
use crate::schema::{self, Kind as Typed, Method};
use crate::session::{CallOptions, Lane};
use crate::vim::{MoRef, Value};
use crate::{soap, tree};

/// How long the inventory may take for its first load, if it has not been loaded yet.
const FIRST_LOAD: Duration = Duration::from_secs(120);

/// Of which objects properties are read.
#[derive(Clone, Debug)]
pub enum Of {
    /// These, of one type or of several.
    Objects(Vec<MoRef>),
    /// Every managed entity of a type and those derived from it, as `VirtualMachine`; within an object if there is one.
    Kind(String, Option<EntityRef>),
}

/// The properties of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The object.
    pub reference: MoRef,
    /// What was asked for and is set, by path.
    pub properties: Map<String, Json>,
    /// What could not be read, by path, and why.
    pub missing: Map<String, Json>,
}

/// The object that a text names: a reference (`VirtualMachine:vm-12`), a type and a name or path of the inventory
/// (`VirtualMachine:web01`), an inventory path (`/DC0/vm/web01`), `ServiceInstance`, or a service of the `ServiceContent`
/// (`propertyCollector`, `rootFolder`). Names and paths are looked for in the inventory as far as it is loaded.
///
/// # Errors
///
/// [`Error::Schema`] if it is none of these, [`Error::Unsupported`] if this server does not have that service,
/// [`Error::Ambiguous`] if several objects have that name.
pub async fn target(client: &Client, text: &str) -> Result<MoRef> {
    if text == "ServiceInstance" {
        return Ok(MoRef::new(text, text));
    }
    if text.starts_with('/') {
        return entity(client, text).map(|entity| entity.moref());
    }
    if let Ok(reference) = text.parse::<MoRef>() {
        if EntityRef::from_moref(&reference).is_none() {
            return Ok(reference);
        }
        return match entity(client, text) {
            Ok(entity) => Ok(entity.moref()),
            // The vCenter may have it already, or may not let it be listed.
            Err(Error::NotFound { .. }) => Ok(reference),
            Err(error) => Err(error),
        };
    }
    let service = schema::get().data("ServiceContent").and_then(|content| content.property(text));
    match service.map(schema::Property::kind) {
        Some(Typed::Managed(_)) => client.session().service(text).await,
        _ => Err(Error::Schema(format!(
            "'{text}' is neither a reference such as VirtualMachine:vm-12 nor a service such as rootFolder"
        ))),
    }
}

/// The object of the inventory that a text names: an inventory path, a reference, or a type and a name.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Ambiguous`], and [`Error::Schema`] if it is none of these.
pub fn entity(client: &Client, text: &str) -> Result<EntityRef> {
    let inventory = client.read();
    if text.starts_with('/') {
        // Of which kind it should have been is not known; an error says it as vSphere does.
        return Ok(inventory.the_one("ManagedEntity", text, inventory.at_path(text))?.reference().clone());
    }
    let (kind, what) = text.split_once(':').and_then(|(kind, what)| Some((Kind::from_name(kind)?, what))).ok_or_else(
        || Error::Schema(format!("'{text}' is neither a path such as /DC0/vm/web01 nor a reference such as VirtualMachine:vm-12")),
    )?;
    let reference = EntityRef::new(kind, what);
    if inventory.get(&reference).is_some() {
        return Ok(reference);
    }
    Ok(inventory.find_of(kind, what, None)?.reference().clone())
}

/// Calls `method` of `object`; if that starts a task, waits for it. The result, or the task's; null if there is none.
/// Afterwards the inventory shows what has become of the object.
///
/// # Errors
///
/// [`Error::Schema`] if anything of it is wrong, and for logging in and out: the session is everybody's. Otherwise what
/// [`Client::run`] fails with.
pub async fn call(
    client: &Client,
    object: &MoRef,
    method: &str,
    args: &Map<String, Json>,
    timeout: Duration,
) -> Result<Json> {
    let known = soap::method(object.kind(), method)?;
    if object.is_a("SessionManager") && (method.starts_with("Log") || method == "CloneSession") {
        return Err(Error::Schema(format!("{method} cannot be called: the session is shared")));
    }
    let args = tree::args(known, args)?;
    let writes = Lane::of(object.kind(), method) == Lane::Write;
    let result = match starts_task(known) {
        true => client.run(object, method, args, timeout).await,
        false if writes => client.call(object, method, args, timeout).await,
        false => client.session().call_with(&CallOptions::timeout(timeout), object, method, args).await,
    };
    if writes {
        let new = result.as_ref().ok().and_then(Value::as_moref);
        let touched: Vec<EntityRef> =
            [Some(object), new].into_iter().flatten().filter_map(EntityRef::from_moref).collect();
        if !touched.is_empty()
            && let Err(error) = client.refresh(&touched).await
        {
            tracing::debug!(%error, "cannot read what has been changed");
        }
    }
    Ok(tree::plain_result(known, &result?))
}

/// Reads properties by their paths (`config.hardware.numCPU`, `config.hardware.device[4000].backing`), of all objects at
/// once; in the order of the objects. Objects that are gone by the time are left out.
///
/// # Errors
///
/// [`Error::Schema`] if a path is none of an object's type, [`Error::Unsupported`] if the server is too old for it.
pub async fn collect(client: &Client, of: &Of, paths: &[&str]) -> Result<Vec<Collected>> {
    let objects = match of {
        Of::Objects(objects) => objects.clone(),
        Of::Kind(kind, within) => entities(client, kind, within.as_ref()).await?,
    };
    let mut kinds: Vec<&str> = objects.iter().map(MoRef::kind).collect();
    if let Of::Kind(kind, _) = of {
        kinds.push(kind);
    }
    kinds.sort_unstable();
    kinds.dedup();
    let version = client.session().api_version().await?;
    for kind in kinds {
        for path in paths {
            schema::get().path(kind, &tree::without_keys(path))?;
            let since = schema::get().since(kind, path);
            if !schema::has(&version, since) {
                return Err(Error::Unsupported {
                    what: format!("{kind}.{path}"),
                    since: Some(since.to_owned()),
                });
            }
        }
    }
    if objects.is_empty() || paths.is_empty() {
        return Ok(objects.into_iter().map(Collected::nothing).collect());
    }
    let mut found: Vec<Collected> = Vec::with_capacity(objects.len());
    collector::read_each(client.session(), &objects, paths, |content| found.push(Collected::of(content)))
        .await?;
    Ok(found)
}

async fn entities(client: &Client, kind: &str, within: Option<&EntityRef>) -> Result<Vec<MoRef>> {
    let Some(kind) = Kind::from_name(kind) else {
        return Err(Error::Schema(format!(
            "'{kind}' is no type of the inventory's objects; name the objects themselves"
        )));
    };
    client.ready(FIRST_LOAD).await?;
    let inventory = client.read();
    Ok(inventory
        .all_of(kind)
        .map(|entity| entity.reference())
        .filter(|entity| within.is_none_or(|scope| inventory.is_within(entity, scope)))
        .map(EntityRef::moref)
        .collect())
}

fn starts_task(method: &Method) -> bool {
    matches!(method.result().kind(), Typed::Managed(result) if result.name() == "Task")
        && !method.result().is_array()
}

impl Collected {
    fn nothing(reference: MoRef) -> Self {
        Self { reference, properties: Map::new(), missing: Map::new() }
    }

    fn of(content: ObjectContent) -> Self {
        let ObjectContent { reference, properties, missing } = content;
        let kind = reference.kind();
        let shown = properties.iter().map(|(path, value)| {
            let value = if tree::is_secret(kind, path) { tree::MASK.into() } else { tree::plain(value) };
            (path.to_string(), value)
        });
        let properties = shown.collect();
        let missing =
            missing.iter().map(|(path, fault)| (path.to_string(), fault.to_string().into())).collect();
        Self { reference, properties, missing }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::double::{Double, Reply};

    fn map(tree: Json) -> Map<String, Json> {
        let Json::Object(map) = tree else { panic!("a map") };
        map
    }

    async fn client(double: &Double) -> Client {
        Client::connect(double.config()).await.unwrap()
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn any_method_is_called_by_name() {
        let double = Double::start(|request| {
            (request.method() == "AcquireTicket").then(|| {
                Reply::soap(
                    "AcquireTicket",
                    "<returnval><ticket>hunter2</ticket><cfgFile>a.vmx</cfgFile><port>902</port></returnval>",
                )
            })
        })
        .await;
        let client = client(&double).await;
        let vm = target(&client, "VirtualMachine:vm-1").await.unwrap();
        let ticket =
            call(&client, &vm, "AcquireTicket", &map(json!({"ticketType": "webmks"})), LONG).await.unwrap();
        assert_eq!(
            ticket,
            json!({"_typeName": "VirtualMachineTicket", "ticket": tree::MASK, "cfgFile": "a.vmx", "port": 902})
        );
        let asked = double.asked();
        let asked = asked.iter().find(|it| it.method() == "AcquireTicket").unwrap();
        assert!(asked.body.contains("<ticketType>webmks</ticketType>"), "{}", asked.body);
    }

    #[tokio::test]
    async fn what_is_wrong_is_never_sent() {
        let double = Double::start(|_| None).await;
        let client = client(&double).await;
        let vm = MoRef::new("VirtualMachine", "vm-1");
        let manager = target(&client, "sessionManager").await.unwrap();
        for (object, method, args, why) in [
            (
                &vm,
                "PowerOnVM",
                json!({}),
                "VirtualMachine has no method 'PowerOnVM'; is it 'PowerOnVM_Task'?",
            ),
            (&vm, "CloneVM_Task", json!({"name": "a"}), "CloneVM_Task.folder: is required"),
            (&vm, "Rename_Task", json!({"newName": 5}), "Rename_Task.newName: takes string, not 5"),
            (&manager, "Logout", json!({}), "Logout cannot be called: the session is shared"),
        ] {
            let error = call(&client, object, method, &map(args), LONG).await.unwrap_err();
            assert!(matches!(error, Error::Schema(_)) && error.to_string() == why, "{error}");
            assert_eq!(double.count(method), 0);
        }
        let error = target(&client, "about").await.unwrap_err().to_string();
        assert!(error.starts_with("'about' is neither a reference"), "{error}");
        assert!(matches!(target(&client, "licenseManager").await, Err(Error::Unsupported { .. })));
    }

    #[tokio::test]
    async fn objects_go_by_reference_name_or_path() {
        let double = Double::start(|request| match request.method() {
            "CreateContainerView" => Some(reference("CreateContainerView", "ContainerView")),
            "CreatePropertyCollector" => Some(reference("CreatePropertyCollector", "PropertyCollector")),
            "CreateFilter" => Some(reference("CreateFilter", "PropertyFilter")),
            "WaitForUpdatesEx" if request.body.contains("<version></version>") => Some(Reply::soap(
                "WaitForUpdatesEx",
                &format!(
                    "<returnval><version>1</version><filterSet><filter type=\"PropertyFilter\">f</filter>{}{}{}</filterSet>\
                     </returnval>",
                    entered("Folder", "root", "Datacenters", ""),
                    entered("VirtualMachine", "vm-1", "web01", "root"),
                    entered("VirtualMachine", "vm-2", "twin", "root")
                        + &entered("VirtualMachine", "vm-3", "twin", "root"),
                ),
            )),
            "WaitForUpdatesEx" => Some(Reply::soap("WaitForUpdatesEx", "").delay(LONG)),
            _ => None,
        })
        .await;
        let client = client(&double).await;
        client.ready(LONG).await.unwrap();
        for text in ["VirtualMachine:vm-1", "VirtualMachine:web01", "/web01", "VirtualMachine:/web01"] {
            assert_eq!(target(&client, text).await.unwrap(), MoRef::new("VirtualMachine", "vm-1"), "{text}");
        }
        // Not in the inventory, so the server has to say what it is.
        for text in ["VirtualMachine:vm-9", "Task:task-1"] {
            assert_eq!(target(&client, text).await.unwrap().to_string(), text);
        }
        assert!(matches!(target(&client, "VirtualMachine:twin").await, Err(Error::Ambiguous { .. })));
        assert!(matches!(target(&client, "/nowhere").await, Err(Error::NotFound { .. })));
        let error = entity(&client, "web01").unwrap_err().to_string();
        assert!(error.starts_with("'web01' is neither a path"), "{error}");
    }

    fn reference(method: &str, kind: &str) -> Reply {
        Reply::soap(method, &format!("<returnval type=\"{kind}\">x-1</returnval>"))
    }

    fn entered(kind: &str, id: &str, name: &str, parent: &str) -> String {
        let parent = match parent {
            "" => String::new(),
            id => format!(
                "<changeSet><name>parent</name><op>assign</op><val xsi:type=\"ManagedObjectReference\" \
                 type=\"Folder\">{id}</val></changeSet>"
            ),
        };
        format!(
            "<objectSet><kind>enter</kind><obj type=\"{kind}\">{id}</obj><changeSet><name>name</name><op>assign</op>\
             <val xsi:type=\"xsd:string\">{name}</val></changeSet>{parent}</objectSet>"
        )
    }

    #[tokio::test]
    async fn any_properties_are_read_in_one_question() {
        let double = Double::start(|request| {
            request.body.contains("config.vAppConfig").then(|| {
                Reply::soap(
                    "RetrievePropertiesEx",
                    "<returnval><objects><obj type=\"VirtualMachine\">vm-1</obj>\
                     <propSet><name>name</name><val xsi:type=\"xsd:string\">vm01</val></propSet>\
                     <propSet><name>config.vAppConfig.property[0].value</name>\
                     <val xsi:type=\"xsd:string\">hunter2</val></propSet></objects>\
                     <objects><obj type=\"VirtualMachine\">vm-2</obj><missingSet><path>name</path><fault>\
                     <fault xsi:type=\"NoPermission\"><object type=\"VirtualMachine\">vm-2</object>\
                     <privilegeId>System.Read</privilegeId></fault><localizedMessage>No.</localizedMessage></fault>\
                     </missingSet></objects></returnval>",
                )
            })
        })
        .await;
        let client = client(&double).await;
        let vms =
            Of::Objects(vec![MoRef::new("VirtualMachine", "vm-1"), MoRef::new("VirtualMachine", "vm-2")]);
        let paths = ["name", "config.vAppConfig.property[0].value"];
        let found = collect(&client, &vms, &paths).await.unwrap();
        assert_eq!(
            Json::from(found[0].properties.clone()),
            json!({"name": "vm01", "config.vAppConfig.property[0].value": tree::MASK})
        );
        assert_eq!(Json::from(found[1].missing.clone()), json!({"name": "No. (NoPermission: System.Read)"}));
        let error = collect(&client, &vms, &["name", "config.nothing"]).await.unwrap_err().to_string();
        assert!(error.contains("VirtualMachineConfigInfo has no 'nothing'"), "{error}");
        let error =
            collect(&client, &Of::Kind("Task".into(), None), &["info"]).await.unwrap_err().to_string();
        assert!(error.starts_with("'Task' is no type of the inventory's objects"), "{error}");
    }
}
