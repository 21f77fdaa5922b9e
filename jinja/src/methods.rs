//! Methods and attributes of builtin values.

use std::sync::Arc;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::state::State;
use crate::value::{Method, Value};

mod collection;
pub(crate) use collection::pairs;
mod number;
pub(crate) mod text;

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const BYTES: &[&str] = &[
    "decode",
    "hex",
    "startswith",
    "endswith",
    "upper",
    "lower",
    "strip",
    "split",
    "replace",
    "find",
    "count",
    "join",
];
const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: &[&str] = &["count", "index"];
const DICT: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "difference_update",
    "discard",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "symmetric_difference_update",
    "union",
    "update",
];
const INT: &[&str] = &["as_integer_ratio", "bit_count", "bit_length", "conjugate"];
const FLOAT: &[&str] = &["as_integer_ratio", "conjugate", "is_integer"];
const VIEW: &[&str] = &["isdisjoint"];
const RANGE: &[&str] = &["count", "index"];

/// The builtin method of that name.
pub(crate) fn find(value: &Value, name: &str) -> Option<&'static str> {
    let names = match value {
        Value::Str(_) | Value::Markup(_) => STR,
        Value::Bytes(_) => BYTES,
        Value::List(_) => LIST,
        Value::Tuple(_) => TUPLE,
        Value::Dict(_) => DICT,
        Value::Set(_) => SET,
        Value::Int(_) | Value::Bool(_) => INT,
        Value::Float(_) => FLOAT,
        Value::View(..) => VIEW,
        Value::Range(_) => RANGE,
        _ => return None,
    };
    names.iter().find(|n| **n == name).copied()
}

/// An attribute of a builtin value.
pub(crate) fn attr(value: &Value, name: &str) -> Option<Value> {
    if let Some(name) = find(value, name) {
        return Some(Value::Method(Arc::new(Method { this: value.clone(), name })));
    }
    match (value, name) {
        (Value::Int(_) | Value::Bool(_), "real" | "numerator") => value.as_int().map(Value::Int),
        (Value::Int(_) | Value::Bool(_), "imag") => Some(Value::from(0i64)),
        (Value::Int(_) | Value::Bool(_), "denominator") => Some(Value::from(1i64)),
        (Value::Float(_), "real") => Some(value.clone()),
        (Value::Float(_), "imag") => Some(Value::Float(0.0)),
        (Value::Range(r), "start") => Some(Value::from(r.start)),
        (Value::Range(r), "stop") => Some(Value::from(r.stop)),
        (Value::Range(r), "step") => Some(Value::from(r.step)),
        _ => None,
    }
}

/// Calls a method of a builtin value.
pub(crate) fn call(state: &State<'_>, method: &Method, args: Args) -> Result<Value> {
    let name = method.name;
    match &method.this {
        Value::Str(s) => text::call(state, s, name, args),
        Value::Markup(s) => markup(state, s, name, args),
        Value::Bytes(b) => text::call_bytes(state, b, name, args),
        Value::List(l) => collection::call_list(state, l, name, args),
        Value::Tuple(t) => collection::call_sequence(t.items(), "tuple", name, args),
        Value::Dict(d) => collection::call_dict(state, d, name, args),
        Value::Set(s) => collection::call_set(state, s, name, args),
        Value::Range(_) => collection::call_sequence(&method.this.items(state)?, "range", name, args),
        Value::View(..) => {
            let other = Given::new("isdisjoint", args, 1, 1)?.at(0);
            for item in other.items(state)? {
                if crate::ops::contains(state, &method.this, &item)? {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        }
        number => number::call(number, name, args),
    }
}

/// Methods of markup: plain text that is taken in is escaped, text that is given out is markup.
fn markup(state: &State<'_>, s: &str, name: &'static str, mut args: Args) -> Result<Value> {
    use crate::ops::escape_strings;
    match name {
        "replace" => {
            if let Some(new) = args.positional.get_mut(1) {
                *new = escape_strings(new);
            }
        }
        "join" => {
            if let Some(items) = args.positional.first_mut() {
                *items = Value::list(items.items(state)?.iter().map(escape_strings).collect());
            }
        }
        "format" | "format_map" => {
            args.positional.iter_mut().for_each(|v| *v = escape_strings(v));
            args.named.iter_mut().for_each(|(_, v)| *v = escape_strings(v));
        }
        _ => {}
    }
    let wrap = |v: &Value| match v {
        Value::Str(s) => Value::Markup(s.clone()),
        other => other.clone(),
    };
    Ok(match text::call(state, s, name, args)? {
        Value::List(l) => Value::list(l.snapshot().iter().map(wrap).collect()),
        Value::Tuple(t) => Value::tuple(t.items().iter().map(wrap).collect()),
        other => wrap(&other),
    })
}

/// Positional arguments of a builtin method, their number checked.
pub(crate) struct Given(Vec<Value>);

impl Given {
    pub(crate) fn new(name: &str, args: Args, min: usize, max: usize) -> Result<Self> {
        let short = name.rsplit('.').next().unwrap_or(name);
        if !args.named.is_empty() {
            return Err(Error::type_error(format!("{name}() takes no keyword arguments")));
        }
        let n = args.positional.len();
        if n < min || n > max {
            return Err(Error::type_error(match (min, max) {
                (0, 0) => format!("{name}() takes no arguments ({n} given)"),
                (1, 1) => format!("{name}() takes exactly one argument ({n} given)"),
                _ if min == max => format!("{short} expected {min} arguments, got {n}"),
                _ if n < min => format!(
                    "{short} expected at least {min} argument{}, got {n}",
                    if min == 1 { "" } else { "s" }
                ),
                _ => format!(
                    "{short} expected at most {max} argument{}, got {n}",
                    if max == 1 { "" } else { "s" }
                ),
            }));
        }
        Ok(Self(args.positional))
    }

    /// An argument, `None` if it was left out.
    pub(crate) fn at(&self, i: usize) -> Value {
        self.0.get(i).cloned().unwrap_or(Value::None)
    }

    pub(crate) fn get(&self, i: usize) -> Option<&Value> {
        self.0.get(i)
    }
}

/// The index argument of a method.
pub(crate) fn index(value: &Value) -> Result<i64> {
    match value {
        Value::Undefined(u) => Err(u.error()),
        Value::Int(_) | Value::Bool(_) => value
            .as_i64()
            .ok_or_else(|| Error::python("OverflowError", "Python int too large to convert to C ssize_t")),
        _ => Err(Error::type_error(format!(
            "'{}' object cannot be interpreted as an integer",
            value.type_name()
        ))),
    }
}
