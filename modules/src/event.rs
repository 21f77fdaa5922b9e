//! Events on the master's bus and on the minion's own.
//!
//! Facts: `salt/modules/event.py` of Salt 3007.17.

use salt::{Context, Map, Result, Value, functions, salt_fn};

functions![fire, fire_master, send];

/// Fires an event on the master's bus. Further keywords become part of its data.
///
/// CLI Example:
///
/// ```bash
/// salt '*' event.send myco/mytag foo=Foo bar=Bar
/// salt '*' event.send myco/mytag '{foo: Foo, bar: Bar}'
/// salt '*' event.send myco/mytag with_grains='[os, id]'
/// ```
#[salt_fn]
async fn send(
    cx: &Context,
    /// The tag.
    tag: String,
    /// The data: a map.
    data: Option<Value>,
    /// Further keys of the message that carries the event.
    preload: Option<Map>,
    /// Add the environment of the minion's process, or the variables listed, under `environ`.
    #[default(false)]
    with_env: Value,
    /// Add the grains, or those listed, under `grains`.
    #[default(false)]
    with_grains: Value,
    /// Add the pillar, or the keys listed, under `pillar`.
    #[default(false)]
    with_pillar: Value,
    /// Add the environments of files and pillar under `saltenv` and `pillarenv`.
    #[default(false)]
    with_env_opts: bool,
    #[kwargs] kwargs: Map,
) -> Result<bool> {
    let mut all = Map::new();
    if with_env.truthy() {
        let env: Map = std::env::vars().map(|(k, v)| (k.into(), v.into())).collect();
        all.insert("environ", subset(&env, &with_env));
    }
    if with_grains.truthy() {
        all.insert("grains", subset(&cx.grains(), &with_grains));
    }
    if with_pillar.truthy() {
        all.insert("pillar", subset(&cx.pillar(), &with_pillar));
    }
    if with_env_opts {
        let opts = cx.opts();
        all.insert("saltenv", opts.get("saltenv").cloned().unwrap_or_else(|| "base".into()));
        all.insert("pillarenv", opts.get("pillarenv").cloned().unwrap_or_default());
    }
    all.extend(kwargs);
    if let Some(Value::Map(data)) = data {
        all.extend(data);
    }
    cx.master().fire_event(tag, all, preload).await
}

/// Fires an event on the master's bus, with exactly the data given.
///
/// CLI Example:
///
/// ```bash
/// salt '*' event.fire_master '{data: my event data}' 'tag'
/// ```
#[salt_fn]
async fn fire_master(
    cx: &Context,
    /// The data: a map.
    data: Map,
    /// The tag.
    tag: String,
    /// Further keys of the message that carries the event.
    preload: Option<Map>,
) -> Result<bool> {
    cx.master().fire_event(tag, data, preload).await
}

/// Fires an event on the minion's own bus.
///
/// Nothing outside of this minion can listen there. The tags that make a Salt minion do something (`pillar_refresh`,
/// `grains_refresh`) make this one do the same.
///
/// CLI Example:
///
/// ```bash
/// salt '*' event.fire '{data: my event data}' 'tag'
/// salt '*' event.fire '{clean_cache: true}' pillar_refresh
/// ```
#[salt_fn]
async fn fire(
    cx: &Context,
    /// The data: a map.
    data: Map,
    /// The tag.
    tag: String,
) -> Result<bool> {
    let is = |key: &str| data.get(key).is_some_and(Value::truthy);
    match tag.as_str() {
        "pillar_refresh" => cx.master().refresh_pillar(None, is("clean_cache")).await,
        "grains_refresh" => cx.master().refresh_grains().await,
        _ => {
            tracing::debug!(tag, "event on the minion's own bus");
            Ok(true)
        }
    }
}

/// All of a map, or the keys that a list or a text with commas names.
fn subset(map: &Map, keys: &Value) -> Map {
    let names: Vec<Value> = match keys {
        Value::List(items) => items.clone(),
        Value::Str(text) => text.split(',').map(|name| name.trim().into()).collect(),
        _ => return map.clone(),
    };
    map.iter().filter(|(key, _)| names.contains(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
