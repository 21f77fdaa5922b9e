//! Methods of lists, tuples, dicts and sets.

use indexmap::{IndexMap, IndexSet};

use super::{Given, index};
use crate::args::Args;
use crate::attr::key_error;
use crate::error::{Error, Result};
use crate::ops;
use crate::repr::repr;
use crate::state::State;
use crate::value::{Dict, Key, List, Set, Value, View};

/// Most items of one list, dict or set.
const MAX_LEN: usize = 4 << 20;

fn same(a: &Value, b: &Value) -> Result<bool> {
    Ok(ops::identical(a, b) || ops::eq(a, b)?)
}

fn position(items: &[Value], value: &Value) -> Result<Option<usize>> {
    for (i, item) in items.iter().enumerate() {
        if same(item, value)? {
            return Ok(Some(i));
        }
    }
    Ok(None)
}

/// `count` and `index`.
pub(super) fn call_sequence(items: &[Value], class: &str, name: &str, args: Args) -> Result<Value> {
    let given = Given::new(&format!("{class}.{name}"), args, 1, if name == "index" { 3 } else { 1 })?;
    let value = given.at(0);
    if name == "count" {
        let mut n = 0usize;
        for item in items {
            n += usize::from(same(item, &value)?);
        }
        return Ok(Value::from(n));
    }
    let bound = |i: usize, default: usize| -> Result<usize> {
        match given.get(i) {
            None => Ok(default),
            Some(v) => {
                let i = index(v)?;
                let i = if i < 0 { i.saturating_add(items.len() as i64).max(0) } else { i };
                Ok(usize::try_from(i).unwrap_or_default().min(items.len()))
            }
        }
    };
    let (start, stop) = (bound(1, 0)?, bound(2, items.len())?);
    match position(items.get(start..stop).unwrap_or_default(), &value)? {
        Some(i) => Ok(Value::from(start + i)),
        None if class == "list" => Err(Error::value_error(format!("{} is not in list", repr(&value)?))),
        None => Err(Error::value_error(format!("{class}.index(x): x not in {class}"))),
    }
}

fn check_len(len: usize) -> Result<()> {
    if len > MAX_LEN { Err(ops::memory()) } else { Ok(()) }
}

pub(super) fn call_list(state: &State<'_>, list: &List, name: &str, mut args: Args) -> Result<Value> {
    let full = format!("list.{name}");
    match name {
        "append" => {
            let value = Given::new(&full, args, 1, 1)?.at(0);
            check_len(list.len())?;
            list.with(|v| v.push(value));
        }
        "extend" => {
            let items = Given::new(&full, args, 1, 1)?.at(0).items(state)?;
            check_len(list.len() + items.len())?;
            list.with(|v| v.extend(items));
        }
        "insert" => {
            let given = Given::new("insert", args, 2, 2)?;
            let at = index(&given.at(0))?;
            check_len(list.len())?;
            list.with(|v| {
                let len = v.len() as i64;
                let at = if at < 0 { at.saturating_add(len).max(0) } else { at.min(len) };
                v.insert(usize::try_from(at).unwrap_or_default(), given.at(1));
            });
        }
        "pop" => {
            let given = Given::new("pop", args, 0, 1)?;
            let at = given.get(0).map_or(Ok(-1), index)?;
            let len = list.len() as i64;
            if len == 0 {
                return Err(Error::python("IndexError", "pop from empty list"));
            }
            let at = if at < 0 { at.saturating_add(len) } else { at };
            if !(0..len).contains(&at) {
                return Err(Error::python("IndexError", "pop index out of range"));
            }
            return Ok(list.with(|v| v.remove(usize::try_from(at).unwrap_or_default())));
        }
        "remove" => {
            let value = Given::new(&full, args, 1, 1)?.at(0);
            match position(&list.snapshot(), &value)? {
                Some(i) => drop(list.with(|v| (i < v.len()).then(|| v.remove(i)))),
                None => return Err(Error::value_error("list.remove(x): x not in list")),
            }
        }
        "clear" => {
            Given::new(&full, args, 0, 0)?;
            drop(list.with(std::mem::take));
        }
        "copy" => {
            Given::new(&full, args, 0, 0)?;
            return Ok(Value::list(list.snapshot()));
        }
        "reverse" => {
            Given::new(&full, args, 0, 0)?;
            list.with(|v| v.reverse());
        }
        "sort" => {
            let reverse = args.take("reverse").map_or(Ok(false), |v| v.truth())?;
            let key = args.take("key").filter(|k| !matches!(k, Value::None));
            if !args.positional.is_empty() {
                return Err(Error::type_error("sort() takes no positional arguments"));
            }
            Given::new("sort", args, 0, 0)?;
            let mut pairs = Vec::new();
            for item in list.snapshot() {
                let by = match &key {
                    Some(f) => state.call(f, Args::new(vec![item.clone()]))?,
                    None => item.clone(),
                };
                pairs.push((by, item));
            }
            ops::sort(&mut pairs, reverse)?;
            let old = list.with(|v| std::mem::replace(v, pairs.into_iter().map(|p| p.1).collect()));
            drop(old);
        }
        _ => return call_sequence(&list.snapshot(), "list", name, args),
    }
    Ok(Value::None)
}

