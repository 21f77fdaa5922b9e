//! Filters of lists and sets (`salt/utils/jinja.py`, `salt/utils/data.py`).

use indexmap::IndexSet;
use jinja::python::{self, Bound};
use jinja::{Args, Environment, Error, Key, Result, Set, State, Value};

use super::{is_hashable, repr_of_type};
use crate::filters::random;

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    env.add_filter("unique", |state, value, args| {
        Bound::new("unique", 1, args, &[], 0)?;
        unique(state, &value)
    });
    env.add_filter("min", |state, value, args| {
        Bound::new("lst_min", 1, args, &[], 0)?;
        extreme(state, &value, "min", python::less)
    });
    env.add_filter("max", |state, value, args| {
        Bound::new("lst_max", 1, args, &[], 0)?;
        extreme(state, &value, "max", python::greater)
    });
    env.add_filter("avg", |state, value, args| {
        Bound::new("lst_avg", 1, args, &[], 0)?;
        average(state, &value)
    });
    for (name, keep) in [("union", 0), ("intersect", 1), ("difference", 2), ("symmetric_difference", 3)] {
        env.add_filter(name, move |state, value, args| {
            let other = Bound::new(name, 1, args, &["lst2"], 1)?.none(0);
            combined(state, &value, &other, keep)
        });
    }
    env.add_filter("flatten", |state, value, args| {
        let b = Bound::new("flatten", 1, args, &["levels", "preserve_nulls", "_ids"], 0)?;
        let levels = match b.get(0) {
            None | Some(Value::None) => None,
            Some(levels) => Some(python::index(levels)?),
        };
        let mut flat = Vec::new();
        flatten(state, &value, levels, b.flag(1, false)?, &mut Vec::new(), &mut flat)?;
        Ok(Value::list(flat))
    });
    env.add_filter("sequence", |_, value, _| {
        Ok(match value {
            Value::List(_) | Value::Tuple(_) | Value::Set(_) | Value::Dict(_) => value,
            one => Value::list(vec![one]),
        })
    });
    env.add_filter("skip", |_, _, _| Ok(Value::from("")));
    env.add_filter("is_list", |_, value, args| {
        Bound::new("is_list", 1, args, &[], 0)?;
        Ok(Value::Bool(matches!(value, Value::List(_))))
    });
    env.add_test("list", |_, value, _| Ok(matches!(value, Value::List(_))));
    env.add_filter("is_iter", |state, value, args| {
        Bound::new("is_iter", 1, args, &["ignore"], 0)?;
        Ok(Value::Bool(is_iter(state, &value)?))
    });
    env.add_filter("sorted_ignorecase", |state, value, args| {
        Bound::new("sorted_ignorecase", 1, args, &[], 0)?;
        let lower = |item: Value| match item.as_str() {
            Some(text) => Ok((Value::from(text.to_lowercase()), item)),
            None => Err(no_attribute(&item, "lower")),
        };
        let mut pairs = value.items(state)?.into_iter().map(lower).collect::<Result<Vec<_>>>()?;
        python::sort(&mut pairs)?;
        Ok(Value::list(pairs.into_iter().map(|(_, item)| item).collect()))
    });
    env.add_filter("substring_in_list", |state, value, args| {
        let list = Bound::new("substr_in_list", 1, args, &["list_to_search"], 1)?.none(0);
        for item in list.items(state)? {
            if python::contains(state, &item, &value)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    });
    env.add_filter("exactly_n_true", |state, value, args| {
        let amount = Bound::new("exactly_n", 1, args, &["amount"], 0)?.int(0, 1)?;
        Ok(Value::Bool(count_true(state, &value)? == amount.max(0)))
    });
    env.add_filter("exactly_one_true", |state, value, args| {
        Bound::new("exactly_one", 1, args, &[], 0)?;
        Ok(Value::Bool(count_true(state, &value)? == 1))
    });
    env.add_filter("compare_lists", |state, value, args| {
        let new = Bound::new("compare_lists", 1, args, &["new"], 0)?.none(0);
        let (added, gone) = (without(state, &new, &value)?, without(state, &value, &new)?);
        let parts = [("new", added), ("old", gone)].into_iter().filter(|(_, items)| !items.is_empty());
        Ok(Value::dict(parts.map(|(name, items)| (name, Value::list(items)))))
    });
    env.add_filter("random_sample", |state, value, args| {
        let b = Bound::new("sample", 1, args, &["size", "seed"], 1)?;
        sample(state, &value, b.int(0, 0)?, &b.none(1))
    });
    env.add_filter("random_shuffle", |state, value, args| {
        let seed = Bound::new("shuffle", 1, args, &["seed"], 0)?.none(0);
        sample(state, &value, i64::try_from(value.length()?).unwrap_or(i64::MAX), &seed)
    });
    env.add_filter("to_entries", to_entries);
    env.add_filter("from_entries", from_entries);
}

