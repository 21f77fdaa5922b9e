//! What the functions of `status` say (`salt/beacons/status.py`).

use salt::{Args, Context, Error, Map, Value, map};
use tracing::debug;

use super::{Glance, Kind};

pub const KIND: Kind = Kind { name: "status", validate, look: |cx, glance| Box::pin(look(cx, glance)) };

/// What is asked where nothing is configured.
const USUAL: [&str; 5] = ["loadavg", "cpustats", "meminfo", "vmstats", "time"];

fn validate(config: &Value) -> Result<(), String> {
    match config {
        Value::List(_) => Ok(()),
        _ => Err("Configuration for status beacon must be a list.".into()),
    }
}

async fn look(cx: &Context, glance: Glance<'_>) -> Result<Vec<Map>, String> {
    let usual: Vec<Map> = vec![USUAL.iter().map(|name| (Value::from(*name), Value::from(["all"]))).collect()];
    let asked = if glance.items.is_empty() { &usual } else { glance.items };
    let mut seen = Map::new();
    for (name, items) in asked.iter().flatten() {
        let name = name.to_string();
        let data = match cx.call(&format!("status.{name}"), Args::none()).await {
            Ok(data) => data,
            Err(error @ (Error::NotAvailable(_) | Error::Execution(_))) => {
                debug!("Status beacon attempted to process function {name} but encountered error: {error}");
                seen.insert(name, Map::new());
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let one = [items.clone()];
        let mut chosen = Value::from(Map::new());
        for item in items.as_list().unwrap_or(&one) {
            if item.as_str() == Some("all") {
                chosen = data.clone();
                continue;
            }
            match (part(&data, item), chosen.as_map_mut()) {
                (Some(found), Some(chosen)) => {
                    chosen.insert(item.clone(), found);
                }
                (None, _) => {
                    chosen = format!("Status beacon is incorrectly configured: {}", item.repr()).into();
                }
                (Some(_), None) => {}
            }
        }
        seen.insert(name, chosen);
    }
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string();
    Ok(vec![map! { "tag" => now, "data" => seen }])
}

/// A part of what a function says: by key, or by place in a list.
fn part(data: &Value, item: &Value) -> Option<Value> {
    match data {
        Value::Map(map) => map.get_key(item).cloned(),
        Value::List(items) => {
            items.get(usize::try_from(item.to_string().parse::<u32>().ok()?).ok()?).cloned()
        }
        _ => None,
    }
}
