//! The environment of the minion and of the commands that it runs. What is a password by its name is masked when shown.
//!
//! The process itself keeps the environment that it was started with, as the original's does: changes hold for this
//! minion's functions and commands, until it ends.
//!
//! Facts: `salt/modules/environ.py` of Salt 3007.17.

use salt::{Context, Map, Result, Value, functions, salt_fn};

functions![get, has_value, item, items, setenv, setval];

/// Gives a variable.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.get PATH
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The variable.
    key: String,
    /// What to give if it is not set.
    #[default("")]
    default: Value,
) -> Result<Value> {
    Ok(shown(cx).remove(&key).unwrap_or(default))
}

/// Says whether a variable is set, or whether it is set to a value.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.has_value PATH
/// ```
#[salt_fn]
async fn has_value(
    cx: &Context,
    /// The variable.
    key: String,
    /// The value.
    value: Option<String>,
) -> Result<bool> {
    Ok(match (all(cx).get_str(&key), value) {
        (Some(_), None) => true,
        (Some(is), Some(wanted)) => is == wanted,
        (None, _) => false,
    })
}

/// Gives the variables named.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.item PATH
/// salt '*' environ.item '[PATH, HOME]' default=None
/// ```
#[salt_fn]
async fn item(
    cx: &Context,
    /// The variable, or a list of them.
    keys: Value,
    /// What to give for those that are not set.
    #[default("")]
    default: Value,
) -> Result<Map> {
    let all = shown(cx);
    let found = |key: &Value| (key.clone(), all.get_key(key).cloned().unwrap_or(default.clone()));
    Ok(match &keys {
        Value::List(keys) => keys.iter().map(found).collect(),
        one => [found(one)].into_iter().collect(),
    })
}

/// Gives all variables.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.items
/// ```
#[salt_fn]
async fn items(cx: &Context) -> Result<Map> {
    Ok(shown(cx))
}

/// Sets a variable and gives its value, or `None` if it was unset, or `False` if it can't be set.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.setval foo bar
/// salt '*' environ.setval baz val=False false_unsets=True
/// ```
#[salt_fn]
async fn setval(
    cx: &Context,
    /// The variable.
    key: String,
    /// The value: text, or `False` for an empty one.
    #[required]
    val: Option<Value>,
    /// Let `False` unset the variable.
    #[default(false)]
    false_unsets: bool,
    /// Taken for compatibility: only Windows knows it.
    #[default(false)]
    permanent: Value,
) -> Result<Value> {
    let _ = permanent;
    Ok(changed(cx, &key, &val.unwrap_or_default(), false_unsets))
}

/// Sets several variables and gives what `environ.setval` gives for each.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.setenv '{"foo": "bar", "baz": "quux"}'
/// salt '*' environ.setenv '{"a": "b", "c": False}' false_unsets=True
/// ```
#[salt_fn]
async fn setenv(
    cx: &Context,
    /// The values by variable.
    environ: Value,
    /// Let `False` unset a variable.
    #[default(false)]
    false_unsets: bool,
    /// Set all other variables to `False`, too.
    #[default(false)]
    clear_all: bool,
    /// Taken for compatibility: changes hold for all of the minion's jobs.
    #[default(false)]
    update_minion: bool,
    /// Taken for compatibility: only Windows knows it.
    #[default(false)]
    permanent: Value,
) -> Result<Value> {
    let _ = (update_minion, permanent);
    let Value::Map(wanted) = environ else { return Ok(false.into()) };
    let mut ret = Map::new();
    if clear_all {
        for (key, _) in all(cx).iter().filter(|(key, _)| wanted.get_key(key).is_none()) {
            ret.insert(key.clone(), changed(cx, &key.to_string(), &false.into(), false_unsets));
        }
    }
    for (key, value) in &wanted {
        let key = key.to_string();
        if !matches!(value, Value::Str(_) | Value::Bool(false)) {
            return Ok(false.into());
        }
        let done = changed(cx, &key, value, false_unsets);
        ret.insert(key, done);
    }
    Ok(ret.into())
}

fn changed(cx: &Context, key: &str, value: &Value, false_unsets: bool) -> Value {
    let value = match value {
        Value::Bool(false) if false_unsets => Value::None,
        Value::Bool(false) => "".into(),
        Value::Str(text) => text.into(),
        other => {
            tracing::debug!("the variable {key} can't be a {}", other.type_name());
            return false.into();
        }
    };
    let text = value.as_str().unwrap_or_default();
    if key.is_empty() || key.contains(['=', '\0']) || text.contains('\0') {
        tracing::error!("{key:?} can't be a variable of the environment with this value");
        return false.into();
    }
    let mut changes = (*cx.identity().environ()).clone();
    changes.insert(key, value.clone());
    cx.identity().set_environ(changes);
    value
}

/// The environment: that of the process, and what was changed since.
pub fn all(cx: &Context) -> Map {
    let text = |text: std::ffi::OsString| Value::from(text.to_string_lossy().into_owned());
    let mut all: Map = std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect();
    for (key, value) in cx.identity().environ().iter() {
        match value {
            Value::None => drop(all.remove_key(key)),
            value => drop(all.insert(key.clone(), value.clone())),
        }
    }
    all
}

fn shown(cx: &Context) -> Map {
    crate::config::masked(&all(cx))
}
