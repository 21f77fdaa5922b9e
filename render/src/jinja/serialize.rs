//! The filters of Salt's `SerializerExtension` and the tags that go with them.

use std::sync::Arc;

use jinja::python::Bound;
use jinja::{Args, Environment, Error, Result, State, Undefined, Value, pformat, to_str};
use salt::yaml::{self, Style};

use crate::convert::{object, plain};
use crate::filters::xml;
use crate::json;

/// Registers filters and tags.
pub(super) fn register(env: &mut Environment) {
    strict(env, "yaml", |state, value, args| {
        let b = Bound::new("SerializerExtension.format_yaml", 2, args, &["flow_style"], 0)?;
        format_yaml(state, &value, flow(&b, true)?)
    });
    strict(env, "dict_to_sls_yaml_params", |state, value, args| {
        let b = Bound::new("SerializerExtension.dict_to_sls_yaml_params", 2, args, &["flow_style"], 0)?;
        let Value::Dict(dict) = &value else {
            let text = format!("'{}' object has no attribute 'items'", value.type_name());
            return Err(Error::python("AttributeError", text));
        };
        let single = |(key, value)| Value::Dict(jinja::Dict::new([(key, value)].into_iter().collect()));
        let list = Value::list(dict.snapshot().into_iter().map(single).collect());
        format_yaml(state, &list, flow(&b, false)?)
    });
    strict(env, "json", |_, value, args| {
        let b = Bound::new("SerializerExtension.format_json", 2, args, &["sort_keys", "indent"], 0)?;
        let text = jinja::json_dumps(&value, indent(b.get(1))?.as_deref(), b.flag(0, true)?, false)?;
        Ok(Value::Markup(text.trim().into()))
    });
    strict(env, "python", |_, value, args| {
        Bound::new("SerializerExtension.format_python", 2, args, &[], 0)?;
        Ok(Value::Markup(pformat(&value)?.trim().into()))
    });
    strict(env, "xml", |_, value, args| {
        Bound::new("SerializerExtension.format_xml", 2, args, &[], 0)?;
        Ok(Value::Markup(xml::document(&value)?.into()))
    });
    strict(env, "load_yaml", |_, value, args| {
        Bound::new("SerializerExtension.load_yaml", 2, args, &[], 0)?;
        load_yaml(&module_text(value)?)
    });
    strict(env, "load_json", |_, value, args| {
        Bound::new("SerializerExtension.load_json", 2, args, &[], 0)?;
        load_json(&module_text(value)?)
    });
    strict(env, "load_text", |_, value, args| {
        Bound::new("SerializerExtension.load_text", 2, args, &[], 0)?;
        module_text(value)
    });
    env.add_serializer_tags(&["yaml", "json", "text"]);
}

/// Registers a filter that gives undefined values on: what is undefined anywhere in the value is all that comes out
/// (`_handle_strict_undefined`).
pub(crate) fn strict(
    env: &mut Environment,
    name: &str,
    f: impl Fn(&State<'_>, Value, Args) -> Result<Value> + Send + Sync + 'static,
) {
    env.add_filter(name, move |state, value, args| {
        let mut found = Vec::new();
        undefined_in(&value, &mut found, &mut Vec::new());
        if found.is_empty() {
            return f(state, value, args);
        }
        let messages: Vec<String> = found.iter().map(|u| u.message()).collect();
        Ok(state.undefined(messages.join("\n")))
    });
}

fn undefined_in(value: &Value, found: &mut Vec<Arc<Undefined>>, seen: &mut Vec<Value>) {
    let same = |a: &Value, b: &Value| match (a, b) {
        (Value::List(a), Value::List(b)) => a.same(b),
        (Value::Dict(a), Value::Dict(b)) => a.same(b),
        _ => false,
    };
    if matches!(value, Value::List(_) | Value::Dict(_)) {
        if seen.iter().any(|other| same(other, value)) {
            return;
        }
        seen.push(value.clone());
    }
    match value {
        Value::Undefined(u) if u.is_strict() => found.push(u.clone()),
        Value::List(list) => list.snapshot().iter().for_each(|item| undefined_in(item, found, seen)),
        Value::Tuple(tuple) => tuple.items().iter().for_each(|item| undefined_in(item, found, seen)),
        Value::Dict(dict) => {
            for (key, value) in dict.snapshot() {
                undefined_in(key.value(), found, seen);
                undefined_in(&value, found, seen);
            }
        }
        _ => {}
    }
}

fn flow(b: &Bound, default: bool) -> Result<Option<bool>> {
    match b.get(0) {
        None => Ok(Some(default)),
        Some(Value::None) => Ok(None),
        Some(value) => value.truth().map(Some),
    }
}

/// The indent of `json.dumps`.
pub(crate) fn indent(value: Option<&Value>) -> Result<Option<String>> {
    Ok(match value {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) => Some(text.to_string()),
        Some(value) => {
            let n = jinja::python::index(value)?.clamp(0, 1000);
            Some(" ".repeat(usize::try_from(n).unwrap_or_default()))
        }
    })
}

