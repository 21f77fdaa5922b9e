//! The filters, tests and globals that Salt gives to Jinja (`@jinja_filter`, `@jinja_test`, `@jinja_global`).
//!
//! Of those of Salt, `http_query` is left out: it would open connections from templates.

use std::sync::Arc;

use jinja::{Environment, Error, Result, Value, python};
use num_traits::FromPrimitive;

use crate::bridge::Bridge;

mod dates;
mod dicts;
mod files;
mod globals;
mod hashes;
mod itertools;
mod lists;
mod network;
mod random;
mod regex;
mod texts;
pub(crate) mod xml;

/// Registers all of them.
pub(crate) fn register(env: &mut Environment, bridge: &Arc<Bridge>) {
    lists::register(env);
    itertools::register(env);
    dicts::register(env);
    texts::register(env);
    regex::register(env);
    hashes::register(env);
    network::register(env);
    files::register(env);
    dates::register(env);
    globals::register(env, bridge);
}

/// `isinstance(value, Hashable)`
fn is_hashable(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::View(..))
}

/// `str(type(value))`
fn repr_of_type(value: &Value) -> String {
    let module = match value {
        Value::Markup(_) => "markupsafe.",
        Value::Undefined(_) => "jinja2.runtime.",
        Value::Object(o) => {
            return format!(
                "<class '{}{}'>",
                o.module().map(|m| format!("{m}.")).unwrap_or_default(),
                o.type_name()
            );
        }
        _ => "",
    };
    format!("<class '{module}{}'>", value.type_name())
}

/// Text or bytes as bytes (`salt.utils.stringutils.to_bytes`).
fn bytes_of(value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::Str(text) | Value::Markup(text) => Ok(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        other => {
            Err(Error::type_error(format!("expected str, bytes, or bytearray not {}", repr_of_type(other))))
        }
    }
}

/// Text or bytes as text (`salt.utils.stringutils.to_str`).
fn text_of(value: &Value) -> Result<String> {
    String::from_utf8(bytes_of(value)?).map_err(|error| {
        Error::python("UnicodeDecodeError", format!("'utf-8' codec can't decode: {}", error.utf8_error()))
    })
}

/// `int(x)` of a float.
fn number(x: f64) -> Value {
    num_bigint::BigInt::from_f64(x.trunc()).map_or(Value::Float(x), Value::Int)
}

/// The number that a text stands for, else the text (`salt.utils.stringutils.to_num`).
fn to_num(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Int(_) => value.clone(),
        Value::Bool(b) => Value::from(i64::from(*b)),
        Value::Float(x) if x.is_nan() => value.clone(),
        Value::Float(x) if x.is_infinite() => {
            return Err(Error::python("OverflowError", "cannot convert float infinity to integer"));
        }
        Value::Float(x) => number(*x),
        Value::Str(text) | Value::Markup(text) => match python::parse_int(text, 10) {
            Some(n) => Value::Int(n),
            None => python::parse_float(text).map_or_else(|| value.clone(), Value::Float),
        },
        Value::Undefined(u) => return Err(u.error()),
        other => {
            let text = "int() argument must be a string, a bytes-like object or a real number, not ";
            return Err(Error::type_error(format!("{text}'{}'", other.type_name())));
        }
    })
}
