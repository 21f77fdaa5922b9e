//! Filters of mappings (`salt/utils/dictupdate.py`, `salt/utils/data.py`).

use indexmap::IndexMap;
use jinja::python::{self, Bound};
use jinja::{Args, Dict, Environment, Error, Key, Result, State, Value};
use salt::args::yamlify;

use super::lists::no_attribute;
use super::{repr_of_type, to_num};
use crate::convert::{object, plain};

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    env.add_filter("set_dict_key_value", |_, value, args| {
        let (place, key, new) = Change::of("set_dict_key_value", &value, args)?;
        insert(&place, key, new);
        Ok(value)
    });
    for (name, method) in [
        ("update_dict_key_value", "update"),
        ("append_dict_key_value", "append"),
        ("extend_dict_key_value", "extend"),
    ] {
        env.add_filter(name, move |state, value, args| {
            let (place, key, new) = Change::of(name, &value, args)?;
            change(state, &place, key, method, &new)?;
            Ok(value)
        });
    }
    env.add_filter("traverse", |state, value, args| {
        let b = Bound::new("traverse_dict_and_list", 1, args, &["key", "default", "delimiter"], 1)?;
        Ok(traverse(state, &value, &b.none(0), &b.text(2, ":")?)?.unwrap_or_else(|| b.none(1)))
    });
    env.add_filter("compare_dicts", |_, value, args| {
        let new = Bound::new("compare_dicts", 1, args, &["new"], 0)?.none(0);
        compare(&value, &new)
    });
    for name in ["json_encode_dict", "json_decode_dict", "json_encode_list", "json_decode_list"] {
        env.add_filter(name, |state, value, _| match &value {
            Value::Dict(_) | Value::List(_) | Value::Tuple(_) => encoded(state, &value, 0),
            other => Err(no_attribute(other, "items")),
        });
    }
    env.add_filter("mysql_to_dict", mysql_to_dict);
}

fn insert(dict: &Dict, key: Key, value: Value) {
    let old = dict.with(|map| map.insert(key, value));
    drop(old);
}

struct Change;

impl Change {
    /// The mapping to change, the last key of the path, and the value.
    fn of(name: &str, value: &Value, args: Args) -> Result<(Dict, Key, Value)> {
        let b = Bound::new(name, 1, args, &["keys", "value", "delimiter", "ordered_dict"], 2)?;
        let keys = b.none(0);
        let Some(path) = keys.as_str() else {
            return Err(Error::type_error(format!(
                "argument of type '{}' is not iterable",
                keys.type_name()
            )));
        };
        let delimiter = b.text(2, ":")?;
        if delimiter.is_empty() {
            return Err(Error::value_error("empty separator"));
        }
        let Value::Dict(top) = value else {
            return Err(Error::type_error(match value {
                Value::List(_) => "list indices must be integers or slices, not str".to_string(),
                other => format!("'{}' object does not support item assignment", other.type_name()),
            }));
        };
        let mut at = top.clone();
        let mut rest = path;
        let (way, last) = path.rsplit_once(&delimiter).map_or(("", path), |(way, last)| (way, last));
        if rest.contains(&delimiter) {
            rest = way;
            for step in rest.split(&delimiter) {
                at = match at.get_str(step) {
                    Some(Value::Dict(below)) => below,
                    _ => {
                        let below = Dict::new(IndexMap::new());
                        at.set_str(step, Value::Dict(below.clone()));
                        below
                    }
                };
            }
        }
        Ok((at, Key::from(last), b.none(1)))
    }
}

fn change(state: &State<'_>, place: &Dict, key: Key, method: &str, new: &Value) -> Result<()> {
    let mut there = place.with(|map| map.get(&key).cloned()).unwrap_or(Value::None);
    if matches!(there, Value::None) {
        there = if method == "update" { Value::dict::<&str>([]) } else { Value::list(vec![]) };
        insert(place, key, there.clone());
    }
    let has = matches!(
        (&there, method),
        (Value::Dict(_) | Value::Set(_), "update") | (Value::List(_), "append" | "extend")
    );
    let invocation = |text: String| Error::python("salt.exceptions.SaltInvocationError", text);
    let shown = repr_of_type(&there);
    if !has {
        return Err(invocation(format!("The last key contains a {shown}, which cannot {method}.")));
    }
    match state.call_method(&there, method, Args::new(vec![new.clone()])) {
        Ok(_) => Ok(()),
        Err(e) if method != "append" && matches!(e.class(), "TypeError" | "ValueError") => {
            Err(invocation(format!("Cannot {method} {shown} with a {}.", repr_of_type(new))))
        }
        Err(e) => Err(e),
    }
}

