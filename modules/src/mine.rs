//! The mine: what this minion leaves at the master for other minions to read.
//!
//! Facts: `salt/modules/mine.py` and `salt/utils/mine.py` of Salt 3007.17. The master ignores a `_mine` that says `clear`
//! altogether, so whoever wants to replace what is there gets a flush first.

use salt::{Args, Context, Map, Result, Value, functions, map, salt_fn};
use tracing::{debug, error};

use crate::{clean_kwargs, data};

functions![delete, flush, get, send, update, valid];

/// The key of `data.*` that stands in for the master's store in local mode.
const LOCAL: &str = "mine_cache";

/// Runs the functions of the option and of the pillar key `mine_functions` and sends their results to the mine.
///
/// Gives `None` if there are no such functions.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.update
/// salt '*' mine.update mine_functions='{vms: {mine_function: vmware_vm.list}}'
/// ```
#[salt_fn]
async fn update(
    cx: &Context,
    /// Drop what is in the mine before.
    #[default(false)]
    clear: bool,
    /// Use these functions instead: a list of names, or a map as in the option.
    mine_functions: Option<Value>,
) -> Result<Value> {
    let functions = match mine_functions.filter(Value::truthy) {
        None => configured(cx).await?,
        Some(stated) => by_alias(stated),
    };
    let Some(functions) = functions else { return Ok(Value::None) };
    let mut data = Map::new();
    for (alias, definition) in functions {
        let entry = Entry::of(&alias, &definition);
        let Some(function) = entry.available(cx) else { continue };
        // Directly, not as a call of its own: nothing of this job is handed on as `__pub_*`.
        match function.run(cx, entry.args).await {
            Ok(value) => {
                data.insert(alias, entry.acl.wrap(value));
            }
            Err(e) => {
                error!("Function {} in mine.update failed to execute", entry.fun);
                debug!("Error: {e}");
            }
        }
    }
    Ok(store(cx, data, clear).await?.into())
}

/// Runs one function and sends its result to the mine.
///
/// Further arguments are the function's. Gives `False` if it fails.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.send test.ping
/// salt '*' mine.send machines mine_function=vmware_vm.list
/// salt '*' mine.send machines mine_function=vmware_vm.list allow_tgt='G@role:monitor' allow_tgt_type=compound
/// ```
#[salt_fn]
async fn send(
    cx: &Context,
    /// The name of the entry, and of the function unless `mine_function` names one. `allow_tgt` and `allow_tgt_type` say
    /// which minions may read the entry.
    name: String,
    #[args] args: Vec<Value>,
    #[kwargs] kwargs: Map,
) -> Result<bool> {
    let mut keywords = clean_kwargs(kwargs);
    let acl = Acl::take(&mut keywords);
    let fun = keywords.remove("mine_function").filter(Value::truthy).map_or(name.clone(), |f| f.to_string());
    let ran = match cx.modules().find(&fun) {
        Ok(function) => function.run(cx, Args { positional: args, keywords }).await,
        Err(e) => Err(e),
    };
    match ran {
        Ok(value) => store(cx, map! { name => acl.wrap(value) }, false).await,
        Err(e) => {
            error!("Function {fun} in mine.send failed to execute");
            debug!("Error: {e}");
            Ok(false)
        }
    }
}

/// Reads from the mine: the values of a function for all minions that fit, by id. With several functions there is such
/// a map for each.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.get '*' test.ping
/// salt '*' mine.get 'os:proxy' machines grain
/// salt '*' mine.get '*' '[machines, test.ping]' exclude_minion=True
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// Whose values.
    tgt: Value,
    /// The name of the entry, several with commas between them, or a list of them.
    fun: Value,
    /// How the target is read: `glob`, `compound`, `grain` and so on.
    #[default("glob")]
    tgt_type: String,
    /// Leave this minion out.
    #[default(false)]
    exclude_minion: bool,
) -> Result<Value> {
    if is_local(cx) {
        return local_get(cx, tgt, &fun, &tgt_type).await;
    }
    let load = map! {
        "cmd" => "_mine_get", "id" => cx.id(), "tgt" => tgt, "fun" => fun, "tgt_type" => tgt_type,
    };
    let mut found = cx.master().request(load).await?;
    if let (true, Value::Map(found)) = (exclude_minion, &mut found) {
        found.remove(cx.id());
    }
    Ok(found)
}

/// Removes one entry of this minion from the mine.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.delete test.ping
/// ```
#[salt_fn]
async fn delete(
    cx: &Context,
    /// The name of the entry.
    fun: String,
) -> Result<bool> {
    if is_local(cx) {
        let mut kept = local(cx);
        kept.remove(&fun);
        return keep(cx, kept).await;
    }
    let load = map! { "cmd" => "_mine_delete", "id" => cx.id(), "fun" => fun };
    sent(cx, load).await
}

/// Removes all that this minion has in the mine.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.flush
/// ```
#[salt_fn]
async fn flush(cx: &Context) -> Result<bool> {
    if is_local(cx) {
        return keep(cx, Map::new()).await;
    }
    sent(cx, flushing(cx)).await
}

/// Lists the functions of `mine_functions` that are available, each with what it will be called with. Gives `None` if
/// there are none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' mine.valid
/// ```
#[salt_fn]
async fn valid(cx: &Context) -> Result<Value> {
    let Some(functions) = configured(cx).await? else { return Ok(Value::None) };
    let mut valid = Map::new();
    for (alias, definition) in functions {
        let entry = Entry::of(&alias, &definition);
        if entry.available(cx).is_none() {
            continue;
        }
        let shown = match (entry.aliased, definition) {
            (true, _) => {
                let mut arguments = entry.args.positional;
                arguments.extend(entry.args.keywords.into_iter().map(|(k, v)| map! { k => v }.into()));
                map! { entry.fun => arguments }.into()
            }
            // Without what is not the function's.
            (false, Value::Map(_)) => entry.args.keywords.into(),
            (false, other) => other,
        };
        valid.insert(alias, shown);
    }
    Ok(valid.into())
}

