//! The load of the host (`salt/beacons/load.py`).

use std::sync::PoisonError;

use salt::beacon::options;
use salt::{Context, Map, Value, map};

use super::{Glance, Kind};

pub const KIND: Kind = Kind { name: "load", validate, look: |cx, glance| Box::pin(look(cx, glance)) };

const SPANS: [&str; 3] = ["1m", "5m", "15m"];

fn validate(config: &Value) -> Result<(), String> {
    if config.as_list().is_none() {
        return Err("Configuration for load beacon must be a list.".into());
    }
    let options = options(config);
    for option in ["emitatstartup", "onchangeonly"] {
        if options.get(option).is_some_and(|value| value.as_bool().is_none()) {
            return Err(format!("Configuration for load beacon option {option} must be a boolean."));
        }
    }
    let Some(averages) = options.get("averages") else {
        return Err("Averages configuration is required for load beacon.".into());
    };
    let spans: Vec<&Value> = SPANS.iter().filter_map(|span| averages.get(span)).collect();
    if spans.is_empty() {
        return Err("Averages configuration for load beacon must contain 1m, 5m or 15m items.".into());
    }
    if spans.iter().any(|limits| limits.as_list().is_none()) {
        return Err(
            "Averages configuration for load beacon: 1m, 5m and 15m items must be a list of two items."
                .into(),
        );
    }
    if spans.iter().any(|limits| self::limits(limits).is_none()) {
        return Err("Configuration for load beacon: 1m, 5m and 15m items must be a list of two items.".into());
    }
    Ok(())
}

async fn look(_cx: &Context, glance: Glance<'_>) -> Result<Vec<Map>, String> {
    let text = std::fs::read_to_string("/proc/loadavg").map_err(|e| format!("/proc/loadavg: {e}"))?;
    let numbers: Vec<f64> = text.split_whitespace().take(3).filter_map(|word| word.parse().ok()).collect();
    let [one, five, fifteen] = numbers[..] else { return Err("/proc/loadavg has no numbers".into()) };
    let mut last = glance.memory.lock().unwrap_or_else(PoisonError::into_inner);
    let now = map! { "1m" => one, "5m" => five, "15m" => fifteen };
    Ok(if told(&glance.options, &mut last, &now) { vec![now] } else { vec![] })
}

/// Whether the load is told: if it is outside its limits, or, with `onchangeonly`, when it goes outside of them.
fn told(options: &Map, last: &mut Map, now: &Map) -> bool {
    let is = |option: &str, default: bool| options.get(option).map_or(default, Value::truthy);
    let only_changes = is("onchangeonly", false);
    let first = last.is_empty();
    let before = std::mem::replace(last, now.clone());
    if only_changes && first && !is("emitatstartup", true) {
        return false;
    }
    // At the start there is no change: the load is compared with itself.
    let before = if first { now } else { &before };
    let number = |map: &Map, span: &str| map.get(span).and_then(Value::as_f64).unwrap_or(0.0);
    SPANS.iter().any(|span| {
        let averages = options.get("averages").and_then(|averages| averages.get(span));
        let Some((low, high)) = averages.and_then(limits) else { return false };
        let (is, was) = (number(now, span), number(before, span));
        match only_changes {
            true => is > high && was < high || is < low && was > low,
            false => is < low || is > high,
        }
    })
}

fn limits(value: &Value) -> Option<(f64, f64)> {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    match value.as_list()? {
        [low, high] => Some((number(low)?, number(high)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::list;

    fn load(one: f64) -> Map {
        map! { "1m" => one, "5m" => 0.5, "15m" => 0.5 }
    }

    #[test]
    fn the_load_is_told_outside_its_limits() {
        let options = map! { "averages" => map! { "1m" => list![0.0, 2.0] } };
        let mut last = Map::new();
        let told: Vec<bool> = [1.0, 3.0, 3.0, 1.0].map(|one| told(&options, &mut last, &load(one))).to_vec();
        assert_eq!(told, [false, true, true, false]);
    }

    #[test]
    fn only_changes_are_told_where_that_is_wanted() {
        let options = map! { "onchangeonly" => true, "averages" => map! { "1m" => list![0.5, 2.0] } };
        let mut last = Map::new();
        let loads = [3.0, 3.0, 1.0, 3.0, 3.0, 1.0, 0.1, 0.1];
        let seen: Vec<bool> = loads.map(|one| told(&options, &mut last, &load(one))).to_vec();
        assert_eq!(seen, [false, false, false, true, false, false, true, false]);
    }

    /// The sentences are Salt's.
    #[test]
    fn a_configuration_is_checked() {
        let bad = |config: Value| validate(&config).unwrap_err();
        assert_eq!(bad(Map::new().into()), "Configuration for load beacon must be a list.");
        assert_eq!(bad(list![]), "Averages configuration is required for load beacon.");
        assert!(bad(list![map! { "averages" => Map::new() }]).contains("must contain 1m, 5m or 15m"));
        assert!(bad(list![map! { "averages" => map! { "1m" => 3 } }]).contains("list of two items"));
        assert!(bad(list![map! { "averages" => map! { "1m" => list![3] } }]).contains("list of two items"));
        assert!(bad(list![map! { "onchangeonly" => "yes" }]).contains("onchangeonly must be a boolean"));
        assert_eq!(validate(&list![map! { "averages" => map! { "1m" => list![0.0, "2"] } }]), Ok(()));
    }
}
