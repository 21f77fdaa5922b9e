//! The value that travels between a master and a minion: Python's plain types.

use std::fmt;
use std::hash::{Hash, Hasher};

use indexmap::{Equivalent, IndexMap};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

/// A value as Salt's Python would hold it.
///
/// Equality and hashing are Python's: `1`, `1.0` and `True` are the same key, text and bytes never are.
/// A list or map can stand as a key here although Python would refuse it; the decoders refuse it there.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer outside of the range of [`Value::Int`]; never one inside of it.
    BigInt(Box<BigInt>),
    /// `float`.
    Float(f64),
    /// `str`.
    Str(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `list`, and what becomes one on the wire: tuples and sets.
    List(Vec<Value>),
    /// `dict`, in insertion order.
    Map(Map),
    /// A msgpack extension type: 78 is Salt's datetime, 79 its internal constants.
    Ext(i8, Vec<u8>),
}

/// An ordered `dict`. Boxed, so that a [`Value`] stays small.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Map(Box<IndexMap<Value, Value>>);

impl Value {
    /// An integer of any size, in its smallest variant.
    pub fn from_big(n: BigInt) -> Value {
        match n.to_i64() {
            Some(n) => Value::Int(n),
            None => Value::BigInt(Box::new(n)),
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The integer, if this is one of 64 bits. A bool is none.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The number as a float, from an integer too.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::BigInt(n) => n.to_f64(),
            _ => None,
        }
    }

    /// The bool, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The items, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(v) => Some(v),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(m) => Some(m),
            _ => None,
        }
    }

    /// The map to change, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Map(m) => Some(m),
            _ => None,
        }
    }

    /// Text or bytes as bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Str(s) => Some(s.as_bytes()),
            Value::Bytes(b) => Some(b),
            _ => None,
        }
    }

    /// The value under a text key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// True for [`Value::None`].
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// Python's truth: false are `None`, `False`, zero, and whatever is empty.
    pub fn truthy(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::BigInt(_) | Value::Ext(..) => true,
            Value::Float(x) => *x != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::Bytes(b) => !b.is_empty(),
            Value::List(v) => !v.is_empty(),
            Value::Map(m) => !m.is_empty(),
        }
    }

    /// The name of the Python type, as `type(x).__name__` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
            Value::Ext(..) => "ExtType",
        }
    }

    /// The value at a path of keys, as `salt.utils.data.traverse_dict_and_list` finds it: each step is a key of a
    /// map or an index of a list; a list that is met under a key that is no index is searched for a map with it.
    pub fn traverse(&self, path: &str, delimiter: &str) -> Option<&Value> {
        let mut at = self;
        for step in path.split(delimiter) {
            at = match at {
                Value::Map(m) => match m.get(step) {
                    Some(v) => v,
                    None => m.get_key(&Value::Int(step.parse().ok()?))?,
                },
                Value::List(items) => match step.parse::<usize>() {
                    Ok(i) => items.get(i)?,
                    Err(_) => items.iter().rev().find_map(|item| item.get(step))?,
                },
                _ => return None,
            };
        }
        Some(at)
    }

    /// JSON with the same order. Keys that are no text are written as Python's `json` writes them; bytes become text
    /// where they are UTF-8 and replacement characters where not; NaN and infinities become null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as J;
        match self {
            Value::None => J::Null,
            Value::Bool(b) => J::Bool(*b),
            Value::Int(n) => J::from(*n),
            Value::BigInt(n) => match n.to_u64() {
                Some(n) => J::from(n),
                None => J::String(n.to_string()),
            },
            Value::Float(x) => serde_json::Number::from_f64(*x).map_or(J::Null, J::Number),
            Value::Str(s) => J::String(s.clone()),
            Value::Bytes(b) | Value::Ext(_, b) => J::String(String::from_utf8_lossy(b).into_owned()),
            Value::List(v) => J::Array(v.iter().map(Value::to_json).collect()),
            Value::Map(m) => J::Object(m.iter().map(|(k, v)| (k.json_key(), v.to_json())).collect()),
        }
    }

    /// The value of a JSON document.
    pub fn from_json(json: serde_json::Value) -> Value {
        use serde_json::Value as J;
        match json {
            J::Null => Value::None,
            J::Bool(b) => Value::Bool(b),
            J::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Value::Int(n),
                (None, Some(n)) => Value::from_big(BigInt::from(n)),
                _ => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            J::String(s) => Value::Str(s),
            J::Array(v) => Value::List(v.into_iter().map(Value::from_json).collect()),
            J::Object(m) => {
                Value::Map(m.into_iter().map(|(k, v)| (Value::Str(k), Value::from_json(v))).collect())
            }
        }
    }

    fn json_key(&self) -> String {
        match self {
            Value::None => "null".into(),
            Value::Bool(b) => if *b { "true" } else { "false" }.into(),
            other => other.to_string(),
        }
    }
}