/// One entry of `mine_functions`.
struct Entry {
    fun: String,
    /// The name of the entry is not that of the function.
    aliased: bool,
    args: Args,
    acl: Acl,
}

impl Entry {
    fn of(alias: &Value, definition: &Value) -> Entry {
        let mut args = Args::none();
        match definition {
            Value::Map(keywords) => args.keywords = keywords.clone(),
            Value::List(items) => {
                for item in items {
                    match item {
                        Value::Map(keywords) => args.keywords.extend(keywords.clone()),
                        other => args.positional.push(other.clone()),
                    }
                }
            }
            _ => {}
        }
        let fun = args.keywords.remove("mine_function").filter(Value::truthy);
        let acl = Acl::take(&mut args.keywords);
        Entry { aliased: fun.is_some(), fun: fun.as_ref().unwrap_or(alias).to_string(), args, acl }
    }

    fn available(&self, cx: &Context) -> Option<&'static salt::Function> {
        let function = cx.modules().get(&self.fun);
        if function.is_none() {
            error!("Function {} in mine_functions not available", self.fun);
        }
        function
    }
}

/// Who may read an entry.
struct Acl {
    allow_tgt: Option<Value>,
    allow_tgt_type: Option<Value>,
}

impl Acl {
    fn take(keywords: &mut Map) -> Acl {
        let mut take = |key: &str| keywords.remove(key).filter(Value::truthy);
        Acl { allow_tgt: take("allow_tgt"), allow_tgt_type: take("allow_tgt_type") }
    }

    fn wrap(self, value: Value) -> Value {
        let Some(allow_tgt) = self.allow_tgt else { return value };
        let mut wrapped = map! { "__data__" => value, "__saltmine_acl__" => 1, "allow_tgt" => allow_tgt };
        if let Some(allow_tgt_type) = self.allow_tgt_type {
            wrapped.insert("allow_tgt_type", allow_tgt_type);
        }
        wrapped.into()
    }
}

/// The functions of options and pillar; none if there are none.
async fn configured(cx: &Context) -> Result<Option<Map>> {
    let args = Args::of(["mine_functions"]).with("default", Map::new());
    let merged = match cx.modules().find("config.merge") {
        Ok(merge) => merge.run(cx, args).await?,
        // Hidden by the options, which must not take the mine away.
        Err(_) => cx.opts().get("mine_functions").cloned().unwrap_or_default(),
    };
    Ok(by_alias(merged).filter(|functions| !functions.is_empty()))
}

fn by_alias(functions: Value) -> Option<Map> {
    match functions {
        Value::Map(functions) => Some(functions),
        Value::List(names) => Some(names.into_iter().map(|name| (name, Map::new().into())).collect()),
        _ => None,
    }
}

async fn store(cx: &Context, data: Map, clear: bool) -> Result<bool> {
    if is_local(cx) {
        let mut kept = if clear { Map::new() } else { local(cx) };
        kept.extend(data);
        return keep(cx, kept).await;
    }
    if clear && !sent(cx, flushing(cx)).await? {
        return Ok(false);
    }
    sent(cx, map! { "cmd" => "_mine", "data" => data, "id" => cx.id(), "clear" => false }).await
}

fn flushing(cx: &Context) -> Map {
    map! { "cmd" => "_mine_flush", "id" => cx.id() }
}

/// Whether the load came to the master. What it says to it is not told: it is false for a mine that was empty.
async fn sent(cx: &Context, load: Map) -> Result<bool> {
    let cmd = load.get_str("cmd").unwrap_or_default().to_string();
    // The channel puts the token in the place that is kept for it here.
    match cx.master().request(load.with("_stamp", stamp()).with("tok", "")).await {
        Ok(_) => Ok(true),
        Err(e) => {
            error!("The master did not take {cmd}: {e}");
            Ok(false)
        }
    }
}

/// UTC with microseconds, as a load has it that came over the minion's own bus.
fn stamp() -> String {
    jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
}

fn is_local(cx: &Context) -> bool {
    cx.opts().get_str("file_client") == Some("local")
}

fn local(cx: &Context) -> Map {
    match data::value(cx, LOCAL) {
        Some(Value::Map(kept)) => kept,
        _ => Map::new(),
    }
}

async fn keep(cx: &Context, kept: Map) -> Result<bool> {
    let done = cx.call("data.update", Args::of([Value::from(LOCAL), kept.into()])).await?;
    Ok(done.truthy())
}

async fn local_get(cx: &Context, tgt: Value, fun: &Value, tgt_type: &str) -> Result<Value> {
    let fits = cx.call(&format!("match.{tgt_type}"), Args::of([tgt])).await?;
    let (names, several) = match fun {
        Value::Str(text) => {
            let names: Vec<String> = text.split(',').map(str::to_string).collect();
            let several = names.len() > 1;
            (names, several)
        }
        Value::List(names) => (names.iter().map(Value::to_string).collect(), true),
        _ => (vec![], false),
    };
    let mut found = Map::new();
    if !fits.truthy() {
        return Ok(found.into());
    }
    let kept = local(cx);
    for name in names {
        let Some(value) = kept.get(&name) else { continue };
        let value = value.get("__saltmine_acl__").and_then(|_| value.get("__data__")).unwrap_or(value);
        let mine = map! { cx.id() => value.clone() };
        if several {
            found.insert(name, mine);
        } else {
            found = mine;
        }
    }
    Ok(found.into())
}
