//! A small store of the minion's own: one file in its cache.
//!
//! Facts: `salt/modules/data.py` of Salt 3007.17. The file is the one that Salt keeps, so either can read the other's.

use std::path::PathBuf;

use salt::{Context, Map, Result, Value, functions, msgpack, salt_fn, yaml};

functions![cas, clear, dump, get, has_key, items, keys, load, pop, update, values];

/// Removes the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.clear
/// ```
#[salt_fn]
async fn clear(cx: &Context) -> Result<bool> {
    // A store that is not there is clear.
    let _ = std::fs::remove_file(place(cx)?);
    Ok(true)
}

/// Gives all that is in the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.load
/// ```
#[salt_fn]
async fn load(cx: &Context) -> Result<Map> {
    read(cx)
}

/// Gives all that is in the store: another name of `data.load`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.items
/// ```
#[salt_fn]
async fn items(cx: &Context) -> Result<Map> {
    read(cx)
}

/// Lists the keys in the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.keys
/// ```
#[salt_fn]
async fn keys(cx: &Context) -> Result<Vec<Value>> {
    Ok(read(cx)?.keys().cloned().collect())
}

/// Lists the values in the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.values
/// ```
#[salt_fn]
async fn values(cx: &Context) -> Result<Vec<Value>> {
    Ok(read(cx)?.values().cloned().collect())
}

/// Says whether a key is in the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.has_key myval
/// ```
#[salt_fn]
async fn has_key(
    cx: &Context,
    /// The key.
    key: Value,
) -> Result<bool> {
    Ok(read(cx)?.get_key(&key).is_some())
}

/// Gives a value of the store, or a list of them for a list of keys.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.get myval
/// salt '*' data.get '[first, second]'
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The key, or a list of them. Missing ones of a list are left out unless there is a default.
    key: Value,
    /// What to give for a key that is missing.
    default: Option<Value>,
) -> Result<Value> {
    let store = read(cx)?;
    let found = |key: &Value| store.get_key(key).cloned().or_else(|| default.clone());
    Ok(match &key {
        Value::List(keys) => keys.iter().filter_map(found).collect::<Vec<_>>().into(),
        one => found(one).unwrap_or_default(),
    })
}

/// Sets a value in the store.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.update mykey myval
/// ```
#[salt_fn]
async fn update(
    cx: &Context,
    /// The key.
    key: Value,
    /// The value.
    value: Value,
) -> Result<bool> {
    let mut store = read(cx)?;
    store.insert(key, value);
    write(cx, &store)?;
    Ok(true)
}

/// Sets a value in the store if it is still what the caller takes it for. Says whether it was.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.cas mykey newval oldval
/// ```
#[salt_fn]
async fn cas(
    cx: &Context,
    /// The key.
    key: Value,
    /// The new value.
    value: Value,
    /// What the value should be now.
    old_value: Value,
) -> Result<bool> {
    let mut store = read(cx)?;
    if store.get_key(&key) != Some(&old_value) {
        return Ok(false);
    }
    store.insert(key, value);
    write(cx, &store)?;
    Ok(true)
}

/// Takes a value out of the store and gives it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.pop mykey
/// ```
#[salt_fn]
async fn pop(
    cx: &Context,
    /// The key.
    key: Value,
    /// What to give if there is no such key.
    default: Option<Value>,
) -> Result<Value> {
    let mut store = read(cx)?;
    let value = store.remove_key(&key);
    write(cx, &store)?;
    Ok(value.or(default).unwrap_or_default())
}

/// Replaces all that is in the store. Gives `False` for what is no map.
///
/// CLI Example:
///
/// ```bash
/// salt '*' data.dump '{eggs: spam}'
/// ```
#[salt_fn]
async fn dump(
    cx: &Context,
    /// The new content: a map, or its text.
    new_data: Value,
) -> Result<bool> {
    let data = match new_data {
        Value::Str(text) => yaml::load(&text).unwrap_or_default(),
        other => other,
    };
    match data {
        Value::Map(store) => Ok(write(cx, &store).is_ok()),
        _ => Ok(false),
    }
}

/// The value of a key, for `match.data`.
pub fn value(cx: &Context, key: &str) -> Option<Value> {
    read(cx).ok()?.remove(key)
}

fn place(cx: &Context) -> Result<PathBuf> {
    Ok(crate::saltutil::cachedir(cx)?.join("datastore"))
}

/// What is in the store. A file that is not there, or is none of ours, is an empty store.
fn read(cx: &Context) -> Result<Map> {
    let packed = std::fs::read(place(cx)?).unwrap_or_default();
    match msgpack::unpack(&packed) {
        Ok(Value::Map(store)) => Ok(store),
        _ => Ok(Map::new()),
    }
}

fn write(cx: &Context, store: &Map) -> Result<()> {
    let place = place(cx)?;
    let packed = msgpack::pack(&store.clone().into()).map_err(salt::Error::execution)?;
    let beside = place.with_extension("new");
    let written = std::fs::write(&beside, packed).and_then(|()| std::fs::rename(&beside, &place));
    written.map_err(|error| {
        salt::Error::execution(format!("The store {} can't be written: {error}", place.display()))
    })
}