impl Map {
    /// An empty map.
    pub fn new() -> Map {
        Map::default()
    }

    /// The value under a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&StrKey(key))
    }

    /// The value under a text key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(&StrKey(key))
    }

    /// The value under any key.
    pub fn get_key(&self, key: &Value) -> Option<&Value> {
        self.0.get(key)
    }

    /// The value under any key, to change it.
    pub fn get_key_mut(&mut self, key: &Value) -> Option<&mut Value> {
        self.0.get_mut(key)
    }

    /// The text under a text key.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// True if the text key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(&StrKey(key))
    }

    /// Puts a value; a key that is there keeps its place. Returns the value that was there.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// The same, for chains.
    #[must_use]
    pub fn with(mut self, key: impl Into<Value>, value: impl Into<Value>) -> Map {
        self.insert(key, value);
        self
    }

    /// Takes a text key out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&StrKey(key))
    }

    /// Takes any key out; the order of the others stays.
    pub fn remove_key(&mut self, key: &Value) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// The value under a key, made if it is not there.
    pub fn entry(&mut self, key: impl Into<Value>) -> indexmap::map::Entry<'_, Value, Value> {
        self.0.entry(key.into())
    }

    /// Keys and values in order.
    pub fn iter(&self) -> indexmap::map::Iter<'_, Value, Value> {
        self.0.iter()
    }

    /// Keys and values in order, the values to change.
    pub fn iter_mut(&mut self) -> indexmap::map::IterMut<'_, Value, Value> {
        self.0.iter_mut()
    }

    /// Keys in order.
    pub fn keys(&self) -> indexmap::map::Keys<'_, Value, Value> {
        self.0.keys()
    }

    /// Values in order.
    pub fn values(&self) -> indexmap::map::Values<'_, Value, Value> {
        self.0.values()
    }

    /// Keeps the pairs that the predicate likes.
    pub fn retain(&mut self, mut keep: impl FnMut(&Value, &mut Value) -> bool) {
        self.0.retain(|k, v| keep(k, v));
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Orders the pairs by key: text by code point, as Python's `sorted` does.
    pub fn sort_keys(&mut self) {
        self.0.sort_by_cached_key(|k, _| match k {
            Value::Str(s) => s.clone(),
            other => other.to_string(),
        });
    }

    /// Merges `other` in: maps are merged key by key, anything else is replaced
    /// (`salt.utils.dictupdate.update`, lists not merged).
    pub fn merge_recursive(&mut self, other: Map) {
        for (key, value) in other {
            match (self.0.get_mut(&key), value) {
                (Some(Value::Map(mine)), Value::Map(theirs)) => mine.merge_recursive(theirs),
                (_, value) => {
                    self.0.insert(key, value);
                }
            }
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(Value, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(iter: I) -> Map {
        Map(Box::new(iter.into_iter().collect()))
    }
}

impl Extend<(Value, Value)> for Map {
    fn extend<I: IntoIterator<Item = (Value, Value)>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = indexmap::map::IntoIter<Value, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Value, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, Value, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Text that looks up a [`Value::Str`] without a copy of it.
struct StrKey<'a>(&'a str);

impl Hash for StrKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_str(self.0, state);
    }
}

impl Equivalent<Value> for StrKey<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        matches!(key, Value::Str(s) if s == self.0)
    }
}

