//! Names under the states of keys (`salt/output/key.py`).

use salt::Value;

use super::Style;
use super::color::strip_escapes;

/// None for what is no map of such states: the original prints that as `nested` does.
pub(super) fn text(data: &Value, style: &Style) -> Option<String> {
    let colors = &style.colors;
    let mut states: Vec<(String, &Value)> =
        data.as_map()?.iter().map(|(state, names)| (state.to_string(), names)).collect();
    states.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = String::new();
    for (state, names) in states {
        let (title, light, color) = match state.as_str() {
            "minions" => ("Accepted", colors.light_green, colors.green),
            "minions_pre" => ("Unaccepted", colors.light_red, colors.red),
            "minions_denied" => ("Denied", colors.light_magenta, colors.magenta),
            "minions_rejected" => ("Rejected", colors.light_blue, colors.blue),
            "local" => ("Local", colors.light_magenta, colors.magenta),
            _ => return None,
        };
        out.push_str(&format!("{light}{title} Keys:{}\n", colors.end));
        let mut rows: Vec<(String, Option<String>)> = match names {
            // What is not of one kind can't be sorted.
            Value::List(names) if names.windows(2).any(|pair| pair[0].type_name() != pair[1].type_name()) => {
                return None;
            }
            Value::List(names) => names.iter().map(|name| (name.to_string(), None)).collect(),
            Value::Map(names) => {
                names.iter().map(|(name, value)| (name.to_string(), Some(value.to_string()))).collect()
            }
            // Each letter of a text is looked at, and none of them printed.
            Value::Str(_) => vec![],
            _ => return None,
        };
        rows.sort();
        for (name, value) in rows {
            let name = strip_escapes(&name);
            match value {
                None => out.push_str(&format!("{color}{name}{}\n", colors.end)),
                Some(value) => out.push_str(&format!("{color}{name}:  {value}{}\n", colors.end)),
            }
        }
    }
    Some(out)
}