/// `traverse_dict_and_list`; none stands for the default.
fn traverse(state: &State<'_>, value: &Value, key: &Value, delimiter: &str) -> Result<Option<Value>> {
    let steps: Vec<Value> = match key {
        Value::Str(path) | Value::Markup(path) => {
            if delimiter.is_empty() {
                return Err(Error::value_error("empty separator"));
            }
            path.split(delimiter).map(Value::from).collect()
        }
        Value::Int(_) | Value::Bool(_) => vec![key.clone()],
        other => other.items(state)?,
    };
    let mut at = value.clone();
    for step in steps {
        let next = match &at {
            Value::Undefined(u) => return Err(u.error()),
            Value::List(items) => {
                let items = items.snapshot();
                let number = match &step {
                    Value::Str(text) | Value::Markup(text) => python::parse_int(text, 10),
                    Value::Int(n) => Some(n.clone()),
                    Value::Bool(b) => Some(u8::from(*b).into()),
                    Value::Float(x) => num_traits::FromPrimitive::from_f64(x.trunc()),
                    _ => None,
                };
                let wanted = number.clone().map_or_else(|| step.clone(), Value::Int);
                let wanted = Key::new(wanted)?;
                let inside = items.iter().find_map(|item| match item {
                    Value::Dict(dict) => dict.with(|map| map.get(&wanted).cloned()),
                    _ => None,
                });
                inside.or_else(|| {
                    let n = num_traits::ToPrimitive::to_i64(&number?)?;
                    let n = if n < 0 { n + items.len() as i64 } else { n };
                    items.get(usize::try_from(n).ok()?).cloned()
                })
            }
            Value::Dict(dict) => {
                let find =
                    |key: Value| Key::new(key).ok().and_then(|key| dict.with(|map| map.get(&key).cloned()));
                find(step.clone()).or_else(|| match step.as_str().map(yamlify) {
                    Some(salt::Value::Str(_)) | None => None,
                    Some(read) => find(object(&read)),
                })
            }
            Value::Tuple(items) => match step.as_i64() {
                Some(n) => items.items().get(usize::try_from(n).unwrap_or(usize::MAX)).cloned(),
                None => None,
            },
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn compare(old: &Value, new: &Value) -> Result<Value> {
    let pairs = |value: &Value| match value {
        Value::Dict(dict) => Ok(dict.snapshot()),
        Value::None => Err(Error::type_error("argument of type 'NoneType' is not iterable")),
        other => Err(no_attribute(other, "keys")),
    };
    let empty = |value: &Value| value.truth().is_ok_and(|truth| !truth);
    if empty(old) && empty(new) {
        return Ok(Value::dict::<&str>([]));
    }
    let (old, new) = (pairs(old)?, pairs(new)?);
    let mut changes = IndexMap::new();
    let mut note = |key: &Key, old: Value, new: Value, new_first: bool| {
        let (old, new) = (("old", old), ("new", new));
        changes.insert(key.clone(), Value::dict(if new_first { [new, old] } else { [old, new] }));
    };
    for (key, value) in &new {
        match old.get(key) {
            None => note(key, Value::from(""), value.clone(), false),
            Some(before) if !python::eq(before, value)? => note(key, before.clone(), value.clone(), false),
            Some(_) => {}
        }
    }
    for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        note(key, value.clone(), Value::from(""), true);
    }
    Ok(Value::Dict(Dict::new(changes)))
}

/// All texts as bytes, tuples as lists.
fn encoded(state: &State<'_>, value: &Value, depth: usize) -> Result<Value> {
    if depth > 100 {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    Ok(match value {
        Value::Str(text) | Value::Markup(text) => Value::Bytes(text.as_bytes().into()),
        Value::List(_) | Value::Tuple(_) => {
            let items = value.items(state)?;
            Value::list(items.iter().map(|item| encoded(state, item, depth + 1)).collect::<Result<_>>()?)
        }
        Value::Dict(dict) => {
            let mut map = IndexMap::new();
            for (key, value) in dict.snapshot() {
                map.insert(
                    Key::new(encoded(state, key.value(), depth + 1)?)?,
                    encoded(state, &value, depth + 1)?,
                );
            }
            Value::Dict(Dict::new(map))
        }
        other => other.clone(),
    })
}

/// The table that `mysql` prints, as a mapping by one of its columns.
fn mysql_to_dict(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let key = Bound::new("mysql_to_dict", 1, args, &["key"], 1)?.none(0);
    let mut rows = IndexMap::new();
    let mut headers: Vec<String> = vec![String::new()];
    for line in value.items(state)? {
        let text = match plain(state, &line)? {
            salt::Value::Str(text) => text,
            other if !other.truthy() => continue,
            _ => return Err(no_attribute(&line, "startswith")),
        };
        if text.is_empty() || text.starts_with('+') {
            continue;
        }
        let cells: Vec<String> = text.split('|').map(|cell| python::strip(cell).to_string()).collect();
        if headers.len() <= 1 {
            headers = cells;
            continue;
        }
        let mut row = IndexMap::new();
        for (field, header) in headers.iter().enumerate().take(headers.len() - 1).skip(1) {
            let cell =
                cells.get(field).ok_or_else(|| Error::python("IndexError", "list index out of range"))?;
            row.insert(Key::from(header.as_str()), to_num(&Value::from(cell.as_str()))?);
        }
        let found = Key::new(key.clone()).ok().and_then(|key| row.get(&key).cloned());
        let found = found.ok_or_else(|| Error::python("KeyError", jinja::repr(&key).unwrap_or_default()))?;
        rows.insert(Key::new(found)?, Value::Dict(Dict::new(row)));
    }
    Ok(Value::Dict(Dict::new(rows)))
}
