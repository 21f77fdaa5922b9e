//! `x.name` and `x[key]`, as the sandbox grants them.

use crate::error::{Error, Result};
use crate::repr::repr;
use crate::state::State;
use crate::undefined::{Undefined, UndefinedKind};
use crate::value::{Key, Value};

/// Attributes every Python object has: their access is refused.
const INTERNAL: &[&str] = &[
    "__class__",
    "__delattr__",
    "__dir__",
    "__doc__",
    "__eq__",
    "__format__",
    "__ge__",
    "__getattribute__",
    "__getstate__",
    "__gt__",
    "__hash__",
    "__init__",
    "__init_subclass__",
    "__le__",
    "__lt__",
    "__ne__",
    "__new__",
    "__reduce__",
    "__reduce_ex__",
    "__repr__",
    "__setattr__",
    "__sizeof__",
    "__str__",
    "__subclasshook__",
];

fn is_internal(value: &Value, name: &str) -> bool {
    if !name.starts_with("__") {
        return false;
    }
    if INTERNAL.contains(&name) {
        return true;
    }
    let sized = ["__len__", "__getitem__", "__contains__", "__iter__"].contains(&name);
    match value {
        Value::List(_) | Value::Dict(_) => {
            sized
                || [
                    "__setitem__",
                    "__delitem__",
                    "__class_getitem__",
                    "__reversed__",
                    "__ior__",
                    "__iadd__",
                    "__imul__",
                    "__add__",
                    "__mul__",
                    "__or__",
                    "__ror__",
                    "__rmul__",
                ]
                .contains(&name)
        }
        Value::Str(_) | Value::Markup(_) | Value::Bytes(_) | Value::Tuple(_) => {
            sized
                || ["__add__", "__mul__", "__rmul__", "__getnewargs__", "__mod__", "__rmod__"].contains(&name)
        }
        Value::Int(_) | Value::Bool(_) | Value::Float(_) => [
            "__abs__",
            "__add__",
            "__sub__",
            "__mul__",
            "__int__",
            "__float__",
            "__bool__",
            "__neg__",
            "__pow__",
            "__mod__",
            "__index__",
        ]
        .contains(&name),
        Value::None => name == "__bool__",
        Value::Object(o) => {
            ["__dict__", "__module__", "__weakref__"].contains(&name)
                || (o.is_callable()
                    && [
                        "__call__",
                        "__globals__",
                        "__code__",
                        "__closure__",
                        "__defaults__",
                        "__name__",
                        "__mro__",
                        "__subclasses__",
                        "__base__",
                        "__bases__",
                    ]
                    .contains(&name))
        }
        Value::Method(_) => ["__call__", "__self__", "__name__", "__func__"].contains(&name),
        _ => false,
    }
}

enum Attr {
    Found(Value),
    Refused,
    Missing,
}

fn python_attr(state: &State<'_>, value: &Value, name: &str) -> Result<Attr> {
    if let Value::Undefined(u) = value {
        if name.starts_with("__") && name.ends_with("__") {
            return Ok(if INTERNAL.contains(&name) { Attr::Refused } else { Attr::Missing });
        }
        return if u.kind == UndefinedKind::Chainable {
            Ok(Attr::Found(value.clone()))
        } else {
            Err(u.error())
        };
    }
    if is_internal(value, name) {
        return Ok(Attr::Refused);
    }
    let found = match value {
        Value::Tuple(t) if t.field(name).is_some() => t.field(name).cloned(),
        Value::Object(o) => o.get_attr(state, name)?,
        _ => crate::methods::attr(value, name),
    };
    Ok(match found {
        Some(_) if name.starts_with('_') => Attr::Refused,
        Some(v) => Attr::Found(v),
        None => Attr::Missing,
    })
}

/// `x.name`: the attribute, else the item, else undefined.
pub(crate) fn getattr(state: &State<'_>, value: &Value, name: &str) -> Result<Value> {
    let kind = state.env.settings.undefined;
    match python_attr(state, value, name)? {
        Attr::Found(v) => return Ok(v),
        Attr::Refused => return Ok(Undefined::unsafe_attr(kind, value, name)),
        Attr::Missing => {}
    }
    let key = Value::from(name);
    match lenient_item(state, value, &key)? {
        Some(v) => Ok(v),
        None => Ok(Undefined::item(kind, value, key)),
    }
}

