//! The environment of the minion's process, to read. What is a password by its name is masked.
//!
//! Facts: `salt/modules/environ.py` of Salt 3007.17.

use salt::{Context, Map, Result, Value, functions, salt_fn};

functions![get, has_value, item, items];

/// Gives a variable.
///
/// CLI Example:
///
/// ```bash
/// salt '*' environ.get PATH
/// ```
#[salt_fn]
async fn get(
    _cx: &Context,
    /// The variable.
    key: String,
    /// What to give if it is not set.
    #[default("")]
    default: Value,
) -> Result<Value> {
    Ok(all().remove(&key).unwrap_or(default))
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
    _cx: &Context,
    /// The variable.
    key: String,
    /// The value.
    value: Option<String>,
) -> Result<bool> {
    Ok(match (std::env::var(&key), value) {
        (Ok(_), None) => true,
        (Ok(is), Some(wanted)) => is == wanted,
        (Err(_), _) => false,
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
    _cx: &Context,
    /// The variable, or a list of them.
    keys: Value,
    /// What to give for those that are not set.
    #[default("")]
    default: Value,
) -> Result<Map> {
    let all = all();
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
async fn items(_cx: &Context) -> Result<Map> {
    Ok(all())
}

fn all() -> Map {
    let text = |text: std::ffi::OsString| Value::from(text.to_string_lossy().into_owned());
    crate::config::masked(&std::env::vars_os().map(|(key, value)| (text(key), text(value))).collect())
}
