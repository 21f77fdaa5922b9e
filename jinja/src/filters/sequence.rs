//! Filters of sequences and mappings.

use std::hash::{BuildHasher, RandomState};

use indexmap::{IndexMap, IndexSet};

use super::number::positive;
use super::{Bound, argument_error};
use crate::args::Args;
use crate::attr::{follow, path};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::iterate::PyIter;
use crate::ops::{self, Op};
use crate::repr::{repr_str, to_str};
use crate::state::State;
use crate::value::{Key, Tuple, Value};

pub(super) fn register(env: &mut Environment) {
    for name in ["length", "count"] {
        env.add_filter(name, |_, value, args| {
            Bound::new("len", 1, args, &[], 0)?;
            Ok(Value::from(value.length()?))
        });
    }
    env.add_filter("list", |state, value, args| {
        Bound::new("do_list", 1, args, &[], 0)?;
        Ok(Value::list(value.items(state)?))
    });
    env.add_filter("items", |_, value, _| {
        Ok(Value::generator("generator", value, |state, value| match &value {
            Value::Undefined(_) => Ok(Vec::new()),
            Value::Dict(d) => Ok(d.snapshot().into_iter().map(|(k, v)| Value::tuple(vec![k.0, v])).collect()),
            Value::Object(o) if o.is_mapping() => {
                let pairs = crate::methods::pairs(state, &value)?;
                Ok(pairs.into_iter().map(|(k, v)| Value::tuple(vec![k.0, v])).collect())
            }
            _ => Err(Error::type_error("Can only get item pairs from a mapping.")),
        }))
    });
    env.add_filter("first", |state, value, args| {
        Bound::new("do_first", 2, args, &[], 0)?;
        let first = PyIter::new(state, &value)?.next(state)?;
        Ok(first.unwrap_or_else(|| state.undefined("No first item, sequence was empty.")))
    });
    env.add_filter("last", |state, value, args| {
        Bound::new("do_last", 2, args, &[], 0)?;
        if matches!(
            value,
            Value::Iterator(_)
                | Value::Set(_)
                | Value::None
                | Value::Int(_)
                | Value::Float(_)
                | Value::Bool(_)
        ) {
            return Err(Error::type_error(format!("'{}' object is not reversible", value.type_name())));
        }
        Ok(value.items(state)?.pop().unwrap_or_else(|| state.undefined("No last item, sequence was empty.")))
    });
    env.add_filter("random", |state, value, _| {
        value.length()?;
        let items = value.items(state)?;
        if items.is_empty() {
            return Ok(state.undefined("No random item, sequence was empty."));
        }
        let n = items.len();
        Ok(items[random() as usize % n].clone())
    });
    env.add_filter("reverse", |state, value, args| {
        Bound::new("do_reverse", 1, args, &[], 0)?;
        if let Some(s) = value.as_str() {
            return Ok(super::alike(&value, s.chars().rev().collect()));
        }
        let mut items = value.items(state).map_err(|e| {
            if e.class() == "TypeError" { argument_error("argument must be iterable") } else { e }
        })?;
        items.reverse();
        let class = match value {
            Value::List(_) => "list_reverseiterator",
            Value::Tuple(_) => "reversed",
            Value::Dict(_) => "dict_reversekeyiterator",
            Value::Range(_) => "range_iterator",
            _ => return Ok(Value::list(items)),
        };
        Ok(Value::generator(class, Value::list(items), |state, v| v.items(state)))
    });
    env.add_filter("join", |state, value, args| {
        let b = Bound::new("do_join", 2, args, &["d", "attribute"], 0)?;
        let path = path(&b.none(1));
        if state.autoescape() {
            return joined_escaped(state, &value, &b.or(0, ""), &path);
        }
        let sep = b.text(0, "")?;
        let mut out = String::new();
        for (i, item) in value.items(state)?.iter().enumerate() {
            if i > 0 {
                out.push_str(&sep);
            }
            out.push_str(&to_str(&follow(state, item, &path, None)?)?);
            if out.len() > 64 << 20 {
                return Err(ops::memory());
            }
        }
        Ok(Value::from(out))
    });
    env.add_filter("sum", sum);
    env.add_filter("min", |state, value, args| extreme(state, value, args, "do_min", "<"));
    env.add_filter("max", |state, value, args| extreme(state, value, args, "do_max", ">"));
    env.add_filter("sort", sort);
    env.add_filter("dictsort", dictsort);
    env.add_filter("unique", |_, value, args| {
        let b = Bound::new("do_unique", 2, args, &["case_sensitive", "attribute"], 0)?;
        let (sensitive, path) = (b.flag(0, false)?, path(&b.none(1)));
        Ok(Value::generator("generator", value, move |state, value| {
            let mut seen = IndexSet::new();
            let mut kept = Vec::new();
            for item in value.items(state)? {
                let key = follow(state, &item, &path, None)?;
                if seen.insert(Key::new(if sensitive { key } else { ignore_case(key) })?) {
                    kept.push(item);
                }
            }
            Ok(kept)
        }))
    });
    env.add_filter("groupby", groupby);
    env.add_filter("batch", |_, value, args| {
        let b = Bound::new("do_batch", 1, args, &["linecount", "fill_with"], 1)?;
        let (count, fill) = (b.int(0, 1)?, b.none(1));
        Ok(Value::generator("generator", value, move |state, value| {
            let mut out = Vec::new();
            let mut line = Vec::new();
            for item in value.items(state)? {
                if line.len() as i64 == count {
                    out.push(Value::list(std::mem::take(&mut line)));
                }
                line.push(item);
            }
            if !line.is_empty() {
                if !matches!(fill, Value::None) {
                    let to = usize::try_from(count).unwrap_or(0).min(1 << 20);
                    while line.len() < to {
                        line.push(fill.clone());
                    }
                }
                out.push(Value::list(line));
            }
            Ok(out)
        }))
    });
    env.add_filter("slice", |_, value, args| {
        let b = Bound::new("do_slice", 1, args, &["slices", "fill_with"], 1)?;
        let (slices, fill) = (b.none(0), b.none(1));
        Ok(Value::generator("generator", value, move |state, value| {
            let items = value.items(state)?;
            let n = positive(&slices, "integer division or modulo by zero")?.min(1 << 20);
            let mut out = Vec::new();
            let mut at = 0;
            for i in 0..n {
                let end = at + items.len() / n + usize::from(i < items.len() % n);
                let mut part = items[at..end].to_vec();
                if !matches!(fill, Value::None) && i >= items.len() % n {
                    part.push(fill.clone());
                }
                out.push(Value::list(part));
                at = end;
            }
            Ok(out)
        }))
    });
    env.add_filter("map", |_, value, args| Ok(map(value, args)));
    env.add_filter("select", |_, value, args| Ok(select(value, args, true, false)));
    env.add_filter("reject", |_, value, args| Ok(select(value, args, false, false)));
    env.add_filter("selectattr", |_, value, args| Ok(select(value, args, true, true)));
    env.add_filter("rejectattr", |_, value, args| Ok(select(value, args, false, true)));
}

