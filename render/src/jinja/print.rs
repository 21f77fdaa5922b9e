//! How values print: mappings so that YAML can read them (`PrintableDict`, `finalizer`).

use jinja::{Error, Result, Value, repr, to_str};

/// How deep a printed value may nest.
const DEPTH: usize = 120;

/// What is printed for a value.
pub(super) fn printable(value: Value) -> Result<Value> {
    Ok(match &value {
        Value::Dict(_) => {
            holds_dict(&value, 0)?;
            Value::from(text(&value, 0)?)
        }
        Value::List(_) | Value::Tuple(_) | Value::Set(_) if holds_dict(&value, 0)? => {
            Value::from(shown(&value, 0)?)
        }
        _ => value,
    })
}

fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.snapshot(),
        Value::Tuple(tuple) => tuple.items().to_vec(),
        Value::Set(set) => set.snapshot().into_iter().map(jinja::Key::into_value).collect(),
        Value::Dict(dict) => dict.with(|map| map.values().cloned().collect()),
        _ => Vec::new(),
    }
}

fn holds_dict(value: &Value, depth: usize) -> Result<bool> {
    if depth > DEPTH {
        return Err(endless());
    }
    if matches!(value, Value::Tuple(tuple) if tuple.is_named()) {
        // Salt builds every tuple anew from one list, which a named one does not take.
        let text = "_GroupTuple.__new__() missing 1 required positional argument: 'list'";
        return Err(Error::type_error(text));
    }
    let mut found = false;
    for child in children(value) {
        found |= holds_dict(&child, depth + 1)? || matches!(child, Value::Dict(_));
    }
    Ok(found)
}

fn endless() -> Error {
    Error::python("RecursionError", "maximum recursion depth exceeded")
}

/// `str()` of a value in a mapping.
fn text(value: &Value, depth: usize) -> Result<String> {
    match value {
        Value::Dict(dict) => pairs(dict, depth, text),
        Value::List(_) | Value::Tuple(_) | Value::Set(_) => shown(value, depth),
        other => to_str(other),
    }
}

/// `repr()` of a value in a list.
fn shown(value: &Value, depth: usize) -> Result<String> {
    if depth > DEPTH {
        return Err(endless());
    }
    if let Value::Dict(dict) = value {
        return pairs(dict, depth, shown);
    }
    let items = children(value);
    let rows = || items.iter().map(|item| shown(item, depth + 1)).collect::<Result<Vec<_>>>();
    Ok(match value {
        Value::List(_) => format!("[{}]", rows()?.join(", ")),
        Value::Tuple(_) if items.len() == 1 => format!("({},)", rows()?.join(", ")),
        Value::Tuple(_) => format!("({})", rows()?.join(", ")),
        Value::Set(_) if !items.is_empty() => format!("{{{}}}", rows()?.join(", ")),
        other => repr(other)?,
    })
}

fn pairs(dict: &jinja::Dict, depth: usize, other: fn(&Value, usize) -> Result<String>) -> Result<String> {
    if depth > DEPTH {
        return Err(endless());
    }
    let mut rows = Vec::new();
    for (key, value) in dict.snapshot() {
        let value = match &value {
            Value::Str(text) if text.contains(['\n', '\r', '\t']) => salt::yaml::double_quoted(text, true),
            Value::Str(_) | Value::Markup(_) => repr(&value)?,
            value => other(value, depth + 1)?,
        };
        rows.push(format!("{}: {value}", repr(key.value())?));
    }
    Ok(format!("{{{}}}", rows.join(", ")))
}