/// The pairs that `dict(x)` and `update(x)` take.
pub(crate) fn pairs(state: &State<'_>, value: &Value) -> Result<Vec<(Key, Value)>> {
    if let Value::Dict(d) = value {
        return Ok(d.snapshot().into_iter().collect());
    }
    if let Value::Object(o) = value
        && o.is_mapping()
    {
        let mut found = Vec::new();
        for key in value.items(state)? {
            let item = o.get_item(state, &key)?.unwrap_or(Value::None);
            found.push((Key::new(key)?, item));
        }
        return Ok(found);
    }
    let mut found = Vec::new();
    for (i, pair) in value.items(state)?.into_iter().enumerate() {
        let parts = pair.items(state).map_err(|e| match e.class() {
            "TypeError" => Error::type_error(format!(
                "cannot convert dictionary update sequence element #{i} to a sequence"
            )),
            _ => e,
        })?;
        match <[Value; 2]>::try_from(parts) {
            Ok([k, v]) => found.push((Key::new(k)?, v)),
            Err(parts) => {
                let n = parts.len();
                return Err(Error::value_error(format!(
                    "dictionary update sequence element #{i} has length {n}; 2 is required"
                )));
            }
        }
    }
    Ok(found)
}

pub(super) fn call_dict(state: &State<'_>, dict: &Dict, name: &str, args: Args) -> Result<Value> {
    let full = format!("dict.{name}");
    Ok(match name {
        "get" => {
            let given = Given::new("get", args, 1, 2)?;
            let key = Key::new(given.at(0))?;
            dict.with(|m| m.get(&key).cloned()).unwrap_or_else(|| given.at(1))
        }
        "items" | "keys" | "values" => {
            Given::new(&full, args, 0, 0)?;
            let view = match name {
                "items" => View::Items,
                "keys" => View::Keys,
                _ => View::Values,
            };
            Value::View(view, dict.clone())
        }
        "update" => {
            let Args { positional, named } = args;
            let given = Given::new("update", Args::new(positional), 0, 1)?;
            let mut new = given.get(0).map_or(Ok(Vec::new()), |v| pairs(state, v))?;
            for (k, v) in named {
                new.push((Key::new(Value::from(&*k))?, v));
            }
            check_len(dict.len() + new.len())?;
            let mut old = Vec::new();
            dict.with(|m| old.extend(new.into_iter().filter_map(|(k, v)| m.insert(k, v))));
            drop(old);
            Value::None
        }
        "pop" => {
            let given = Given::new("pop", args, 1, 2)?;
            let key = Key::new(given.at(0))?;
            match (dict.with(|m| m.shift_remove(&key)), given.get(1)) {
                (Some(v), _) => v,
                (None, Some(default)) => default.clone(),
                (None, None) => return Err(key_error(key.value())),
            }
        }
        "popitem" => {
            Given::new(&full, args, 0, 0)?;
            match dict.with(|m| m.pop()) {
                Some((k, v)) => Value::tuple(vec![k.into_value(), v]),
                None => return Err(Error::python("KeyError", "'popitem(): dictionary is empty'")),
            }
        }
        "setdefault" => {
            let given = Given::new("setdefault", args, 1, 2)?;
            let key = Key::new(given.at(0))?;
            check_len(dict.len())?;
            dict.with(|m| m.entry(key).or_insert_with(|| given.at(1)).clone())
        }
        "fromkeys" => {
            let given = Given::new("fromkeys", args, 1, 2)?;
            let mut map = IndexMap::new();
            for key in given.at(0).items(state)? {
                map.insert(Key::new(key)?, given.at(1));
            }
            Value::Dict(Dict::new(map))
        }
        "clear" => {
            Given::new(&full, args, 0, 0)?;
            drop(dict.with(std::mem::take));
            Value::None
        }
        _ => {
            Given::new(&full, args, 0, 0)?;
            Value::Dict(Dict::new(dict.snapshot()))
        }
    })
}

