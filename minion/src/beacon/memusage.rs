//! How much of the host's memory is in use (`salt/beacons/memusage.py`).

use salt::beacon::options;
use salt::{Context, Map, Value, map};

use super::{Glance, Kind};

pub const KIND: Kind = Kind { name: "memusage", validate, look: |cx, glance| Box::pin(look(cx, glance)) };

fn validate(config: &Value) -> Result<(), String> {
    match config {
        Value::List(_) => match percent(&options(config)) {
            Some(_) => Ok(()),
            None => Err("Configuration for memusage beacon requires percent.".into()),
        },
        _ => Err("Configuration for memusage beacon must be a list.".into()),
    }
}

async fn look(_cx: &Context, glance: Glance<'_>) -> Result<Vec<Map>, String> {
    let limit = percent(&glance.options).ok_or("percent is not set")?;
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|e| format!("/proc/meminfo: {e}"))?;
    let used = used(&text).ok_or("/proc/meminfo does not say how much there is")?;
    Ok(if used >= limit { vec![map! { "memusage" => used }] } else { vec![] })
}

fn percent(options: &Map) -> Option<f64> {
    match options.get("percent")? {
        Value::Str(text) => text.replace('%', "").trim().parse().ok(),
        number => number.as_f64(),
    }
}

/// The share in use in percent, to one place.
fn used(meminfo: &str) -> Option<f64> {
    let number = |name: &str| -> Option<f64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (total, available) = (number("MemTotal")?, number("MemAvailable")?);
    (total > 0.0).then(|| ((total - available) / total * 1000.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_what_is_not_available() {
        assert_eq!(used("MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    755 kB\n"), Some(24.5));
        assert_eq!(used("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), None);
        assert_eq!(percent(&map! { "percent" => "63%" }), Some(63.0));
        assert_eq!(percent(&map! { "percent" => 5 }), Some(5.0));
    }
}
