//! Defaults that a formula brings along.
//!
//! Facts: `salt/modules/defaults.py` of Salt 3007.17.

use salt::{Context, Error, Map, Result, Value, functions, salt_fn, yaml};

use crate::dictupdate;
use crate::lookup::at;

functions![deepcopy, get, merge, update];

/// Gives a default out of `defaults.yaml` or `defaults.json` of a formula.
///
/// CLI Example:
///
/// ```bash
/// salt '*' defaults.get core:users:root
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The directory of the formula, and after a colon the path in its file.
    key: String,
    /// What to give if there is no such default.
    #[default("")]
    default: Value,
) -> Result<Value> {
    let (formula, key) = key.split_once(':').map_or((key.as_str(), None), |(f, k)| (f, Some(k)));
    let defaults = load(cx, formula).await?;
    Ok(match (defaults, key.filter(|key| !key.is_empty())) {
        (Some(defaults), Some(key)) => at(&defaults, key, ":").cloned().unwrap_or(default),
        (Some(defaults), None) => defaults.into(),
        (None, Some(_)) => default,
        (None, None) => Value::None,
    })
}

/// Merges a map over another.
///
/// CLI Example:
///
/// ```bash
/// salt '*' defaults.merge '{a: b}' '{d: e}'
/// ```
#[salt_fn]
async fn merge(
    _cx: &Context,
    /// The map below.
    #[required]
    dest: Option<Map>,
    /// The map above: it wins.
    #[required]
    src: Option<Map>,
    /// Join lists instead of replacing them.
    #[default(false)]
    merge_lists: bool,
    /// Change the first map itself. The caller sees only the result, so only `None` is refused.
    #[default(true)]
    in_place: bool,
    /// Take `None` for an empty map.
    #[default(true)]
    convert_none: bool,
) -> Result<Map> {
    let _ = convert_none;
    match dest {
        None if in_place => Err(Error::Arguments("Can't perform in-place merge into NoneType".into())),
        dest => Ok(dictupdate::update(dest.unwrap_or_default(), src.unwrap_or_default(), merge_lists)),
    }
}

/// Gives a copy of a value.
///
/// CLI Example:
///
/// ```bash
/// salt '*' defaults.deepcopy '{a: 1}'
/// ```
#[salt_fn]
async fn deepcopy(
    _cx: &Context,
    /// The value.
    source: Value,
) -> Result<Value> {
    Ok(source)
}

/// Puts defaults below each value of a map of maps.
///
/// CLI Example:
///
/// ```bash
/// salt '*' defaults.update '{host1: {a: 1}, host2: {}}' '{a: 0, b: 0}'
/// ```
#[salt_fn]
async fn update(
    _cx: &Context,
    /// Maps by name.
    #[required]
    dest: Option<Map>,
    /// The defaults for each of them.
    #[required]
    defaults: Option<Map>,
    /// Join lists instead of replacing them.
    #[default(true)]
    merge_lists: bool,
    /// Change the first map itself. The caller sees only the result, so only `None` is refused.
    #[default(true)]
    in_place: bool,
    /// Take `None` for an empty map.
    #[default(true)]
    convert_none: bool,
) -> Result<Map> {
    let _ = convert_none;
    if dest.is_none() && in_place {
        return Err(Error::Arguments("Can't perform in-place update into NoneType".into()));
    }
    let defaults = defaults.unwrap_or_default();
    let merged = |values: Value| match values {
        Value::Map(values) => Ok(dictupdate::update(defaults.clone(), values, merge_lists).into()),
        Value::None => Ok(defaults.clone().into()),
        _ => Err(Error::Arguments("Cannot update using non-dict types in dictupdate.update()".into())),
    };
    dest.unwrap_or_default().into_iter().map(|(name, values)| Ok((name, merged(values)?))).collect()
}

async fn load(cx: &Context, formula: &str) -> Result<Option<Map>> {
    let saltenv = || "base".to_string();
    for kind in ["yaml", "json"] {
        let Some(place) = cx.files().cache(format!("{formula}/defaults.{kind}"), saltenv()).await? else {
            continue;
        };
        let text = tokio::fs::read_to_string(&place).await.map_err(Error::execution)?;
        let value = match kind {
            "yaml" => yaml::load(&text).map_err(Error::execution)?,
            _ => Value::from_json(serde_json::from_str(&text).map_err(Error::execution)?),
        };
        return Ok(match value {
            Value::Map(defaults) => Some(defaults),
            _ => Some(Map::new()),
        });
    }
    Ok(None)
}