/// `x[key]`: the item, else the attribute, else undefined.
pub(crate) fn getitem(state: &State<'_>, value: &Value, key: &Value) -> Result<Value> {
    let kind = state.env.settings.undefined;
    if let Some(v) = lenient_item(state, value, key)? {
        return Ok(v);
    }
    if let Some(name) = key.as_str() {
        match python_attr(state, value, name)? {
            Attr::Found(v) => return Ok(v),
            Attr::Refused => return Ok(Undefined::unsafe_attr(kind, value, name)),
            Attr::Missing => {}
        }
    }
    Ok(Undefined::item(kind, value, key.clone()))
}

/// The filter `attr`: only the attribute.
pub(crate) fn only_attr(state: &State<'_>, value: &Value, name: &str) -> Result<Value> {
    let kind = state.env.settings.undefined;
    Ok(match python_attr(state, value, name)? {
        Attr::Found(v) => v,
        Attr::Refused => Undefined::unsafe_attr(kind, value, name),
        Attr::Missing => Undefined::item(kind, value, Value::from(name)),
    })
}

/// An item where `TypeError` and `LookupError` count as not there.
fn lenient_item(state: &State<'_>, value: &Value, key: &Value) -> Result<Option<Value>> {
    match subscript(state, value, key) {
        Err(e) if matches!(e.class(), "TypeError" | "KeyError" | "IndexError" | "LookupError") => Ok(None),
        other => other,
    }
}

/// `x[key]` as Python has it; `None` stands for `LookupError`.
pub(crate) fn subscript(state: &State<'_>, value: &Value, key: &Value) -> Result<Option<Value>> {
    let sequence = |len: usize| -> Result<Option<usize>> {
        match key {
            Value::Int(_) | Value::Bool(_) => {}
            Value::Undefined(u) if u.kind != UndefinedKind::Chainable => {
                return Err(Error::type_error(format!(
                    "indices must be integers or slices, not {}",
                    key.type_name()
                )));
            }
            _ => {
                return Err(Error::type_error(format!(
                    "{} indices must be integers or slices, not {}",
                    value.type_name(),
                    key.type_name()
                )));
            }
        }
        let Some(i) = key.as_i64() else { return Ok(None) };
        let i = if i < 0 { i.saturating_add(len as i64) } else { i };
        Ok(usize::try_from(i).ok().filter(|i| *i < len))
    };
    Ok(match value {
        Value::Undefined(u) if u.kind == UndefinedKind::Chainable => Some(value.clone()),
        Value::Undefined(u) => return Err(u.error()),
        Value::Dict(d) => {
            let key = Key::new(key.clone())?;
            d.with(|m| m.get(&key).cloned())
        }
        Value::List(l) => match sequence(l.len())? {
            Some(i) => l.with(|v| v.get(i).cloned()),
            None => None,
        },
        Value::Tuple(t) => sequence(t.items().len())?.and_then(|i| t.items().get(i).cloned()),
        Value::Str(s) | Value::Markup(s) => {
            let i = if s.is_ascii() { sequence(s.len())? } else { sequence(s.chars().count())? };
            i.and_then(|i| s.chars().nth(i)).map(|c| Value::from(c.encode_utf8(&mut [0; 4]) as &str))
        }
        Value::Bytes(b) => sequence(b.len())?.map(|i| Value::from(i64::from(b[i]))),
        Value::Range(r) => sequence(r.len())?.and_then(|i| r.get(i)),
        Value::Object(o) => o.get_item(state, key)?,
        _ => return Err(Error::type_error(format!("'{}' object is not subscriptable", value.type_name()))),
    })
}

