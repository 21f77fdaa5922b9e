//! Values of Salt as templates see them, and back.

use jinja::{Dict, Error, Key, Result, State, Value as Object};
use num_bigint::BigInt;
use salt::{Map, Value};

/// How deep a value may nest that goes from a template to a function.
const DEPTH: usize = 200;

/// A value as templates see it.
pub(crate) fn object(value: &Value) -> Object {
    match value {
        Value::None => Object::None,
        Value::Bool(b) => Object::Bool(*b),
        Value::Int(n) => Object::Int(BigInt::from(*n)),
        Value::BigInt(n) => Object::Int((**n).clone()),
        Value::Float(x) => Object::Float(*x),
        Value::Str(s) => Object::from(s.as_str()),
        Value::Bytes(b) | Value::Ext(_, b) => Object::Bytes(b.as_slice().into()),
        Value::List(items) => Object::list(items.iter().map(object).collect()),
        Value::Map(map) => map_object(map),
    }
}

/// A map as templates see it.
pub(crate) fn map_object(map: &Map) -> Object {
    Object::Dict(Dict::new(map.iter().map(|(key, value)| (key_object(key), object(value))).collect()))
}

fn key_object(key: &Value) -> Key {
    // Python has no lists and maps as keys; what YAML makes of them is a tuple.
    Key::new(object(key)).or_else(|_| Key::new(frozen(key))).unwrap_or_else(|_| text_key(&key.to_string()))
}

fn frozen(value: &Value) -> Object {
    match value {
        Value::List(items) => Object::tuple(items.iter().map(frozen).collect()),
        Value::Map(map) => {
            Object::tuple(map.iter().map(|(k, v)| Object::tuple(vec![frozen(k), frozen(v)])).collect())
        }
        other => object(other),
    }
}

fn text_key(text: &str) -> Key {
    Key::from(text)
}

/// A value of a template as functions and renderers take it: text, numbers, lists and maps.
///
/// # Errors
/// That of an undefined value, and `RecursionError` for what holds itself.
pub(crate) fn plain(state: &State<'_>, value: &Object) -> Result<Value> {
    plain_at(state, value, 0)
}

fn plain_at(state: &State<'_>, value: &Object, depth: usize) -> Result<Value> {
    if depth > DEPTH {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    let many = |items: Vec<Object>| -> Result<Value> {
        items.iter().map(|item| plain_at(state, item, depth + 1)).collect::<Result<Vec<_>>>().map(Value::List)
    };
    Ok(match value {
        Object::Undefined(u) => return Err(u.error()),
        Object::None => Value::None,
        Object::Bool(b) => Value::Bool(*b),
        Object::Int(n) => Value::from_big(n.clone()),
        Object::Float(x) => Value::Float(*x),
        Object::Str(s) | Object::Markup(s) => Value::from(&**s),
        Object::Bytes(b) => Value::Bytes(b.to_vec()),
        Object::List(list) => return many(list.snapshot()),
        Object::Tuple(tuple) => return many(tuple.items().to_vec()),
        Object::Set(_) | Object::View(..) | Object::Range(_) | Object::Iterator(_) => {
            return many(value.items(state)?);
        }
        Object::Dict(dict) => {
            let mut map = Map::new();
            for (key, value) in dict.snapshot() {
                map.insert(plain_at(state, key.value(), depth + 1)?, plain_at(state, &value, depth + 1)?);
            }
            Value::Map(map)
        }
        Object::Method(_) | Object::Object(_) => Value::from(jinja::to_str(value)?),
    })
}