fn keys(state: &State<'_>, value: &Value) -> Result<IndexSet<Key>> {
    value.items(state)?.into_iter().map(Key::new).collect()
}

pub(super) fn call_set(state: &State<'_>, set: &Set, name: &str, args: Args) -> Result<Value> {
    let full = format!("set.{name}");
    let one = |args: Args| -> Result<Key> { Key::new(Given::new(&full, args, 1, 1)?.at(0)) };
    let mine = set.snapshot();
    match name {
        "add" => {
            let key = one(args)?;
            check_len(mine.len())?;
            set.with(|s| s.insert(key));
        }
        "discard" | "remove" => {
            let key = one(args)?;
            if !set.with(|s| s.shift_remove(&key)) && name == "remove" {
                return Err(key_error(key.value()));
            }
        }
        "pop" => {
            Given::new(&full, args, 0, 0)?;
            return match set.with(|s| s.shift_remove_index(0)) {
                Some(k) => Ok(k.into_value()),
                None => Err(Error::python("KeyError", "'pop from an empty set'")),
            };
        }
        "clear" => {
            Given::new(&full, args, 0, 0)?;
            drop(set.with(std::mem::take));
        }
        "copy" => return Ok(Value::Set(Set::new(mine))),
        "isdisjoint" | "issubset" | "issuperset" => {
            let other = keys(state, &Given::new(&full, args, 1, 1)?.at(0))?;
            return Ok(Value::Bool(match name {
                "isdisjoint" => mine.is_disjoint(&other),
                "issubset" => mine.is_subset(&other),
                _ => mine.is_superset(&other),
            }));
        }
        _ => {
            let mut result = mine;
            for other in &args.positional {
                let other = keys(state, other)?;
                result = match name {
                    "union" | "update" => result.into_iter().chain(other).collect(),
                    "intersection" | "intersection_update" => {
                        result.into_iter().filter(|k| other.contains(k)).collect()
                    }
                    "difference" | "difference_update" => {
                        result.into_iter().filter(|k| !other.contains(k)).collect()
                    }
                    _ => {
                        let extra: Vec<Key> =
                            other.iter().filter(|k| !result.contains(*k)).cloned().collect();
                        result.into_iter().filter(|k| !other.contains(k)).chain(extra).collect()
                    }
                };
            }
            check_len(result.len())?;
            if !name.ends_with("update") {
                return Ok(Value::Set(Set::new(result)));
            }
            let old = set.with(|s| std::mem::replace(s, result));
            drop(old);
        }
    }
    Ok(Value::None)
}
