//! The minion's options, and values that may stand in options, grains or pillar.
//!
//! Facts: `salt/modules/config.py` of Salt 3007.17.

use salt::{Context, Map, Result, Value, functions, map, salt_fn};

use crate::dictupdate::update;
use crate::lookup::at;
use salt::target::fnmatch;

functions![backup_mode, dot_vals, get, items, manage_mode, merge, option, valid_fileproto];

/// Gives a value by a path: from the options, else the grains, the pillar, or the master's options in the pillar.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.get proxy:proxytype
/// salt '*' config.get lxc.container_profile merge=recurse
/// ```
#[salt_fn]
async fn get(
    cx: &Context,
    /// The key, or a path such as `pkg:apache`.
    key: String,
    /// What to give if it is nowhere.
    #[default("")]
    default: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
    /// Merge the values of all places instead of taking the first: `recurse` or `overwrite`.
    merge: Option<String>,
    /// Don't look in the options.
    #[default(false)]
    omit_opts: bool,
    /// Don't look in the pillar.
    #[default(false)]
    omit_pillar: bool,
    /// Don't look in the master's options.
    #[default(false)]
    omit_master: bool,
    /// Don't look in the grains.
    #[default(false)]
    omit_grains: bool,
) -> Result<Value> {
    let places = Places::of(cx);
    let omit = Omit { opts: omit_opts, grains: omit_grains, pillar: omit_pillar, master: omit_master };
    let Some(strategy) = merge else {
        let found = places.in_order(&omit).into_iter().find_map(|place| at(place, &key, &delimiter).cloned());
        return Ok(found.or_else(|| at(&defaults(), &key, &delimiter).cloned()).unwrap_or(default));
    };
    if strategy != "recurse" && strategy != "overwrite" {
        tracing::warn!("Unsupported merge strategy '{strategy}'. Falling back to 'recurse'.");
    }
    let mut all = defaults();
    for place in places.in_order(&Omit::default()).into_iter().rev() {
        match strategy.as_str() {
            "overwrite" => all.extend(place.clone()),
            _ => all = update(all, place.clone(), false),
        }
    }
    Ok(at(&all, &key, &delimiter).cloned().unwrap_or(default))
}

/// Gives a value by its key: from the options, else the grains, the pillar, or the master's options in the pillar.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.option id
/// salt '*' config.option 'schedule*' wildcard=True
/// ```
#[salt_fn]
async fn option(
    cx: &Context,
    /// The key, taken as it is.
    value: String,
    /// What to give if it is nowhere, instead of an empty text or map.
    default: Option<Value>,
    /// Don't look in the options.
    #[default(false)]
    omit_opts: bool,
    /// Don't look in the grains.
    #[default(false)]
    omit_grains: bool,
    /// Don't look in the pillar.
    #[default(false)]
    omit_pillar: bool,
    /// Don't look in the master's options.
    #[default(false)]
    omit_master: bool,
    /// Look only among the built-in defaults.
    #[default(false)]
    omit_all: bool,
    /// The key is a pattern: give a map of all that fit.
    #[default(false)]
    wildcard: bool,
) -> Result<Value> {
    let omit = match omit_all {
        true => Omit { opts: true, grains: true, pillar: true, master: true },
        false => Omit { opts: omit_opts, grains: omit_grains, pillar: omit_pillar, master: omit_master },
    };
    let places = Places::of(cx);
    if !wildcard {
        let found = places.in_order(&omit).into_iter().find_map(|place| place.get(&value).cloned());
        let found = found.or_else(|| defaults().get(&value).cloned());
        return Ok(found.or(default).unwrap_or_else(|| "".into()));
    }
    let built_in = defaults();
    let mut ret = Map::new();
    for place in places.in_order(&omit).into_iter().rev().chain([&built_in]) {
        for (key, item) in place.iter().filter(|(key, _)| fnmatch(&key.to_string(), &value)) {
            ret.insert(key.clone(), item.clone());
        }
    }
    Ok(if ret.is_empty() { default.unwrap_or_else(|| Map::new().into()) } else { ret.into() })
}

/// Gives a value merged from the options, the master's options and the pillar: maps and lists are joined, the first text wins.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.merge schedule
/// ```
#[salt_fn]
async fn merge(
    cx: &Context,
    /// The key, taken as it is.
    value: String,
    /// What to give if it is nowhere.
    #[default("")]
    default: Value,
    /// Don't look in the options.
    #[default(false)]
    omit_opts: bool,
    /// Don't look in the master's options.
    #[default(false)]
    omit_master: bool,
    /// Don't look in the pillar.
    #[default(false)]
    omit_pillar: bool,
) -> Result<Value> {
    let places = Places::of(cx);
    let mut ret = Value::None;
    for (omit, place) in
        [(omit_opts, &*places.opts), (omit_master, places.master()), (omit_pillar, &*places.pillar)]
    {
        let Some(found) = place.get(&value).filter(|_| !omit) else { continue };
        ret = match (ret, found) {
            (Value::None, found) => found.clone(),
            // What was found first wins inside of maps too.
            (Value::Map(mine), Value::Map(theirs)) => {
                let mut joined = theirs.clone();
                joined.extend(mine);
                joined.into()
            }
            (Value::List(mut mine), Value::List(theirs)) => {
                mine.extend(theirs.iter().cloned());
                mine.into()
            }
            (ret, _) => ret,
        };
        if ret.as_str().is_some() {
            break;
        }
    }
    if ret.is_none() {
        ret = defaults().get(&value).cloned().unwrap_or(default);
    }
    Ok(ret)
}