/// `x[start:stop:step]`.
pub(crate) fn slice(value: &Value, parts: &[Value; 3]) -> Result<Value> {
    if let Value::Undefined(u) = value {
        return if u.kind == UndefinedKind::Chainable { Ok(value.clone()) } else { Err(u.error()) };
    }
    let index = |v: &Value| -> Result<Option<i64>> {
        match v {
            Value::None => Ok(None),
            Value::Undefined(u) if u.is_strict() => Err(u.error()),
            _ => match v.as_int() {
                Some(i) => Ok(Some(i64::try_from(&i).unwrap_or(if i.sign() == num_bigint::Sign::Minus {
                    i64::MIN / 4
                } else {
                    i64::MAX / 4
                }))),
                None => Err(Error::type_error(
                    "slice indices must be integers or None or have an __index__ method",
                )),
            },
        }
    };
    let pick = |len: usize| -> Result<Vec<usize>> {
        let step = index(&parts[2])?.unwrap_or(1);
        if step == 0 {
            return Err(Error::value_error("slice step cannot be zero"));
        }
        let len = len as i64;
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let place = |i: Option<i64>, default: i64| match i {
            None => default,
            Some(i) if i < 0 => i.saturating_add(len).clamp(low, high),
            Some(i) => i.clamp(low, high),
        };
        let (start, stop) = (
            place(index(&parts[0])?, if step > 0 { low } else { high }),
            place(index(&parts[1])?, if step > 0 { high } else { low }),
        );
        let mut picked = Vec::new();
        let mut i = start;
        while (step > 0 && i < stop) || (step < 0 && i > stop) {
            picked.push(usize::try_from(i).unwrap_or_default());
            i = i.saturating_add(step);
        }
        Ok(picked)
    };
    let text = |s: &str| -> Result<String> {
        let chars: Vec<char> = s.chars().collect();
        Ok(pick(chars.len())?.into_iter().filter_map(|i| chars.get(i)).collect())
    };
    let items = |v: &[Value]| -> Result<Vec<Value>> {
        Ok(pick(v.len())?.into_iter().filter_map(|i| v.get(i).cloned()).collect())
    };
    Ok(match value {
        Value::Str(s) => Value::from(text(s)?),
        Value::Markup(s) => Value::Markup(text(s)?.into()),
        Value::List(l) => Value::list(items(&l.snapshot())?),
        Value::Tuple(t) => Value::tuple(items(t.items())?),
        Value::Bytes(b) => {
            Value::Bytes(pick(b.len())?.into_iter().filter_map(|i| b.get(i).copied()).collect())
        }
        Value::Range(r) => {
            let picked = pick(r.len())?;
            let at = |i: Option<&usize>| i.and_then(|i| r.get(*i)).and_then(|v| v.as_i64());
            let step = r.step.saturating_mul(index(&parts[2])?.unwrap_or(1));
            let start = at(picked.first()).unwrap_or(r.start);
            let stop = at(picked.last()).map_or(start, |last| last.saturating_add(step));
            Value::Range(std::sync::Arc::new(crate::value::Range { start, stop, step }))
        }
        Value::Dict(_) => return Err(Error::type_error("unhashable type: 'slice'")),
        _ => return Err(Error::type_error(format!("'{}' object is not subscriptable", value.type_name()))),
    })
}

/// The path of `attribute=` arguments: dots go deeper, digits are indices.
pub(crate) fn path(attribute: &Value) -> Vec<Value> {
    match attribute {
        Value::None => Vec::new(),
        Value::Str(s) | Value::Markup(s) => s
            .split('.')
            .map(|part| match part.parse::<i64>() {
                Ok(n) if !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) => Value::from(n),
                _ => Value::from(part),
            })
            .collect(),
        other => vec![other.clone()],
    }
}

/// Follows a path of items; undefined steps become `default` if there is one.
pub(crate) fn follow(
    state: &State<'_>,
    value: &Value,
    path: &[Value],
    default: Option<&Value>,
) -> Result<Value> {
    let mut value = value.clone();
    for part in path {
        value = getitem(state, &value, part)?;
        if let Some(d) = default.filter(|d| !matches!(d, Value::None))
            && value.is_undefined()
        {
            value = d.clone();
        }
    }
    Ok(value)
}

/// The key error of a missing key.
pub(crate) fn key_error(key: &Value) -> Error {
    match repr(key) {
        Ok(text) => Error::python("KeyError", text),
        Err(e) => e,
    }
}
