//! What the master keeps for this minion.
//!
//! Facts: `salt/modules/pillar.py` of Salt 3007.17.

use salt::context::PillarRequest;
use salt::function::not_set;
use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use crate::dictupdate::update;
use crate::lookup::{at, filter};

functions![data, ext, fetch, file_exists, filter_by, get, item, items, keys, ls, obfuscate, raw];

/// Gives a value of the pillar in memory. A path leads into nested ones.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.get proxy:proxytype
/// salt '*' pillar.get ntp '{servers: [a]}' merge=True
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The key, or a path such as `pkg:apache`.
    key: String,
    /// What to give if there is no such key. Without it an empty text, or a `KeyError` if `pillar_raise_on_missing` is set.
    #[default(NOT_SET)]
    default: Value,
    /// Merge the value over the default: both maps, or both lists.
    #[default(false)]
    merge: bool,
    /// Join lists inside of merged maps; the option `pillar_merge_lists` decides if this is not given.
    merge_nested_lists: Option<bool>,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
    /// Compile the pillar of this environment instead of taking the one in memory.
    pillarenv: Option<String>,
    /// Compile the pillar with this environment of files instead of taking the one in memory.
    saltenv: Option<String>,
) -> Result<Value> {
    let asked = Asked { key, default, merge, merge_nested_lists, delimiter };
    asked.answer(cx, pillarenv, saltenv).await
}

/// Gives a value of the pillar in memory: another name of `pillar.get`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.fetch proxy:proxytype
/// ```
#[salt_fn]
async fn fetch(
    cx: &Context,
    /// The key, or a path such as `pkg:apache`.
    key: String,
    /// What to give if there is no such key. Without it an empty text, or a `KeyError` if `pillar_raise_on_missing` is set.
    #[default(NOT_SET)]
    default: Value,
    /// Merge the value over the default: both maps, or both lists.
    #[default(false)]
    merge: bool,
    /// Join lists inside of merged maps; the option `pillar_merge_lists` decides if this is not given.
    merge_nested_lists: Option<bool>,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
    /// Compile the pillar of this environment instead of taking the one in memory.
    pillarenv: Option<String>,
    /// Compile the pillar with this environment of files instead of taking the one in memory.
    saltenv: Option<String>,
) -> Result<Value> {
    let asked = Asked { key, default, merge, merge_nested_lists, delimiter };
    asked.answer(cx, pillarenv, saltenv).await
}

/// Asks the master for a freshly compiled pillar and gives all of it. With names, gives those from memory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.items
/// salt '*' pillar.items pillar='{a: 1}'
/// ```
#[salt_fn]
async fn items(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// A map that the master merges over the pillar.
    pillar: Option<Value>,
    /// The encryption of `pillar`. None is supported.
    pillar_enc: Option<String>,
    /// The environment of the pillar.
    pillarenv: Option<String>,
    /// The environment of files.
    saltenv: Option<String>,
) -> Result<Map> {
    compiled(cx, args, pillar, pillar_enc, pillarenv, saltenv).await
}

/// Asks the master for a freshly compiled pillar and gives all of it: another name of `pillar.items`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.data
/// ```
#[salt_fn]
async fn data(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// A map that the master merges over the pillar.
    pillar: Option<Value>,
    /// The encryption of `pillar`. None is supported.
    pillar_enc: Option<String>,
    /// The environment of the pillar.
    pillarenv: Option<String>,
    /// The environment of files.
    saltenv: Option<String>,
) -> Result<Map> {
    compiled(cx, args, pillar, pillar_enc, pillarenv, saltenv).await
}

/// Asks the master for a freshly compiled pillar with one external pillar besides, if its option `on_demand_ext_pillar`
/// allows that kind.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.ext '{libvirt: _}'
/// salt '*' pillar.ext "{'git': ['master https://github.com/myuser/myrepo']}"
/// ```
#[salt_fn]
async fn ext(
    cx: &Context,
    /// The external pillar, as an item of the master's `ext_pillar`: a map, or its YAML.
    external: Value,
    /// Values that win over those of the pillar.
    pillar: Option<Map>,
) -> Result<Map> {
    let ext = match external {
        Value::Str(text) => salt::yaml::load(&text).map_err(Error::execution)?,
        other => other,
    };
    let saltenv = cx.opts().get_str("saltenv").map(str::to_string);
    let pillar_override = pillar.unwrap_or_default();
    let request = PillarRequest { pillar_override, saltenv, ext: Some(ext), ..PillarRequest::default() };
    cx.master().compile_pillar(request).await
}

