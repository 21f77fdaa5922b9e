//! Hashable values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::FromPrimitive;

use super::Value;
use crate::error::{Error, Result};

/// A hashable value as a key of a dict or member of a set.
#[derive(Clone)]
pub struct Key(pub(crate) Value);

impl Key {
    /// The key of a value; a `TypeError` if it cannot be hashed.
    pub fn new(value: Value) -> Result<Self> {
        check_hashable(&value, 0)?;
        Ok(Self(value))
    }
    /// The value.
    pub fn value(&self) -> &Value {
        &self.0
    }
    /// Takes the value out.
    pub fn into_value(self) -> Value {
        self.0
    }
}

fn check_hashable(value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::View(..) => {
            Err(Error::type_error(format!("unhashable type: '{}'", value.type_name())))
        }
        Value::Tuple(items) => {
            if depth > 50 {
                return Err(Error::recursion());
            }
            items.items().iter().try_for_each(|v| check_hashable(v, depth + 1))
        }
        Value::Undefined(u) if u.is_strict() => Err(u.error()),
        _ => Ok(()),
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Bool(b) => BigInt::from(u8::from(*b)).hash(state),
        Value::Int(i) => i.hash(state),
        Value::Float(f) => match BigInt::from_f64(*f) {
            Some(i) if f.fract() == 0.0 => i.hash(state),
            _ => f.to_bits().hash(state),
        },
        Value::Str(s) | Value::Markup(s) => s.hash(state),
        Value::Bytes(b) => b.hash(state),
        Value::Tuple(t) => t.items().iter().for_each(|v| hash(v, state)),
        Value::Range(r) => r.hash(state),
        Value::Object(o) => (Arc::as_ptr(o) as *const u8 as usize).hash(state),
        _ => 0u8.hash(state),
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        key_eq(&self.0, &other.0)
    }
}

impl Eq for Key {}

fn key_eq(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(x) | Value::Markup(x), Value::Str(y) | Value::Markup(y)) => x == y,
        (Value::Tuple(x), Value::Tuple(y)) => {
            x.items().len() == y.items().len() && x.items().iter().zip(y.items()).all(|(p, q)| key_eq(p, q))
        }
        (Value::Float(x), Value::Float(y)) => x == y || x.to_bits() == y.to_bits(),
        _ => crate::ops::simple_eq(a, b),
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(Value::from(text))
    }
}