fn hash_str<H: Hasher>(s: &str, state: &mut H) {
    state.write_u8(2);
    s.hash(state);
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        use Value::*;
        match (self, other) {
            (None, None) => true,
            (Str(a), Str(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            (Ext(t, a), Ext(u, b)) => t == u && a == b,
            (BigInt(a), BigInt(b)) => a == b,
            _ => match (Number::of(self), Number::of(other)) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Value::None => state.write_u8(0),
            Value::Str(s) => hash_str(s, state),
            Value::Bytes(b) => {
                state.write_u8(3);
                b.hash(state);
            }
            Value::List(v) => {
                state.write_u8(4);
                v.hash(state);
            }
            // Order does not count in the equality of maps, so it must not count here.
            Value::Map(m) => {
                state.write_u8(5);
                state.write_usize(m.len());
            }
            Value::Ext(t, b) => {
                state.write_u8(6);
                state.write_i8(*t);
                b.hash(state);
            }
            Value::BigInt(n) => {
                state.write_u8(7);
                n.hash(state);
            }
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => match Number::of(self) {
                Some(Number::Int(n)) => {
                    state.write_u8(1);
                    state.write_i64(n);
                }
                Some(Number::Float(bits)) => {
                    state.write_u8(8);
                    state.write_u64(bits);
                }
                Option::None => {}
            },
        }
    }
}

/// A number in the form in which equal ones are equal: a float with an integral value is that integer.
#[derive(PartialEq)]
enum Number {
    Int(i64),
    Float(u64),
}

impl Number {
    fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Bool(b) => Some(Number::Int(i64::from(*b))),
            Value::Int(n) => Some(Number::Int(*n)),
            Value::Float(x) if x.fract() == 0.0 && *x >= -9.2e18 && *x <= 9.2e18 => {
                Some(Number::Int(*x as i64))
            }
            Value::Float(x) => Some(Number::Float(x.to_bits())),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($from:ty => |$x:ident| $to:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($x: $from) -> Value {
                $to
            }
        })*
    };
}

from! {
    bool => |x| Value::Bool(x),
    i64 => |x| Value::Int(x),
    i32 => |x| Value::Int(x.into()),
    u32 => |x| Value::Int(x.into()),
    u16 => |x| Value::Int(x.into()),
    u8 => |x| Value::Int(x.into()),
    u64 => |x| Value::from_big(x.into()),
    usize => |x| Value::from_big(x.into()),
    f64 => |x| Value::Float(x),
    &str => |x| Value::Str(x.into()),
    &String => |x| Value::Str(x.clone()),
    Box<str> => |x| Value::Str(x.into()),
    std::sync::Arc<str> => |x| Value::Str(x.as_ref().into()),
    String => |x| Value::Str(x),
    std::borrow::Cow<'_, str> => |x| Value::Str(x.into_owned()),
    Map => |x| Value::Map(x),
    () => |_x| Value::None,
}

impl From<&Value> for Value {
    fn from(x: &Value) -> Value {
        x.clone()
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(x: Vec<T>) -> Value {
        Value::List(x.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(x: [T; N]) -> Value {
        Value::List(x.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(x: Option<T>) -> Value {
        x.map_or(Value::None, Into::into)
    }
}

/// A [`Map`] in the order written: `map! { "name" => name, "result" => true }`.
#[macro_export]
macro_rules! map {
    () => { $crate::Map::new() };
    ($($key:expr => $value:expr),+ $(,)?) => {{
        let mut map = $crate::Map::new();
        $(map.insert($key, $value);)+
        map
    }};
}

/// A [`Value::List`] of mixed items: `list![1, "two"]`.
#[macro_export]
macro_rules! list {
    ($($item:expr),* $(,)?) => { $crate::Value::List(vec![$($crate::Value::from($item)),*]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_equal_as_in_python() {
        let mut map = Map::new();
        map.insert(1i64, "int");
        map.insert(1.0, "float");
        map.insert(true, "bool");
        assert_eq!(map.len(), 1);
        assert_eq!(map.get_key(&Value::Int(1)), Some(&"bool".into()));
        map.insert("1", "text");
        map.insert(Value::Bytes(b"1".to_vec()), "bytes");
        assert_eq!(map.len(), 3);
        assert_eq!(map.get("1"), Some(&"text".into()));
    }

    #[test]
    fn traverse_walks_maps_lists_and_maps_inside_lists() {
        let value: Value = map! { "a" => map! { "b" => list![map! { "c" => 7 }, 8] } }.into();
        assert_eq!(value.traverse("a:b:0:c", ":"), Some(&7.into()));
        assert_eq!(value.traverse("a:b:c", ":"), Some(&7.into()));
        assert_eq!(value.traverse("a:b:1", ":"), Some(&8.into()));
        assert_eq!(value.traverse("a:x", ":"), None);
    }

    #[test]
    fn recursive_merge_keeps_what_the_other_lacks() {
        let mut a = map! { "x" => map! { "one" => 1, "two" => 2 }, "y" => 1 };
        a.merge_recursive(map! { "x" => map! { "two" => 3 }, "y" => map! { "z" => 1 } });
        assert_eq!(a, map! { "x" => map! { "one" => 1, "two" => 3 }, "y" => map! { "z" => 1 } });
    }

    #[test]
    fn a_value_stays_small() {
        assert!(std::mem::size_of::<Value>() <= 32);
    }
}
