//! Grains that users set: they are kept in a file beside the minion's configuration.

use std::path::PathBuf;

use salt::yaml::{self, Style};
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use crate::lookup::at;

functions![append, delkey, delval, remove, set, setval, setvals];

/// Sets a grain, whatever it was.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.setval key val
/// salt '*' grains.setval key '{sub-key: val, sub-key2: val2}'
/// ```
#[salt_fn(out = "nested")]
async fn setval(
    cx: &Context,
    /// The grain: a name, not a path.
    key: Value,
    /// The value.
    #[required]
    val: Option<Value>,
    /// With a value of `None`: remove the grain instead of setting it to nothing.
    #[default(false)]
    destructive: bool,
    /// Fetch the pillar afterwards.
    #[default(true)]
    refresh_pillar: bool,
) -> Result<Value> {
    store(cx, Map::new().with(key, val), destructive, refresh_pillar).await
}

/// Sets several grains, whatever they were.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.setvals '{key1: val1, key2: val2}'
/// ```
#[salt_fn]
async fn setvals(
    cx: &Context,
    /// Names and values.
    grains: Value,
    /// Remove the grains whose values are `None` instead of setting them to nothing.
    #[default(false)]
    destructive: bool,
    /// Fetch the pillar afterwards.
    #[default(true)]
    refresh_pillar: bool,
) -> Result<Value> {
    let Value::Map(grains) = grains else {
        return Err(Error::exception(
            "salt.exceptions.SaltException",
            "setvals grains must be a dictionary.",
        ));
    };
    store(cx, grains, destructive, refresh_pillar).await
}