fn format_yaml(state: &State<'_>, value: &Value, flow: Option<bool>) -> Result<Value> {
    let text = yaml::dump(&dumpable(state, value, 0)?, Style { flow, ..Style::default() });
    let text = text.trim();
    Ok(Value::Markup(text.strip_suffix("\n...").unwrap_or(text).into()))
}

/// A value for the dumper, which knows plain types only: anything else, subclasses of them too, is `NULL` to it.
fn dumpable(state: &State<'_>, value: &Value, depth: usize) -> Result<salt::Value> {
    if depth > 100 {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    let unknown = || salt::Value::Ext(0, Vec::new());
    Ok(match value {
        Value::Markup(_) | Value::Set(_) | Value::View(..) | Value::Range(_) => unknown(),
        Value::Iterator(_) | Value::Method(_) | Value::Object(_) => unknown(),
        Value::Tuple(tuple) if tuple.is_named() => unknown(),
        Value::List(_) | Value::Tuple(_) => {
            let items = value.items(state)?;
            salt::Value::List(
                items.iter().map(|item| dumpable(state, item, depth + 1)).collect::<Result<_>>()?,
            )
        }
        Value::Dict(dict) => {
            let pair = |(key, value): (jinja::Key, Value)| {
                Ok((dumpable(state, key.value(), depth + 1)?, dumpable(state, &value, depth + 1)?))
            };
            salt::Value::Map(dict.snapshot().into_iter().map(pair).collect::<Result<salt::Map>>()?)
        }
        other => plain(state, other)?,
    })
}

/// The text of an imported template; anything else as it is.
fn module_text(value: Value) -> Result<Value> {
    match &value {
        Value::Object(o) if o.type_name() == "TemplateModule" => to_str(&value).map(Value::from),
        _ => Ok(value),
    }
}

fn load_yaml(value: &Value) -> Result<Value> {
    let runtime = |text: String| Error::python("TemplateRuntimeError", text);
    let text = match value {
        Value::Str(text) | Value::Markup(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).map_err(|error| {
            Error::python("UnicodeDecodeError", format!("'utf-8' codec can't decode: {}", error.utf8_error()))
        })?,
        _ => return Err(Error::type_error("a string or stream input is required")),
    };
    match yaml::load(&text) {
        Ok(loaded) => Ok(object(&decoded(loaded)?)),
        Err(error) if error.kind() == yaml::Kind::Value => {
            Err(Error::python("ValueError", error.to_string()))
        }
        Err(error) => Err(runtime(format!("Encountered error loading yaml: {error}"))),
    }
}

/// Bytes as text (`salt.utils.data.decode`).
fn decoded(value: salt::Value) -> Result<salt::Value> {
    use salt::Value as V;
    Ok(match value {
        V::Bytes(bytes) => V::Str(String::from_utf8(bytes).map_err(|error| {
            Error::python("UnicodeDecodeError", format!("'utf-8' codec can't decode: {}", error.utf8_error()))
        })?),
        V::List(items) => V::List(items.into_iter().map(decoded).collect::<Result<_>>()?),
        V::Map(map) => V::Map(
            map.into_iter().map(|(k, v)| Ok((decoded(k)?, decoded(v)?))).collect::<Result<salt::Map>>()?,
        ),
        other => other,
    })
}

fn load_json(value: &Value) -> Result<Value> {
    let loaded = match value {
        Value::Str(text) | Value::Markup(text) => json::load(text).ok(),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| json::load(text).ok()),
        _ => None,
    };
    match loaded {
        Some(loaded) => Ok(object(&loaded)),
        None => {
            Err(Error::python("TemplateRuntimeError", format!("Unable to load json from {}", to_str(value)?)))
        }
    }
}
