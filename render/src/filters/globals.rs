//! The globals that Salt gives to templates: `raise`, `ifelse`, `odict`, `show_full_context`.

use std::sync::Arc;

use jinja::{Args, Environment, Error, Object, Result, State, Value, repr};

use crate::bridge::Bridge;
use crate::jinja::functions::call;

/// Registers them.
pub(super) fn register(env: &mut Environment, bridge: &Arc<Bridge>) {
    env.add_global("odict", Value::object(OrderedDict));
    env.add_function("raise", |_, args| {
        let message = args.bind("jinja_raise", 0, &["msg"], 1)?.remove(0).unwrap_or(Value::None);
        Err(Error::python("salt.exceptions.TemplateError", jinja::to_str(&message)?))
    });
    env.add_function("show_full_context", |state, _| {
        let context = state
            .context()
            .into_iter()
            .map(|(name, value)| Ok((jinja::Key::from(&*name), simple(&value, 0)?)));
        Ok(Value::Dict(jinja::Dict::new(context.collect::<Result<_>>()?)))
    });
    let bridge = bridge.clone();
    env.add_function("ifelse", move |state, args| call(&bridge, "match.ifelse", state, args));
}

/// `salt.utils.data.simple_types_filter`: what is no plain value becomes its text.
fn simple(value: &Value, depth: usize) -> Result<Value> {
    if depth > 100 {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    let plain = |value: &Value| {
        matches!(
            value,
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_) | Value::Markup(_)
        )
    };
    Ok(match value {
        Value::List(list) => {
            Value::list(list.snapshot().iter().map(|item| simple(item, depth + 1)).collect::<Result<_>>()?)
        }
        Value::Tuple(tuple) => {
            Value::list(tuple.items().iter().map(|item| simple(item, depth + 1)).collect::<Result<_>>()?)
        }
        Value::Dict(dict) => {
            let mut pairs = indexmap::IndexMap::new();
            for (key, value) in dict.snapshot() {
                let key =
                    if plain(key.value()) { key } else { jinja::Key::from(repr(key.value())?.as_str()) };
                pairs.insert(key, simple(&value, depth + 1)?);
            }
            Value::Dict(jinja::Dict::new(pairs))
        }
        value if plain(value) => value.clone(),
        other => Value::from(repr(other)?),
    })
}

/// `odict`: Python's `OrderedDict`, which prints as a dict here.
struct OrderedDict;

impl Object for OrderedDict {
    fn type_name(&self) -> &str {
        "type"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        let dict = state.global("dict").unwrap_or(Value::None);
        state.call(&dict, args)
    }
    fn repr(&self) -> String {
        "<class 'collections.OrderedDict'>".into()
    }
}
