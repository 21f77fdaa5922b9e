//! Jinja2's own filters.

use crate::args::Args;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::repr::to_str;
use crate::state::State;
use crate::value::Value;

pub(crate) mod json;
mod number;
pub(crate) use number::{parse_float, parse_int};
pub(crate) mod pprint;
mod sequence;
pub(crate) use sequence::{dict, random};
pub(crate) mod text;
mod url;
mod wrap;

/// The arguments behind the filtered value, bound to parameters.
pub struct Bound(Vec<Option<Value>>);

impl Bound {
    /// Binds; `hidden` counts the leading Python arguments, the filtered value among them.
    pub fn new(function: &str, hidden: usize, args: Args, params: &[&str], required: usize) -> Result<Self> {
        Ok(Self(args.bind(function, hidden, params, required)?))
    }

    /// An argument, if it was given.
    pub fn get(&self, i: usize) -> Option<&Value> {
        self.0.get(i).and_then(Option::as_ref)
    }

    /// An argument or its default.
    pub fn or(&self, i: usize, default: impl Into<Value>) -> Value {
        self.get(i).cloned().unwrap_or_else(|| default.into())
    }

    /// An argument or `None`.
    pub fn none(&self, i: usize) -> Value {
        self.get(i).cloned().unwrap_or(Value::None)
    }

    /// The truth of an argument.
    pub fn flag(&self, i: usize, default: bool) -> Result<bool> {
        self.get(i).map_or(Ok(default), Value::truth)
    }

    /// `str()` of an argument.
    pub fn text(&self, i: usize, default: &str) -> Result<String> {
        self.get(i).map_or_else(|| Ok(default.to_owned()), to_str)
    }

    /// An argument that is an integer.
    pub fn int(&self, i: usize, default: i64) -> Result<i64> {
        match self.get(i) {
            None => Ok(default),
            Some(v) => crate::methods::index(v),
        }
    }
}

/// An error of a filter's arguments.
pub(crate) fn argument_error(text: impl Into<String>) -> Error {
    Error::python("FilterArgumentError", text)
}

/// Text of the same kind (plain or markup) as the value it was made from.
pub(crate) fn alike(value: &Value, text: String) -> Value {
    match value {
        Value::Markup(_) => Value::Markup(text.into()),
        _ => Value::from(text),
    }
}

pub(crate) fn register(env: &mut Environment) {
    text::register(env);
    wrap::register(env);
    url::register(env);
    number::register(env);
    sequence::register(env);
    json::register(env);
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("attr", |state, value, args| {
        let name = Bound::new("do_attr", 2, args, &["name"], 1)?.none(0);
        match name.as_str() {
            Some(name) => crate::attr::only_attr(state, &value, name),
            None => {
                Err(Error::type_error(format!("attribute name must be string, not '{}'", name.type_name())))
            }
        }
    });
    env.add_filter("pprint", |_, value, args| {
        Bound::new("do_pprint", 1, args, &[], 0)?;
        Ok(Value::from(pprint::pformat(&value)?))
    });
}

fn default(_: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let b = Bound::new("do_default", 1, args, &["default_value", "boolean"], 0)?;
    if value.is_undefined() || (b.flag(1, false)? && !value.truth()?) {
        return Ok(b.or(0, ""));
    }
    Ok(value)
}
