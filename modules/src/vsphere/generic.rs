//! What no other function covers: any method of the vSphere API, any properties of any objects, and how much of the vCenter
//! the minion knows.
//!
//! vsalt's own; Salt's module has nothing like it.

use std::time::Duration;

use salt::connection::{own, own_client};
use salt::{Context, Error, Map, Result, Value, Words, functions, map, salt_fn};
use serde_json::Value as Json;
use vcenter::inventory::Kind;
use vcenter::ops::generic::{self, Collected, Of};

functions![call, collect, inventory];

/// How long loading the inventory anew may take.
const RELOAD: Duration = Duration::from_secs(300);

/// Calls any method of the vSphere API, and gives its result.
///
/// The names are those of VMware's reference, as `ReconfigVM_Task`. Objects, arguments and their types are checked against
/// the API's schema before anything is sent. If the method starts a task, its end is waited for, and the task's result
/// given. A data object is a map of its properties, with its type under `_typeName` where that is not the declared
/// one; a reference is text, as `Datastore:datastore-12`. In a result, secrets are asterisks.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.call ServiceInstance CurrentTime
/// salt '*' vsphere.call VirtualMachine:web01 Rename_Task '{newName: web02}'
/// salt '*' vsphere.call VirtualMachine:vm-12 ReconfigVM_Task '{spec: {numCPUs: 4, annotation: resized}}'
/// salt '*' vsphere.call licenseManager QueryLicenseUsage arguments='{host: null}' timeout=30
/// ```
#[salt_fn]
async fn call(
    cx: &Context,
    /// The object: a reference (`VirtualMachine:vm-12`), a type and a name (`VirtualMachine:web01`), an inventory path
    /// (`/dc1/vm/web01`), `ServiceInstance`, or a service (`licenseManager`, `rootFolder`).
    object: String,
    /// The method.
    method: String,
    /// Its arguments by name.
    #[default({})]
    arguments: Map,
    /// Seconds to wait for the answer, and for the task if there is one.
    #[default(300)]
    timeout: u64,
) -> Result<Value> {
    let (client, _) = own(cx).await?;
    let object = generic::target(&client, &object).await?;
    let Json::Object(arguments) = Value::Map(arguments).to_json() else {
        return Err(Error::invocation("The arguments are a map by name"));
    };
    let timeout = Duration::from_secs(timeout);
    Ok(Value::from_json(generic::call(&client, &object, &method, &arguments, timeout).await?))
}

/// Reads any properties of any objects from the vCenter, of all objects at once.
///
/// Gives a map by reference, each a map by path. A property that is not set is left out; one that can't be read is under
/// `_missing` with the reason. Paths are checked against the API's schema before anything is sent. The answer is the
/// vCenter's at this moment, not the inventory's. In it, secrets are asterisks.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.collect VirtualMachine name,config.hardware.numCPU
/// salt '*' vsphere.collect VirtualMachine '[name, snapshot]' within=/dc1/host/cluster1
/// salt '*' vsphere.collect HostSystem:esxi1 config.option
/// salt '*' vsphere.collect '[VirtualMachine:vm-12, VirtualMachine:web01]' '["config.hardware.device[4000]"]'
/// salt '*' vsphere.collect licenseManager licenses
/// ```
#[salt_fn]
async fn collect(
    cx: &Context,
    /// A type (`VirtualMachine`) for all of its objects, or objects, each as `vsphere.call` takes it.
    objects: Words,
    /// The properties, by path.
    paths: Words,
    /// With a type: only objects in this one, a path or a reference.
    within: Option<String>,
) -> Result<Map> {
    let (client, _) = own(cx).await?;
    let of = match objects.0.as_slice() {
        [] => return Ok(Map::new()),
        [kind] if is_type(kind) => {
            let within = within.as_deref().map(|within| generic::entity(&client, within)).transpose()?;
            Of::Kind(kind.clone(), within)
        }
        _ if within.is_some() => {
            return Err(Error::invocation("'within' is for a type; these are objects"));
        }
        several => {
            let mut objects = Vec::with_capacity(several.len());
            for object in several {
                objects.push(generic::target(&client, object).await?);
            }
            Of::Objects(objects)
        }
    };
    let paths: Vec<&str> = paths.0.iter().map(String::as_str).collect();
    let found = generic::collect(&client, &of, &paths).await?;
    Ok(found.into_iter().map(|object| (object.reference.to_string().into(), shown(object).into())).collect())
}

/// Tells how much of the vCenter the minion knows, and how current that is. Nearly all answers come from there.
///
/// * `objects`: how many there are, by type.
/// * `live`: whether changes are being followed; if not, answers wait for a while, and then fail rather than be outdated.
/// * `age`: seconds since the vCenter last said that there is nothing newer. It grows to some 30 while nothing happens.
/// * `partial`: the properties that the user may not read, by type and path, each with the number of objects. They are
///   empty in answers.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.inventory
/// salt '*' vsphere.inventory fresh=True
/// ```
#[salt_fn]
async fn inventory(
    cx: &Context,
    /// Load everything anew first.
    #[default(false)]
    fresh: bool,
) -> Result<Map> {
    let client = own_client(cx).await?;
    if fresh {
        client.reload(RELOAD).await?;
    }
    let store = client.inventory();
    let (inventory, status) = (store.read(), store.status());
    let mut objects = Map::new();
    for kind in Kind::ALL {
        let count = inventory.all_of(kind).filter(|entity| entity.kind() == kind).count();
        if count > 0 {
            objects.insert(kind.name(), count as u64);
        }
    }
    let mut partial = Map::new();
    for ((kind, path), count) in inventory.hidden_properties() {
        let paths = partial.entry(kind.name()).or_insert_with(|| Map::new().into());
        if let Some(paths) = paths.as_map_mut() {
            paths.insert(path.to_string(), count as u64);
        }
    }
    Ok(map! {
        "ready" => status.ready,
        "live" => status.live,
        "age" => store.age().map(|age| (age.as_secs_f64() * 1000.0).round() / 1000.0),
        "version" => inventory.version(),
        "objects" => objects,
        "partial" => partial,
    })
}

/// Types begin with a capital, services do not; `ServiceInstance` is the one object that is called as its type.
fn is_type(text: &str) -> bool {
    text != "ServiceInstance" && text.starts_with(|c: char| c.is_ascii_uppercase()) && !text.contains(':')
}

fn shown(object: Collected) -> Map {
    let Collected { properties, missing, .. } = object;
    let plain = |map: serde_json::Map<String, Json>| -> Map {
        map.into_iter().map(|(path, value)| (path.into(), Value::from_json(value))).collect()
    };
    let mut shown = plain(properties);
    if !missing.is_empty() {
        shown.insert("_missing", plain(missing));
    }
    shown
}