/// Lists the topmost keys of a freshly compiled pillar.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.ls
/// ```
#[salt_fn]
async fn ls(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// A map that the master merges over the pillar.
    pillar: Option<Value>,
    /// The encryption of `pillar`. None is supported.
    pillar_enc: Option<String>,
    /// The environment of the pillar.
    pillarenv: Option<String>,
    /// The environment of files.
    saltenv: Option<String>,
) -> Result<Vec<Value>> {
    Ok(compiled(cx, args, pillar, pillar_enc, pillarenv, saltenv).await?.keys().cloned().collect())
}

/// Shows the shape of a freshly compiled pillar: every value is replaced by its type.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.obfuscate
/// ```
#[salt_fn]
async fn obfuscate(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// A map that the master merges over the pillar.
    pillar: Option<Value>,
    /// The encryption of `pillar`. None is supported.
    pillar_enc: Option<String>,
    /// The environment of the pillar.
    pillarenv: Option<String>,
    /// The environment of files.
    saltenv: Option<String>,
) -> Result<Value> {
    let pillar = compiled(cx, args, pillar, pillar_enc, pillarenv, saltenv).await?;
    Ok(types_of(&pillar.into()))
}

/// Gives the values named, from the pillar in memory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.item foo
/// salt '*' pillar.item foo:bar/baz delimiter=/
/// ```
#[salt_fn]
async fn item(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// What to give for missing keys instead of an empty text.
    default: Option<Value>,
    /// What stands between the steps of a path instead of a colon.
    delimiter: Option<String>,
    /// Compile the pillar of this environment instead of taking the one in memory.
    pillarenv: Option<String>,
    /// Compile the pillar with this environment of files instead of taking the one in memory.
    saltenv: Option<String>,
) -> Result<Map> {
    let pillar = in_memory_or_of(cx, pillarenv, saltenv).await?;
    let delimiter = delimiter.unwrap_or_else(|| ":".into());
    Ok(picked(&pillar, &args, &default.unwrap_or_else(|| "".into()), &delimiter))
}

/// Gives the pillar in memory as it is, or one of its topmost keys.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.raw
/// salt '*' pillar.raw key=proxy
/// ```
#[salt_fn]
async fn raw(
    cx: &Context,
    /// The key. Everything without it.
    key: Option<Value>,
) -> Result<Value> {
    let pillar = cx.pillar();
    Ok(match key.filter(Value::truthy) {
        Some(key) => pillar.get_key(&key).cloned().unwrap_or_else(|| Map::new().into()),
        None => (*pillar).clone().into(),
    })
}