/// Gives all options. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.items
/// ```
#[salt_fn]
async fn items(cx: &Context) -> Result<Map> {
    Ok(masked(&cx.opts()))
}

/// Gives the options whose names begin with a word and a dot, from the options and the master's options.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.dot_vals virt
/// ```
#[salt_fn]
async fn dot_vals(
    cx: &Context,
    /// The word before the dot.
    value: String,
) -> Result<Map> {
    let places = Places::of(cx);
    let prefix = format!("{value}.");
    let all = places.master().iter().chain(places.opts.iter());
    Ok(all
        .filter(|(key, _)| key.as_str().is_some_and(|k| k.starts_with(&prefix)))
        .map(|(key, item)| (key.clone(), item.clone()))
        .collect())
}

/// Writes the mode of a file with four digits.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.manage_mode 775
/// ```
#[salt_fn]
async fn manage_mode(
    _cx: &Context,
    /// The mode, for example `775`.
    #[required]
    mode: Option<String>,
) -> Result<Option<String>> {
    // `salt.utils.files.normalize_mode`: quotes and a `0o` are taken off, one leading zero stays.
    Ok(mode.map(|mode| {
        let digits = mode.replace("0o", "0");
        format!("{:0>4}", digits.trim_matches('"').trim_start_matches('0'))
    }))
}

/// Says whether the scheme of a URI is one that Salt's file functions know.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.valid_fileproto salt://path/to/file
/// ```
#[salt_fn]
async fn valid_fileproto(
    _cx: &Context,
    /// The URI.
    uri: String,
) -> Result<bool> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    Ok(matches!(scheme.as_deref(), Some("salt" | "file" | "http" | "https" | "ftp" | "swift" | "s3")))
}

/// Gives the backup mode: the one given, or the option `backup_mode`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' config.backup_mode
/// ```
#[salt_fn]
async fn backup_mode(
    cx: &Context,
    /// The mode that wins over the option.
    #[default("")]
    backup: Value,
) -> Result<Value> {
    if backup.truthy() { Ok(backup) } else { lookup(cx, "backup_mode", "".into()) }
}

/// The value of `config.option` with its defaults.
pub fn lookup(cx: &Context, key: &str, default: Value) -> Result<Value> {
    let places = Places::of(cx);
    let found = places.in_order(&Omit::default()).into_iter().find_map(|place| place.get(key).cloned());
    Ok(found.or_else(|| defaults().get(key).cloned()).unwrap_or(default))
}

/// Options without their secrets.
pub fn masked(opts: &Map) -> Map {
    let mut opts = opts.clone();
    for (key, value) in opts.iter_mut() {
        let name = key.as_str().unwrap_or_default().to_ascii_lowercase();
        let secret = ["password", "passwd", "passwords", "token", "secret"];
        if secret.iter().any(|s| name == *s || name.ends_with(&format!("_{s}"))) && value.truthy() {
            *value = match value {
                Value::List(items) => vec![MASK; items.len()].into(),
                _ => MASK.into(),
            };
        } else if let Value::Map(inner) = value {
            *value = masked(inner).into();
        }
    }
    opts
}

/// What stands in the place of a secret.
pub const MASK: &str = "**********";

#[derive(Default)]
struct Omit {
    opts: bool,
    grains: bool,
    pillar: bool,
    master: bool,
}

/// Where values are looked for.
struct Places {
    opts: std::sync::Arc<Map>,
    grains: std::sync::Arc<Map>,
    pillar: std::sync::Arc<Map>,
    none: Map,
}

impl Places {
    fn of(cx: &Context) -> Places {
        Places { opts: cx.opts(), grains: cx.grains(), pillar: cx.pillar(), none: Map::new() }
    }

    /// The master's options, for masters with `pillar_opts: True`.
    fn master(&self) -> &Map {
        self.pillar.get("master").and_then(Value::as_map).unwrap_or(&self.none)
    }

    /// The places that are not left out, the first to be looked in first.
    fn in_order(&self, omit: &Omit) -> Vec<&Map> {
        let places = [
            (omit.opts, &*self.opts),
            (omit.grains, &*self.grains),
            (omit.pillar, &*self.pillar),
            (omit.master, self.master()),
        ];
        places.into_iter().filter(|(omit, _)| !omit).map(|(_, place)| place).collect()
    }
}

/// The defaults of Salt's own module that a proxy minion can use.
fn defaults() -> Map {
    map! { "test.foo" => "unconfigured", "hosts.file" => "/etc/hosts", "aliases.file" => "/etc/aliases" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::list;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let opts = map! {
            "id" => "vc01",
            "proxy" => map! { "password" => "x", "passwords" => list!["a", "b"], "username" => "root" },
            "rest_api_password" => "x",
            "master_tops" => Map::new(),
        };
        let text = Value::Map(masked(&opts)).repr();
        assert_eq!(
            text,
            "{'id': 'vc01', 'proxy': {'password': '**********', 'passwords': ['**********', '**********'], \
             'username': 'root'}, 'rest_api_password': '**********', 'master_tops': {}}"
        );
    }
}