/// `'int' object has no attribute 'lower'`
pub(super) fn no_attribute(value: &Value, name: &str) -> Error {
    Error::python("AttributeError", format!("'{}' object has no attribute '{name}'", value.type_name()))
}

fn set_of(state: &State<'_>, value: &Value) -> Result<IndexSet<Key>> {
    value.items(state)?.into_iter().map(Key::new).collect()
}

fn unique(state: &State<'_>, value: &Value) -> Result<Value> {
    if is_hashable(value) {
        return Ok(Value::Set(Set::new(set_of(state, value)?)));
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in value.items(state)? {
        if !holds(&kept, &item)? {
            kept.push(item);
        }
        state.step()?;
    }
    Ok(Value::list(kept))
}

fn holds(items: &[Value], wanted: &Value) -> Result<bool> {
    for item in items {
        if python::eq(item, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn extreme(
    state: &State<'_>,
    value: &Value,
    name: &str,
    better: fn(&Value, &Value) -> Result<bool>,
) -> Result<Value> {
    let mut best: Option<Value> = None;
    for item in value.items(state)? {
        best = Some(match best {
            Some(best) if !better(&item, &best)? => best,
            _ => item,
        });
    }
    best.ok_or_else(|| Error::value_error(format!("{name}() arg is an empty sequence")))
}

fn average(state: &State<'_>, value: &Value) -> Result<Value> {
    if is_hashable(value) {
        return float(state, value);
    }
    let mut sum = Value::from(0i64);
    for item in value.items(state)? {
        sum = python::add(state, &sum, &item)?;
    }
    float(state, &python::divide(state, &sum, &Value::from(value.length()?))?)
}

/// `float(value)`
fn float(state: &State<'_>, value: &Value) -> Result<Value> {
    Ok(Value::Float(match value {
        Value::Float(x) => *x,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Int(_) => return python::divide(state, value, &Value::from(1i64)),
        Value::Str(text) | Value::Markup(text) => python::parse_float(text).ok_or_else(|| {
            Error::value_error(format!("could not convert string to float: {}", python::repr_str(text)))
        })?,
        Value::Undefined(u) => return Err(u.error()),
        other => {
            let text =
                format!("float() argument must be a string or a real number, not '{}'", other.type_name());
            return Err(Error::type_error(text));
        }
    }))
}

/// Both lists (0), what is in both (1), only in the first (2), in one only (3).
fn combined(state: &State<'_>, a: &Value, b: &Value, keep: u8) -> Result<Value> {
    if is_hashable(a) && is_hashable(b) {
        let (a, b) = (set_of(state, a)?, set_of(state, b)?);
        return Ok(Value::Set(Set::new(match keep {
            0 => a.union(&b).cloned().collect(),
            1 => a.intersection(&b).cloned().collect(),
            2 => a.difference(&b).cloned().collect(),
            _ => a.symmetric_difference(&b).cloned().collect(),
        })));
    }
    let pick = |items: &Value, others: &Value, wanted: bool| -> Result<Value> {
        let mut kept = Vec::new();
        for item in items.items(state)? {
            if python::contains(state, others, &item)? == wanted {
                kept.push(item);
            }
        }
        Ok(Value::list(kept))
    };
    match keep {
        0 => unique(state, &python::add(state, a, b)?),
        1 => unique(state, &pick(a, b, true)?),
        2 => unique(state, &pick(a, b, false)?),
        _ => {
            let (all, both) = (combined(state, a, b, 0)?, combined(state, a, b, 1)?);
            unique(state, &pick(&all, &both, false)?)
        }
    }
}

fn is_iter(state: &State<'_>, value: &Value) -> Result<bool> {
    Ok(!matches!(value, Value::Str(_) | Value::Markup(_))
        && state.test("iterable", value.clone(), Args::default())?)
}

fn flatten(
    state: &State<'_>,
    value: &Value,
    levels: Option<i64>,
    nulls: bool,
    seen: &mut Vec<Value>,
    flat: &mut Vec<Value>,
) -> Result<()> {
    let same = |a: &Value, b: &Value| match (a, b) {
        (Value::List(a), Value::List(b)) => a.same(b),
        (Value::Dict(a), Value::Dict(b)) => a.same(b),
        (Value::Set(a), Value::Set(b)) => a.same(b),
        _ => false,
    };
    if seen.iter().any(|other| same(other, value)) {
        return Err(Error::python("RecursionError", "Reference cycle detected. Check input list."));
    }
    if seen.len() > 100_000 {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    seen.push(value.clone());
    for item in value.items(state)? {
        state.step()?;
        let null = matches!(item, Value::None) || matches!(item.as_str(), Some("None" | "null"));
        if null && !nulls {
            continue;
        }
        if is_iter(state, &item)? && levels.is_none_or(|n| n >= 1) {
            state.nested(|| flatten(state, &item, levels.map(|n| n - 1), nulls, seen, flat))?;
        } else {
            flat.push(item);
        }
    }
    Ok(())
}

fn count_true(state: &State<'_>, value: &Value) -> Result<i64> {
    let mut count = 0;
    for item in value.items(state)? {
        count += i64::from(item.truth()?);
    }
    Ok(count)
}

fn without(state: &State<'_>, items: &Value, others: &Value) -> Result<Vec<Value>> {
    let mut kept = Vec::new();
    for item in items.items(state)? {
        if !python::contains(state, others, &item)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn sample(state: &State<'_>, value: &Value, size: i64, seed: &Value) -> Result<Value> {
    if !matches!(
        value,
        Value::List(_)
            | Value::Tuple(_)
            | Value::Str(_)
            | Value::Markup(_)
            | Value::Range(_)
            | Value::Bytes(_)
    ) {
        let text = "Population must be a sequence.  For dicts or sets, use sorted(d).";
        return Err(Error::type_error(text));
    }
    let items = value.items(state)?;
    let size = match usize::try_from(size) {
        Ok(size) if size <= items.len() => size,
        _ => return Err(Error::value_error("Sample larger than population or is negative")),
    };
    let mut source = match seed {
        Value::None => random::Source::system(),
        Value::Str(text) | Value::Markup(text) => random::Source::seeded(text.as_bytes()),
        Value::Bytes(bytes) => random::Source::seeded(bytes),
        _ => return Err(Error::type_error("object supporting the buffer API required")),
    };
    Ok(Value::list(source.sample(items.len(), size).into_iter().map(|i| items[i].clone()).collect()))
}

fn to_entries(_: &State<'_>, value: Value, args: Args) -> Result<Value> {
    Bound::new("to_entries", 1, args, &[], 0)?;
    let entry = |key: Value, value: Value| Value::dict([("key", key), ("value", value)]);
    match &value {
        Value::Dict(dict) => {
            Ok(Value::list(dict.snapshot().into_iter().map(|(k, v)| entry(k.into_value(), v)).collect()))
        }
        Value::List(list) => Ok(Value::list(
            list.snapshot().into_iter().enumerate().map(|(i, v)| entry(Value::from(i), v)).collect(),
        )),
        _ => Err(Error::python("salt.exceptions.SaltException", "Input data must be a dict or list")),
    }
}

fn from_entries(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    Bound::new("from_entries", 1, args, &[], 0)?;
    let mut pairs = indexmap::IndexMap::new();
    for entry in value.items(state)? {
        let Value::Dict(entry) = &entry else {
            return Err(Error::type_error(format!("expected a mapping, got {}", repr_of_type(&entry))));
        };
        let entry = entry.snapshot();
        // Keys are found in any case; of equal ones the last counts.
        let find = |name: &str| {
            let same = |key: &Key| key.value().as_str().is_some_and(|text| text.to_lowercase() == name);
            entry.iter().rev().find(|(key, _)| same(key)).map(|(_, value)| value.clone())
        };
        for name in ["key", "name"] {
            let Some(key) = find(name) else { continue };
            if key.truth()? {
                pairs.insert(Key::new(key)?, find("value").unwrap_or(Value::None));
                break;
            }
        }
    }
    Ok(Value::Dict(jinja::Dict::new(pairs)))
}