/// A random number from the hasher's seed.
pub(crate) fn random() -> u32 {
    (RandomState::new().hash_one(
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos()),
    ) >> 32) as u32
}

fn ignore_case(value: Value) -> Value {
    match value.as_str() {
        Some(s) => Value::from(s.to_lowercase()),
        None => value,
    }
}

/// `join` where output is escaped: one part of markup makes markup of all.
fn joined_escaped(state: &State<'_>, value: &Value, sep: &Value, path: &[Value]) -> Result<Value> {
    let soft = |v: Value| if v.as_str().is_some() { Ok(v) } else { to_str(&v).map(Value::from) };
    let mut items = Vec::new();
    for item in value.items(state)? {
        items.push(soft(follow(state, &item, path, None)?)?);
    }
    let markup = |v: &Value| matches!(v, Value::Markup(_));
    let sep = match soft(sep.clone())? {
        sep if !markup(&sep) && items.iter().any(markup) => super::text::escaped(&sep)?,
        sep => sep,
    };
    state.call_method(&sep, "join", Args::new(vec![Value::list(items)]))
}

fn sum(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_sum", 2, args, &["attribute", "start"], 0)?;
    let path = path(&b.none(0));
    let mut total = b.or(1, 0i64);
    if total.as_str().is_some() {
        return Err(Error::type_error("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in value.items(state)? {
        let item = follow(state, &item, &path, None)?;
        total = ops::binary(state, Op::Add, &total, &item)?;
    }
    Ok(total)
}

fn extreme(state: &State<'_>, value: Value, args: Args, name: &str, better: &str) -> Result<Value> {
    let b = Bound::new(name, 2, args, &["case_sensitive", "attribute"], 0)?;
    let (sensitive, path) = (b.flag(0, false)?, path(&b.none(1)));
    let mut best: Option<(Value, Value)> = None;
    for item in value.items(state)? {
        let key = follow(state, &item, &path, None)?;
        let key = if sensitive { key } else { ignore_case(key) };
        let take = match &best {
            None => true,
            Some((old, _)) => ops::compare(better, &key, old)?,
        };
        if take {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| state.undefined("No aggregated item, sequence was empty."), |b| b.1))
}

fn sort(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_sort", 2, args, &["reverse", "case_sensitive", "attribute"], 0)?;
    let (reverse, sensitive) = (b.flag(0, false)?, b.flag(1, false)?);
    let attribute = b.none(2);
    let paths: Vec<Vec<Value>> = match attribute.as_str() {
        Some(s) => s.split(',').map(|p| path(&Value::from(p))).collect(),
        None => vec![path(&attribute)],
    };
    let mut pairs = Vec::new();
    for item in value.items(state)? {
        let mut key = Vec::new();
        for path in &paths {
            let part = follow(state, &item, path, None)?;
            key.push(if sensitive { part } else { ignore_case(part) });
        }
        pairs.push((Value::list(key), item));
    }
    ops::sort(&mut pairs, reverse)?;
    Ok(Value::list(pairs.into_iter().map(|p| p.1).collect()))
}

fn dictsort(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_dictsort", 1, args, &["case_sensitive", "by", "reverse"], 0)?;
    let by = match b.text(1, "key")?.as_str() {
        "key" => 0,
        "value" => 1,
        _ => return Err(argument_error("You can only sort by either \"key\" or \"value\"")),
    };
    let sensitive = b.flag(0, false)?;
    let pairs = match &value {
        Value::Undefined(u) => return Err(u.error()),
        Value::Dict(_) => crate::methods::pairs(state, &value)?,
        Value::Object(o) if o.is_mapping() => crate::methods::pairs(state, &value)?,
        _ => {
            return Err(Error::python(
                "AttributeError",
                format!("'{}' object has no attribute 'items'", value.type_name()),
            ));
        }
    };
    let mut keyed = Vec::new();
    for (k, v) in pairs {
        let pair = [k.0, v];
        let key = pair[by].clone();
        keyed.push((if sensitive { key } else { ignore_case(key) }, Value::tuple(pair.to_vec())));
    }
    ops::sort(&mut keyed, b.flag(2, false)?)?;
    Ok(Value::list(keyed.into_iter().map(|p| p.1).collect()))
}

fn groupby(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_groupby", 2, args, &["attribute", "default", "case_sensitive"], 1)?;
    let (path, default, sensitive) = (path(&b.none(0)), b.none(1), b.flag(2, false)?);
    let mut pairs = Vec::new();
    for item in value.items(state)? {
        let key = follow(state, &item, &path, Some(&default))?;
        pairs.push((if sensitive { key } else { ignore_case(key) }, item));
    }
    ops::sort(&mut pairs, false)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in pairs {
        match groups.last_mut() {
            Some((last, items)) if ops::eq(last, &key)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut out = Vec::new();
    for (key, items) in groups {
        let key = match items.first() {
            Some(first) if !sensitive => follow(state, first, &path, Some(&default))?,
            _ => key,
        };
        out.push(Value::Tuple(Tuple::named(vec![key, Value::list(items)], &["grouper", "list"])));
    }
    Ok(Value::list(out))
}

fn no_filter(name: &Value, what: &str) -> Result<String> {
    match name.as_str() {
        Some(s) => Ok(s.to_owned()),
        None => Err(Error::runtime(format!("No {what} named {}.", crate::repr::repr(name)?))),
    }
}

fn map(value: Value, mut args: Args) -> Value {
    Value::generator("generator", value, move |state, value| {
        if !value.truth()? {
            return Ok(Vec::new());
        }
        if args.positional.is_empty()
            && let Some(attribute) = args.take("attribute")
        {
            let default = args.take("default");
            if let Some((name, _)) = args.named.first() {
                return Err(argument_error(format!("Unexpected keyword argument {}", repr_str(name))));
            }
            let path = path(&attribute);
            return value
                .items(state)?
                .iter()
                .map(|item| follow(state, item, &path, default.as_ref()))
                .collect();
        }
        if args.positional.is_empty() {
            return Err(argument_error("map requires a filter argument"));
        }
        let name = args.positional.remove(0);
        let mut out = Vec::new();
        for item in value.items(state)? {
            out.push(state.filter(&no_filter(&name, "filter")?, item, args.clone())?);
        }
        Ok(out)
    })
}

fn select(value: Value, mut args: Args, keep: bool, by_attribute: bool) -> Value {
    Value::generator("generator", value, move |state, value| {
        if !value.truth()? {
            return Ok(Vec::new());
        }
        let path = if by_attribute {
            if args.positional.is_empty() {
                return Err(argument_error("Missing parameter for attribute name"));
            }
            path(&args.positional.remove(0))
        } else {
            Vec::new()
        };
        let test = if args.positional.is_empty() { None } else { Some(args.positional.remove(0)) };
        let mut kept = Vec::new();
        for item in value.items(state)? {
            let looked_at = follow(state, &item, &path, None)?;
            let holds = match &test {
                Some(name) => state.test(&no_filter(name, "test")?, looked_at, args.clone())?,
                None => looked_at.truth()?,
            };
            if holds == keep {
                kept.push(item);
            }
        }
        Ok(kept)
    })
}

/// `dict(*args, **kwargs)`.
pub(crate) fn dict(state: &State<'_>, args: Args) -> Result<Value> {
    let n = args.positional.len();
    if n > 1 {
        return Err(Error::type_error(format!("dict expected at most 1 argument, got {n}")));
    }
    let mut map: IndexMap<Key, Value> = IndexMap::new();
    if let Some(from) = args.positional.first() {
        map.extend(crate::methods::pairs(state, from)?);
    }
    for (name, value) in args.named {
        map.insert(Key(Value::from(&*name)), value);
    }
    Ok(Value::Dict(crate::value::Dict::new(map)))
}