/// Lists the keys of a map in the pillar in memory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.keys web:sites
/// ```
#[salt_fn]
async fn keys(
    cx: &Context,
    /// The key of the map, or a path to it.
    key: String,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<Vec<Value>> {
    match at(&cx.pillar(), &key, &delimiter) {
        Some(Value::Map(map)) => Ok(map.keys().cloned().collect()),
        Some(_) => Err(Error::exception("ValueError", format!("Pillar value in key {key} is not a dict"))),
        None => Err(Error::exception("KeyError", format!("'Pillar key not found: {key}'"))),
    }
}

/// Says whether the master's pillar roots have a file. Only a master knows, so a minion without `pillar_roots` fails.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.file_exists top.sls
/// ```
#[salt_fn]
async fn file_exists(
    cx: &Context,
    /// The file below the pillar roots.
    path: String,
    /// Look in this environment only.
    saltenv: Option<String>,
) -> Result<bool> {
    let opts = cx.opts();
    let Some(roots) = opts.get("pillar_roots").and_then(Value::as_map).filter(|m| !m.is_empty()) else {
        return Err(Error::execution("No pillar_roots found. Are you running this on the master?"));
    };
    let meant = |env: &Value| saltenv.as_ref().is_none_or(|wanted| env.as_str() == Some(wanted));
    let dirs = roots.iter().filter(|(env, _)| meant(env)).filter_map(|(_, dirs)| dirs.as_list());
    Ok(dirs.flatten().filter_map(Value::as_str).any(|dir| std::path::Path::new(dir).join(&path).is_file()))
}

/// Chooses from a map by a value of the pillar. The keys of the map may be patterns.
///
/// CLI Example:
///
/// ```bash
/// salt '*' pillar.filter_by '{web: Serve it up, db: I query, default: x_x}' role
/// ```
#[salt_fn]
async fn filter_by(
    cx: &Context,
    /// What to choose from.
    lookup_dict: Map,
    /// The key of the pillar that decides, or a path to it.
    pillar: String,
    /// A map to merge over what was chosen.
    merge: Option<Value>,
    /// The key to choose if none fits.
    #[default("default")]
    default: Value,
    /// The key of a map over which what was chosen is merged.
    base: Option<Value>,
) -> Result<Value> {
    filter(&lookup_dict, at(&cx.pillar(), &pillar, ":"), merge, &default, base)
}

/// What `pillar.get` is asked.
struct Asked {
    key: String,
    default: Value,
    merge: bool,
    merge_nested_lists: Option<bool>,
    delimiter: String,
}

impl Asked {
    async fn answer(self, cx: &Context, pillarenv: Option<String>, saltenv: Option<String>) -> Result<Value> {
        let opts = cx.opts();
        let set = |name: &str| opts.get(name).is_some_and(Value::truthy);
        let pillar = in_memory_or_of(cx, pillarenv, saltenv).await?;
        let found = at(&pillar, &self.key, &self.delimiter).cloned();
        if self.merge
            && let Some(merged) =
                self.merged(&found, self.merge_nested_lists.unwrap_or_else(|| set("pillar_merge_lists")))
        {
            return Ok(merged);
        }
        match found {
            Some(value) => Ok(value),
            None if self.default != not_set() => Ok(self.default),
            None if set("pillar_raise_on_missing") => {
                Err(Error::exception("KeyError", format!("'Pillar key not found: {}'", self.key)))
            }
            None => Ok("".into()),
        }
    }

    /// The value over the default, where both are of the same kind.
    fn merged(&self, found: &Option<Value>, merge_lists: bool) -> Option<Value> {
        match (&self.default, found) {
            (Value::Map(_) | Value::List(_), None) => Some(self.default.clone()),
            (Value::Map(mine), Some(Value::Map(theirs))) => {
                Some(update(mine.clone(), theirs.clone(), merge_lists).into())
            }
            (Value::List(mine), Some(Value::List(theirs))) => {
                let mut all = mine.clone();
                all.extend(theirs.iter().filter(|item| !mine.contains(item)).cloned());
                Some(all.into())
            }
            _ => {
                tracing::error!("pillar.get: the default of {:?} and its value can't be merged", self.key);
                None
            }
        }
    }
}

/// The pillar in memory, or one compiled for the environments given.
async fn in_memory_or_of(cx: &Context, pillarenv: Option<String>, saltenv: Option<String>) -> Result<Map> {
    if pillarenv.is_none() && saltenv.is_none() {
        return Ok((*cx.pillar()).clone());
    }
    compiled(cx, Vec::new(), None, None, pillarenv, saltenv).await
}

async fn compiled(
    cx: &Context,
    args: Vec<Value>,
    pillar: Option<Value>,
    pillar_enc: Option<String>,
    pillarenv: Option<String>,
    saltenv: Option<String>,
) -> Result<Map> {
    if !args.is_empty() {
        let pillar = Box::pin(in_memory_or_of(cx, pillarenv, saltenv)).await?;
        return Ok(picked(&pillar, &args, &"".into(), ":"));
    }
    let pillar_override = match pillar {
        None => Map::new(),
        Some(Value::Map(map)) if pillar_enc.is_none() => map,
        Some(_) if pillar_enc.is_some() => {
            return Err(Error::execution(
                "Failed to decrypt pillar override: encrypted pillars are not supported",
            ));
        }
        Some(_) => return Err(Error::invocation("Pillar data must be formatted as a dictionary")),
    };
    let opts = cx.opts();
    let opt = |name: &str| opts.get_str(name).map(str::to_string);
    let pillarenv = pillarenv.or_else(|| {
        if opts.get("pillarenv_from_saltenv").is_some_and(Value::truthy) {
            saltenv.clone().or_else(|| opt("saltenv"))
        } else {
            opt("pillarenv")
        }
    });
    let request = PillarRequest { pillar_override, saltenv, pillarenv, ..PillarRequest::default() };
    cx.master().compile_pillar(request).await
}

fn picked(pillar: &Map, keys: &[Value], default: &Value, delimiter: &str) -> Map {
    let found = |key: &Value| at(pillar, &key.to_string(), delimiter).unwrap_or(default).clone();
    keys.iter().map(|key| (key.clone(), found(key))).collect()
}

fn types_of(value: &Value) -> Value {
    match value {
        Value::Map(map) => map.iter().map(|(k, v)| (k.clone(), types_of(v))).collect::<Map>().into(),
        Value::List(items) => items.iter().map(types_of).collect::<Vec<_>>().into(),
        other => format!("<{}>", other.type_name()).into(),
    }
}
