//! Python's `pprint.pformat`: one line where it fits into 80 columns, else an item a line. Long text is not broken into
//! pieces as CPython does, so that it can be searched and copied.

use salt::Value;

const WIDTH: usize = 80;

/// The text of a value.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    format(value, 0, 0, &mut out);
    out
}

fn format(value: &Value, indent: usize, allowance: usize, out: &mut String) {
    let flat = flat(value);
    if flat.chars().count() + indent + allowance <= WIDTH {
        out.push_str(&flat);
        return;
    }
    match value {
        Value::Map(map) if !map.is_empty() => {
            let sorted = sorted(map);
            out.push('{');
            for (i, (key, item)) in sorted.iter().enumerate() {
                let last = i + 1 == sorted.len();
                if i > 0 {
                    out.push_str(",\n");
                    out.extend(std::iter::repeat_n(' ', indent + 1));
                }
                let key = format!("{}: ", key.repr());
                out.push_str(&key);
                format(item, indent + 1 + key.chars().count(), if last { allowance + 1 } else { 1 }, out);
            }
            out.push('}');
        }
        Value::List(items) if !items.is_empty() => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                let last = i + 1 == items.len();
                if i > 0 {
                    out.push_str(",\n");
                    out.extend(std::iter::repeat_n(' ', indent + 1));
                }
                format(item, indent + 1, if last { allowance + 1 } else { 1 }, out);
            }
            out.push(']');
        }
        _ => out.push_str(&flat),
    }
}

/// One line with sorted keys.
fn flat(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let pairs: Vec<_> =
                sorted(map).iter().map(|(k, v)| format!("{}: {}", k.repr(), flat(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        other => other.repr(),
    }
}

fn sorted(map: &salt::Map) -> Vec<(&Value, &Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_cached_key(|(k, _)| k.to_string());
    pairs
}
