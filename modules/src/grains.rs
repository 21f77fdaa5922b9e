//! Facts about the minion.
//!
//! Facts: `salt/modules/grains.py` of Salt 3007.17.

mod setter;

use salt::{Context, Function, Map, Result, Value, functions, salt_fn};

use crate::lookup::{at, filter, is_true};

functions![equals, fetch, filter_by, get, has_value, item, items, ls];

/// The tables of this module.
pub const TABLES: [&[Function]; 2] = [FUNCTIONS, setter::FUNCTIONS];

/// Gives the value of a grain. A path leads into nested ones.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.get os
/// salt '*' grains.get dns:nameservers
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The grain, or a path such as `dns:nameservers`.
    key: String,
    /// What to give if there is no such grain.
    #[default("")]
    default: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
    /// Keep the order of maps. It is always kept.
    #[default(true)]
    ordered: bool,
) -> Result<Value> {
    let _ = ordered;
    Ok(at(&cx.grains(), &key, &delimiter).cloned().unwrap_or(default))
}

/// Gives the value of a grain: another name of `grains.get`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.fetch os
/// ```
#[salt_fn]
async fn fetch(
    cx: &Context,
    /// The grain, or a path such as `dns:nameservers`.
    key: String,
    /// What to give if there is no such grain.
    #[default("")]
    default: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
    /// Keep the order of maps. It is always kept.
    #[default(true)]
    ordered: bool,
) -> Result<Value> {
    let _ = ordered;
    Ok(at(&cx.grains(), &key, &delimiter).cloned().unwrap_or(default))
}

/// Says whether there is a grain.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.has_value os
/// ```
#[salt_fn]
async fn has_value(
    cx: &Context,
    /// The grain, or a path such as `dns:nameservers`.
    key: String,
) -> Result<bool> {
    Ok(at(&cx.grains(), &key, ":").is_some())
}

/// Says whether a grain has a value. Both are compared as text.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.equals os proxy
/// ```
#[salt_fn]
async fn equals(
    cx: &Context,
    /// The grain, or a path such as `dns:nameservers`.
    key: String,
    /// The value to compare with.
    value: Value,
) -> Result<bool> {
    let grain = at(&cx.grains(), &key, ":").map(Value::to_string).unwrap_or_default();
    Ok(grain == value.to_string())
}

/// Gives all grains.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.items
/// salt '*' grains.items sanitize=True
/// ```
#[salt_fn(out = "nested")]
async fn items(
    cx: &Context,
    /// Hide what identifies the machine.
    #[default(false)]
    sanitize: Value,
) -> Result<Map> {
    let grains = (*cx.grains()).clone();
    Ok(if is_true(&sanitize) { sanitized(grains) } else { grains })
}

/// Gives the grains named. Missing ones are empty texts.
///
/// The keyword `default` replaces the empty text, `delimiter` the colon of paths, and `sanitize=True` hides what
/// identifies the machine.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.item os
/// salt '*' grains.item os osrelease id
/// salt '*' grains.item id sanitize=True
/// ```
#[salt_fn(out = "nested")]
async fn item(cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    let grains = cx.grains();
    let default = kwargs.get("default").cloned().unwrap_or_else(|| "".into());
    let delimiter = kwargs.get_str("delimiter").unwrap_or(":");
    let found = |key: &Value| at(&grains, &key.to_string(), delimiter).cloned().unwrap_or(default.clone());
    let ret: Map = args.iter().map(|key| (key.clone(), found(key))).collect();
    Ok(if kwargs.get("sanitize").is_some_and(is_true) { sanitized(ret) } else { ret })
}

/// Lists the names of all grains, sorted.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.ls
/// ```
#[salt_fn]
async fn ls(cx: &Context) -> Result<Vec<Value>> {
    let mut grains = (*cx.grains()).clone();
    grains.sort_keys();
    Ok(grains.keys().cloned().collect())
}

/// Chooses from a map by the value of a grain. The keys of the map may be patterns.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.filter_by '{proxy: Device, default: Machine}'
/// salt '*' grains.filter_by '{vc*: {a: 1}, default: {a: 2}}' grain=id
/// ```
#[salt_fn]
async fn filter_by(
    cx: &Context,
    /// What to choose from.
    lookup_dict: Map,
    /// The grain that decides.
    #[default("os_family")]
    grain: String,
    /// A map to merge over what was chosen.
    merge: Option<Value>,
    /// The key to choose if none fits.
    #[default("default")]
    default: Value,
    /// The key of a map over which what was chosen is merged.
    base: Option<Value>,
) -> Result<Value> {
    filter(&lookup_dict, at(&cx.grains(), &grain, ":"), merge, &default, base)
}

/// Hides what identifies the machine (`_SANITIZERS`).
fn sanitized(mut grains: Map) -> Map {
    for (key, value) in grains.iter_mut() {
        match key.as_str() {
            Some("serialnumber") => {
                let text: Vec<char> = value.to_string().chars().collect();
                let kept = text.len() * 3 / 4;
                let hidden = std::iter::repeat_n('X', text.len() - kept);
                *value = text[..kept].iter().copied().chain(hidden).collect::<String>().into();
            }
            Some("domain") => *value = "DOMAINNAME".into(),
            Some("fqdn" | "id") => *value = "MINION.DOMAINNAME".into(),
            Some("host" | "localhost" | "nodename") => *value = "MINION".into(),
            _ => {}
        }
    }
    grains
}
