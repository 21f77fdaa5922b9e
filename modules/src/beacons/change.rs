//! Putting beacons in, and taking them out.

use salt::{Context, Map, Result, Value, functions, map, salt_fn};

use super::{beacons, diff, is_test, kind, outcome};

functions![add, delete, modify, reset];

/// Puts a beacon in.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.add load '[{averages: {1m: [0.0, 2.0]}}, {interval: 60}]'
/// salt '*' beacons.add mine '[{beacon_module: status}, {loadavg: [all]}]' test=True
/// ```
#[salt_fn]
async fn add(
    cx: &Context,
    /// The name: the kind of the beacon, or any with the option `beacon_module`.
    name: String,
    /// The options: a list of maps.
    beacon_data: Value,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let beacons = beacons(cx)?;
    if beacons.list(true, true).contains_key(&name) {
        return Ok(outcome(format!("Beacon {name} is already configured."), true));
    }
    let kind = kind(&name, &beacon_data)?;
    if !beacons.available().contains(&kind) {
        return Ok(outcome(format!("Beacon \"{kind}\" is not available."), false));
    }
    if is_test(&kwargs) {
        return Ok(outcome(format!("Beacon: {name} would be added."), true));
    }
    if let Err(comment) = beacons.validate(&name, &beacon_data) {
        let comment = format!("Beacon {name} configuration invalid, not adding.\n{comment}");
        return Ok(outcome(comment, false));
    }
    Ok(match beacons.put(&name, beacon_data, "update") {
        Ok(()) => outcome(format!("Added beacon: {name}."), true),
        Err(comment) => outcome(comment, false),
    })
}

/// Changes a beacon, and gives the difference.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.modify load '[{averages: {1m: [0.0, 3.0]}}, {interval: 60}]'
/// ```
#[salt_fn]
async fn modify(
    cx: &Context,
    /// The name.
    name: String,
    /// The new options: a list of maps.
    beacon_data: Value,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let beacons = beacons(cx)?;
    let all = beacons.list(true, true);
    let Some(current) = all.get(&name) else {
        return Ok(outcome(format!("Beacon {name} is not configured."), true));
    };
    if is_test(&kwargs) {
        return Ok(outcome(format!("Beacon: {name} would be modified."), true));
    }
    if let Err(comment) = beacons.validate(&name, &beacon_data) {
        let comment = format!("Beacon {name} configuration invalid, not modifying.\n{comment}");
        return Ok(outcome(comment, false));
    }
    if *current == beacon_data {
        return Ok(outcome(format!("Job {name} in correct state"), true));
    }
    let diff = diff::unified(&lines(current), &lines(&beacon_data));
    let ret = match beacons.put(&name, beacon_data, "modify") {
        Ok(()) => outcome(format!("Modified beacon: {name}."), true),
        Err(comment) => outcome(comment, false),
    };
    Ok(ret.with("changes", map! { "diff" => diff }))
}

/// Each option as a line.
fn lines(beacon: &Value) -> Vec<String> {
    let one = [beacon.clone()];
    let items = beacon.as_list().unwrap_or(&one).iter().filter_map(Value::as_map);
    items.flatten().map(|(option, value)| format!("{option}:{value}")).collect()
}

/// Takes a beacon out. It is no error if there is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.delete load
/// ```
#[salt_fn]
async fn delete(
    cx: &Context,
    /// The name.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    if is_test(&kwargs) {
        return Ok(outcome(format!("Beacon: {name} would be deleted."), true));
    }
    Ok(match beacons(cx)?.remove(&name) {
        Ok(()) => outcome(format!("Deleted beacon: {name}."), true),
        Err(comment) => outcome(comment, false),
    })
}

/// Takes all beacons out that are not the pillar's.
///
/// CLI Example:
///
/// ```bash
/// salt '*' beacons.reset
/// ```
#[salt_fn]
async fn reset(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    if is_test(&kwargs) {
        return Ok(outcome("Beacons would be reset.", true));
    }
    beacons(cx)?.reset();
    Ok(outcome("Beacon configuration reset.", true))
}
