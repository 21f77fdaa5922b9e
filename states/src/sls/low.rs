//! High data to chunks in the order in which they run (`State.compile_high_data`, `State.order_chunks`).

use salt::{Map, Value};

use crate::sls::chunk::text;

/// The chunks of a tree, in order.
pub fn chunks(high: &Map, orchestration_jid: Option<&Value>) -> Vec<Map> {
    let mut chunks = Vec::new();
    for (id, body) in high {
        let Some(body) = body.as_map() else { continue };
        if id.as_str().is_some_and(|id| id.starts_with("__")) {
            continue;
        }
        for (module, run) in body {
            let (Some(module), Some(run)) = (module.as_str(), run.as_list()) else { continue };
            if !module.starts_with("__") {
                expand(id, body, module, run, orchestration_jid, &mut chunks);
            }
        }
    }
    order(&mut chunks);
    chunks
}

fn expand(id: &Value, body: &Map, module: &str, run: &[Value], jid: Option<&Value>, chunks: &mut Vec<Map>) {
    let mut chunk = Map::new().with("state", module).with("name", id);
    if let Some(jid) = jid {
        chunk.insert("__orchestration_jid__", jid);
    }
    for key in ["__sls__", "__env__", "__sls_included_from__"] {
        if let Some(value) = body.get(key) {
            chunk.insert(key, value);
        }
    }
    chunk.insert("__id__", id);
    let mut functions: Vec<&str> = Vec::new();
    let mut names: Vec<&Value> = Vec::new();
    for arg in run {
        match arg {
            Value::Str(function) if !functions.contains(&function.as_str()) => functions.push(function),
            Value::Map(arg) => {
                for (key, value) in arg {
                    match key.as_str() {
                        Some("names") => {
                            for name in value.as_list().unwrap_or_default() {
                                if !names.contains(&name) {
                                    names.push(name);
                                }
                            }
                        }
                        Some("state") => {}
                        Some("name") if value.as_str().is_none() => {
                            chunk.insert("name", id);
                        }
                        _ => {
                            chunk.insert(key, value);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let mut push = |chunk: Map| {
        for function in &functions {
            chunks.push(chunk.clone().with("fun", *function));
        }
    };
    if names.is_empty() {
        push(chunk);
        return;
    }
    for (i, entry) in names.into_iter().enumerate() {
        let mut one = chunk.clone();
        match entry.as_map().and_then(|entry| entry.iter().next()) {
            Some((name, args)) => {
                one.insert("name", name);
                for arg in args.as_list().unwrap_or_default().iter().filter_map(Value::as_map) {
                    one.extend(arg.clone());
                }
            }
            None => {
                one.insert("name", entry);
            }
        }
        one.insert("name_order", i + 1);
        push(one);
    }
}

fn order(chunks: &mut [Map]) {
    let mut cap = 1;
    for chunk in chunks.iter() {
        if let Some(Value::Int(order)) = chunk.get("order")
            && *order > cap - 1
            && *order > 0
        {
            cap = order.saturating_add(100);
        }
    }
    let last = cap.saturating_add(1_000_000);
    for chunk in chunks.iter_mut() {
        let nth = chunk.remove("name_order").and_then(|nth| nth.as_f64());
        let order = match chunk.get("order") {
            None => {
                chunk.insert("order", cap);
                continue;
            }
            Some(order @ (Value::Int(_) | Value::Float(_) | Value::BigInt(_))) => order.clone(),
            Some(Value::Bool(order)) => i64::from(*order).into(),
            Some(Value::Str(word)) if word == "last" => last.into(),
            Some(Value::Str(word)) if word == "first" => 0.into(),
            Some(_) => cap.into(),
        };
        let order = match nth {
            Some(nth) => (order.as_f64().unwrap_or(0.0) + nth / 10_000.0).into(),
            None => order,
        };
        let order = match order {
            Value::Int(n) if n < 0 => last.saturating_add(n).into(),
            Value::Float(x) if x < 0.0 => (last as f64 + x).into(),
            other => other,
        };
        chunk.insert("order", order);
    }
    let key = |chunk: &Map| {
        let order = chunk.get("order").and_then(Value::as_f64).unwrap_or(0.0);
        let name = format!("{}{}{}", text(chunk, "state"), text(chunk, "name"), text(chunk, "fun"));
        (order, name)
    };
    chunks.sort_by_cached_key(|chunk| {
        let (order, name) = key(chunk);
        (Order(order), name)
    });
}

#[derive(PartialEq)]
struct Order(f64);

impl Eq for Order {}

impl Ord for Order {
    fn cmp(&self, other: &Order) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Order) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