/// Adds a value to a list, which is made if there is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.append key val
/// ```
#[salt_fn]
async fn append(
    cx: &Context,
    /// The grain, or a path such as `roles:web`.
    key: String,
    /// The value, or a list of them.
    val: Value,
    /// Make a list of a grain that is none.
    #[default(false)]
    convert: bool,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<Value> {
    let grains = cx.grains();
    let mut list = match at(&grains, &key, &delimiter) {
        None => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(Value::None) if convert => Vec::new(),
        Some(other) if convert => vec![other.clone()],
        Some(_) => return Ok(format!("The key {key} is not a valid list").into()),
    };
    if list.contains(&val) {
        return Ok(format!("The val {val} was already in the list {key}").into());
    }
    match val {
        Value::List(items) => list.extend(items),
        one => list.push(one),
    }
    let (name, value) = put_list(&grains, &key, &delimiter, list);
    store(cx, Map::new().with(name, value), false, true).await
}

/// Removes a value from a list.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.remove key val
/// ```
#[salt_fn]
async fn remove(
    cx: &Context,
    /// The grain, or a path such as `roles:web`.
    key: String,
    /// The value.
    val: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<Value> {
    let grains = cx.grains();
    let mut list = match at(&grains, &key, &delimiter) {
        None => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(_) => return Ok(format!("The key {key} is not a valid list").into()),
    };
    let Some(place) = list.iter().position(|item| *item == val) else {
        return Ok(format!("The val {val} was not in the list {key}").into());
    };
    list.remove(place);
    let (name, value) = put_list(&grains, &key, &delimiter, list);
    store(cx, Map::new().with(name, value), false, true).await
}

/// Sets a grain or a part of one, and says what has changed. Maps and lists are replaced only with `force=True`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.set 'apps:myApp:port' 2209
/// salt '*' grains.set 'apps:myApp' '{port: 2209}' force=True
/// ```
#[salt_fn]
async fn set(
    cx: &Context,
    /// The grain, or a path such as `apps:myApp:port`.
    key: String,
    /// The value.
    #[default("")]
    val: Value,
    /// Replace a map or a list.
    #[default(false)]
    force: bool,
    /// With a value of `None`: remove the key instead of setting it to nothing.
    #[default(false)]
    destructive: bool,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<Map> {
    Change { key, val, force, destructive, delimiter }.make(cx).await
}

/// Sets a grain or a part of one to `None`, or removes it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.delval key
/// salt '*' grains.delval key destructive=True force=True
/// ```
#[salt_fn]
async fn delval(
    cx: &Context,
    /// The grain, or a path such as `apps:myApp:port`.
    key: String,
    /// Remove the key.
    #[default(false)]
    destructive: bool,
    /// Do so with a map or a list too.
    #[default(false)]
    force: bool,
) -> Result<Map> {
    let change = Change { key, val: Value::None, force, destructive, delimiter: ":".into() };
    change.make(cx).await
}

/// Removes a grain or a part of one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' grains.delkey key
/// ```
#[salt_fn]
async fn delkey(
    cx: &Context,
    /// The grain, or a path such as `apps:myApp:port`.
    key: String,
    /// Remove a map or a list too.
    #[default(false)]
    force: bool,
) -> Result<Map> {
    let change = Change { key, val: Value::None, force, destructive: true, delimiter: ":".into() };
    change.make(cx).await
}

/// What `grains.set` is asked to do.
struct Change {
    key: String,
    val: Value,
    force: bool,
    destructive: bool,
    delimiter: String,
}

impl Change {
    async fn make(self, cx: &Context) -> Result<Map> {
        let mut ret = map! { "comment" => "", "changes" => Map::new(), "result" => true };
        let destructive = self.destructive;
        match self.planned(&cx.grains()) {
            Plan::Already => {
                ret.insert("comment", "Grain is already set");
            }
            Plan::Refused(comment) => {
                ret.insert("comment", comment);
                ret.insert("result", false);
            }
            Plan::Set(name, value) => match store(cx, Map::new().with(name, value), destructive, true).await?
            {
                changes @ Value::Map(_) => {
                    ret.insert("changes", changes);
                }
                comment => {
                    ret.insert("comment", comment);
                    ret.insert("result", false);
                }
            },
        }
        Ok(ret)
    }

    /// The topmost grain with its new value. A path is climbed from its end, each level taken into the one above.
    fn planned(self, grains: &Map) -> Plan {
        let Change { key, val, force, destructive, delimiter } = self;
        let existing = at(grains, &key, &delimiter);
        if existing == Some(&val) && !(val.is_none() && destructive) {
            return Plan::Already;
        }
        let complex = |value: &Value| matches!(value, Value::Map(_) | Value::List(_));
        // What is there but is `None` may be replaced by anything.
        match existing.filter(|value| !value.is_none()) {
            Some(there) if !force && complex(there) => {
                return Plan::Refused(format!(
                    "The key '{key}' exists but is a dict or a list. Use 'force=True' to overwrite."
                ));
            }
            Some(_) if !force && complex(&val) => {
                return Plan::Refused(format!(
                    "The key '{key}' exists and the given value is a dict or a list. Use 'force=True' to overwrite."
                ));
            }
            _ => {}
        }
        let (mut key, mut value) = (key, val);
        while let Some((above, rest)) = split_last(&key, &delimiter) {
            let there = at(grains, above, &delimiter).cloned().unwrap_or_else(|| Map::new().into());
            value = match there {
                Value::Map(mut map) if value.is_none() && destructive => {
                    map.remove(rest);
                    map.into()
                }
                Value::Map(map) => map.with(rest, value).into(),
                Value::List(list) => in_list(list, rest, value),
                other if force || other.as_str() == Some(rest) => Map::new().with(rest, value).into(),
                other => {
                    return Plan::Refused(format!(
                        "The key '{above}' value is '{other}', which is different from the provided key '{rest}'. \
                     Use 'force=True' to overwrite."
                    ));
                }
            };
            key = above.to_string();
        }
        Plan::Set(key, value)
    }
}

#[derive(Debug, PartialEq)]
enum Plan {
    Already,
    Refused(String),
    Set(String, Value),
}

/// Every item of a list that is the key, or a map with it, gets the value; if there is none, one is added.
fn in_list(mut list: Vec<Value>, key: &str, value: Value) -> Value {
    let mut found = false;
    for item in &mut list {
        match item {
            Value::Map(map) if map.contains_key(key) => {
                map.insert(key, value.clone());
                found = true;
            }
            Value::Str(text) if text == key => {
                *item = Map::new().with(key, value.clone()).into();
                found = true;
            }
            _ => {}
        }
    }
    if !found {
        list.push(Map::new().with(key, value).into());
    }
    list.into()
}

fn split_last<'a>(key: &'a str, delimiter: &str) -> Option<(&'a str, &'a str)> {
    if delimiter.is_empty() { None } else { key.rsplit_once(delimiter) }
}

/// The topmost grain of a path with a list put at its end.
fn put_list(grains: &Map, key: &str, delimiter: &str, list: Vec<Value>) -> (String, Value) {
    let (mut key, mut value) = (key.to_string(), Value::List(list));
    while let Some((above, rest)) = split_last(&key, delimiter) {
        let there = at(grains, above, delimiter).and_then(Value::as_map).cloned().unwrap_or_default();
        value = there.with(rest, value).into();
        key = above.to_string();
    }
    (key, value)
}

/// Writes grains into the file and lets the minion read them. Gives them, or a sentence if the file can't be read.
async fn store(cx: &Context, new: Map, destructive: bool, refresh_pillar: bool) -> Result<Value> {
    let path = file(cx)?;
    let mut kept = match tokio::fs::read_to_string(&path).await {
        Ok(text) => match yaml::load(&text) {
            Ok(Value::Map(kept)) => kept,
            Ok(_) => Map::new(),
            Err(error) => return Ok(format!("Unable to read existing grains file: {error}").into()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Ok(format!("Unable to read existing grains file: {error}").into()),
    };
    let mut current = (*cx.grains()).clone();
    for (key, value) in &new {
        if value.is_none() && destructive {
            kept.remove_key(key);
            current.remove_key(key);
        } else {
            kept.insert(key.clone(), value.clone());
            current.insert(key.clone(), value.clone());
        }
    }
    write(&path, &yaml::dump(&kept.into(), Style::block())).await.map_err(|error| {
        Error::execution(format!("Unable to write to grains file at {}: {error}", path.display()))
    })?;
    // What comes next in this run sees them at once; the refresh reads the file.
    cx.identity().set_grains(current);
    cx.master().refresh_grains().await?;
    if refresh_pillar {
        cx.master().refresh_pillar(None, false).await?;
    }
    Ok(new.into())
}

/// A file is written beside its place and then put there, so that nobody ever reads half of it.
async fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    if let Some(dir) = path.parent() {
        tokio::fs::create_dir_all(dir).await?;
    }
    let beside = path.with_extension("new");
    tokio::fs::write(&beside, text).await?;
    tokio::fs::rename(&beside, path).await
}

/// `proxy.d/<id>/grains` beside the configuration file.
fn file(cx: &Context) -> Result<PathBuf> {
    let opts = cx.opts();
    let Some(conf) = opts.get_str("conf_file").filter(|conf| !conf.is_empty()) else {
        return Err(Error::execution("The option conf_file is not set: there is no place for grains"));
    };
    let conf = PathBuf::from(conf);
    let dir = if conf.is_dir() { conf } else { conf.parent().map(PathBuf::from).unwrap_or_default() };
    Ok(dir.join("proxy.d").join(cx.id()).join("grains"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::list;

    fn planned(grains: &Map, key: &str, val: impl Into<Value>, force: bool, destructive: bool) -> Plan {
        let change = Change { key: key.into(), val: val.into(), force, destructive, delimiter: ":".into() };
        change.planned(grains)
    }

    #[test]
    fn set_plans_as_salt_does() {
        let grains = map! { "a" => map! { "b" => 1 }, "s" => "text", "l" => list!["x", map! { "y" => 1 }], "n" => Value::None };
        let set = |key: &str, value: Value| Plan::Set(key.into(), value);
        assert_eq!(planned(&grains, "s", "text", false, false), Plan::Already);
        assert_eq!(planned(&grains, "s", "new", false, false), set("s", "new".into()));
        assert_eq!(planned(&grains, "n", list![1], false, false), set("n", list![1]));
        assert_eq!(
            planned(&grains, "new:x:y", "z", false, false),
            set("new", map! { "x" => map! { "y" => "z" } }.into())
        );
        assert_eq!(planned(&grains, "a:c", 2, false, false), set("a", map! { "b" => 1, "c" => 2 }.into()));
        assert_eq!(planned(&grains, "a:b", Value::None, false, true), set("a", Map::new().into()));
        assert_eq!(
            planned(&grains, "a", "s", false, false),
            Plan::Refused(
                "The key 'a' exists but is a dict or a list. Use 'force=True' to overwrite.".into()
            )
        );
        assert_eq!(planned(&grains, "a", "s", true, false), set("a", "s".into()));
        assert_eq!(
            planned(&grains, "s", list![1], false, false),
            Plan::Refused(
                "The key 's' exists and the given value is a dict or a list. Use 'force=True' to overwrite."
                    .into()
            )
        );
        assert_eq!(planned(&grains, "l:y", 2, false, false), set("l", list!["x", map! { "y" => 2 }]));
        assert_eq!(
            planned(&grains, "s:t", 1, false, false),
            Plan::Refused(
                "The key 's' value is 'text', which is different from the provided key 't'. Use 'force=True' to \
                 overwrite."
                    .into()
            )
        );
    }
}
