//! The types of options.

use std::fmt;

use salt::Value;

/// A type that an option may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `str`
    Text,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `list`
    List,
    /// `dict`
    Map,
    /// `None`
    Nothing,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Int => "a whole number",
            Kind::Float => "a number",
            Kind::Bool => "true or false",
            Kind::List => "a list",
            Kind::Map => "a map",
            Kind::Nothing => "null",
        })
    }
}

/// The value in one of the types, converted where nothing is lost; none if it is of another type.
///
/// As in Salt, text may stand for a number and a number for text; an empty value stands for an empty collection.
pub(crate) fn fit(kinds: &[Kind], value: &Value) -> Option<Value> {
    let has = |kind| kinds.contains(&kind);
    match value {
        Value::None if has(Kind::Nothing) => Some(Value::None),
        Value::None if has(Kind::List) && kinds.len() == 1 => Some(Value::List(vec![])),
        Value::None if has(Kind::Map) => Some(Value::Map(salt::Map::new())),
        Value::Bool(_) if has(Kind::Bool) => Some(value.clone()),
        Value::Int(_) | Value::BigInt(_) if has(Kind::Int) || has(Kind::Float) => Some(value.clone()),
        Value::Float(x) if has(Kind::Float) && x.is_finite() => Some(value.clone()),
        Value::Float(x) if has(Kind::Int) && x.fract() == 0.0 && x.abs() < 9.0e15 => {
            Some(Value::Int(*x as i64))
        }
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) if has(Kind::Text) => {
            Some(value.to_string().into())
        }
        Value::Str(_) if has(Kind::Text) => Some(value.clone()),
        // A secret store is asked later, if at all.
        Value::Str(s) if s.starts_with("sdb://") => Some(value.clone()),
        Value::Str(s) if has(Kind::Int) => s.trim().parse().ok().map(Value::Int),
        Value::Str(s) if has(Kind::Float) => {
            s.trim().parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float)
        }
        Value::List(_) if has(Kind::List) => Some(value.clone()),
        Value::Map(_) if has(Kind::Map) => Some(value.clone()),
        _ => None,
    }
}

/// The types in a sentence: "text or a list".
pub(crate) fn sentence(kinds: &[Kind]) -> String {
    let words: Vec<String> =
        kinds.iter().filter(|k| **k != Kind::Nothing || kinds.len() == 1).map(Kind::to_string).collect();
    words.join(" or ")
}
