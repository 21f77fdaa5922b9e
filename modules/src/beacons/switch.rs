//! Switching beacons on and off.

use salt::{Context, Map, Result, functions, salt_fn};

use super::{beacons, is_test, outcome};

functions![disable, disable_beacon, enable, enable_beacon];

/// Switches the beacons on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.enable
/// ```
#[salt_fn]
async fn enable(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    all(cx, &kwargs, true)
}

/// Switches the beacons off.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.disable
/// ```
#[salt_fn]
async fn disable(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    all(cx, &kwargs, false)
}

/// Switches one beacon on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.enable_beacon load
/// ```
#[salt_fn]
async fn enable_beacon(
    cx: &Context,
    /// The name.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    one(cx, &name, &kwargs, true)
}

/// Switches one beacon off.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.disable_beacon load
/// ```
#[salt_fn]
async fn disable_beacon(
    cx: &Context,
    /// The name.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    one(cx, &name, &kwargs, false)
}

fn all(cx: &Context, kwargs: &Map, enabled: bool) -> Result<Map> {
    let (done, would) = if enabled { ("Enabled", "enabled") } else { ("Disabled", "disabled") };
    if is_test(kwargs) {
        return Ok(outcome(format!("Beacons would be {would}."), true));
    }
    beacons(cx)?.switch_all(enabled);
    Ok(outcome(format!("{done} beacons on minion."), true))
}

fn one(cx: &Context, name: &str, kwargs: &Map, enabled: bool) -> Result<Map> {
    if name.is_empty() {
        return Ok(outcome("Beacon name is required.", false));
    }
    if is_test(kwargs) {
        let would = if enabled {
            format!("Beacon {name} would be enabled.")
        } else {
            "Beacons would be disabled.".into()
        };
        return Ok(outcome(would, true));
    }
    let beacons = beacons(cx)?;
    if !beacons.list(true, true).contains_key(name) {
        return Ok(outcome(format!("Beacon {name} is not currently configured."), false));
    }
    Ok(match beacons.switch(name, enabled) {
        Ok(()) => {
            let done = if enabled { "Enabled" } else { "Disabled" };
            outcome(format!("{done} beacon {name} on minion."), true)
        }
        Err(comment) => outcome(comment, false),
    })
}
