//! The beacons of this minion.
//!
//! Facts: `salt/modules/beacons.py` of Salt 3007.17. Beacons of the pillar are listed and run like all others, but only the
//! pillar can change them. The keyword `timeout`, which the original waits for its own process, is taken and not needed.

mod change;
mod diff;
mod switch;

use salt::beacon::{Beacons, options};
use salt::{Context, Error, Function, Map, Result, Value, functions, map, salt_fn, yaml};
use std::sync::Arc;

/// The tables of this module.
pub const TABLES: [&[Function]; 3] = [FUNCTIONS, change::FUNCTIONS, switch::FUNCTIONS];

functions![list_, list_available, save];

/// Lists the beacons with their configuration.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.list
/// salt '*' beacons.list return_yaml=False include_pillar=False
/// ```
#[salt_fn]
async fn list_(
    cx: &Context,
    /// Give YAML text instead of a map.
    #[default(true)]
    return_yaml: bool,
    /// With those of the pillar.
    #[default(true)]
    include_pillar: bool,
    /// With all others.
    #[default(true)]
    include_opts: bool,
    #[kwargs] _kwargs: Map,
) -> Result<Value> {
    let all = beacons(cx)?.list(include_pillar, include_opts);
    Ok(if return_yaml { text(all.into()).into() } else { all.into() })
}

/// Lists the kinds of beacons that there are.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.list_available
/// ```
#[salt_fn]
async fn list_available(
    cx: &Context,
    /// Give YAML text instead of a list.
    #[default(true)]
    return_yaml: bool,
    #[kwargs] _kwargs: Map,
) -> Result<Value> {
    let all = Value::from(beacons(cx)?.available());
    Ok(if return_yaml { text(all).into() } else { all })
}

/// Writes the beacons that are not the pillar's into a file that the minion reads at its start.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.save
/// ```
#[salt_fn]
async fn save(cx: &Context, #[kwargs] _kwargs: Map) -> Result<Map> {
    let all = beacons(cx)?.list(false, true);
    let file = salt::beacon::file(&cx.opts());
    let content = if all.is_empty() { String::new() } else { text(all.into()) };
    let written =
        file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, content));
    Ok(match written {
        Ok(()) => outcome(format!("Beacons saved to {}.", file.display()), true),
        Err(error) => {
            tracing::error!("{}: {error}", file.display());
            let comment =
                format!("Unable to write to beacons file at {}. Check permissions.", file.display());
            outcome(comment, false)
        }
    })
}

fn beacons(cx: &Context) -> Result<Arc<dyn Beacons>> {
    cx.identity().beacons()
}

fn text(beacons: Value) -> String {
    yaml::dump(&map! { "beacons" => beacons }.into(), yaml::Style::block())
}

fn outcome(comment: impl Into<Value>, result: bool) -> Map {
    map! { "comment" => comment, "result" => result }
}

fn is_test(kwargs: &Map) -> bool {
    kwargs.get("test").is_some_and(Value::truthy)
}

/// The kind of a beacon: its name, unless `beacon_module` says another.
fn kind(name: &str, data: &Value) -> Result<String> {
    if !matches!(data, Value::List(_) | Value::Map(_)) {
        return Err(Error::invocation(format!("A beacon is a list of maps, got {}", data.repr())));
    }
    let module = options(data).get("beacon_module").filter(|module| module.truthy()).map(Value::to_string);
    Ok(module.unwrap_or_else(|| name.to_string()))
}
