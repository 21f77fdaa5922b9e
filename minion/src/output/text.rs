//! The plain outputters `txt` and `newline_values_only`.

use salt::Value;

use super::pprint;

/// `key: line` for each line of each value.
pub(super) fn txt(data: &Value) -> String {
    match data {
        Value::Map(map) => map.iter().fold(String::new(), |mut out, (key, value)| {
            match value {
                Value::Str(text) => {
                    for line in text.lines() {
                        out.push_str(&format!("{key}: {line}\n"));
                    }
                }
                other => out.push_str(&format!("{key}: {other}\n")),
            }
            out
        }),
        Value::Str(text) => format!("{text}\n"),
        other => format!("{}\n", pprint::text(other)),
    }
}

/// The values of the minions alone, one a line; a list gives a line an item.
pub(super) fn values(data: &Value) -> String {
    let rows: Vec<String> = match data {
        Value::Map(map) => map.values().flat_map(items).map(Value::to_string).collect(),
        other => items(other).iter().map(Value::to_string).collect(),
    };
    rows.join("\n")
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        other => std::slice::from_ref(other),
    }
}
