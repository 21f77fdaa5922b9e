//! `salt` and `proxy` in templates: the functions of the minion, as items and as attributes of their modules.

use std::sync::Arc;

use jinja::{Args, Error, Object, Result, State, Value};

use crate::bridge::Bridge;
use crate::convert::{object, plain};

/// The functions of the minion (`AliasedLoader` around the loader).
pub(crate) struct Functions {
    pub bridge: Arc<Bridge>,
    /// The one module to show, for `proxy`.
    pub only: Option<&'static str>,
}

/// The functions of one module: `salt.test`.
struct Module {
    bridge: Arc<Bridge>,
    name: String,
}

impl Functions {
    fn find(&self, fun: &str) -> Option<Value> {
        if self.only.is_some_and(|only| fun.split('.').next() != Some(only)) {
            return None;
        }
        function(&self.bridge, fun)
    }

    fn names(&self) -> Vec<Value> {
        let all = self.bridge.cx.modules().iter();
        let shown = |fun: &str| self.only.is_none_or(|only| fun.split('.').next() == Some(only));
        all.filter(|(fun, _)| shown(fun)).map(|(fun, _)| Value::from(fun)).collect()
    }
}

impl Object for Functions {
    fn type_name(&self) -> &str {
        if self.only.is_some() { "NamedLoaderContext" } else { "AliasedLoader" }
    }
    fn module(&self) -> Option<&str> {
        Some(if self.only.is_some() { "salt.loader.context" } else { "salt.utils.templates" })
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        if self.only.is_none_or(|only| only == name) && self.bridge.cx.modules().modules().contains(&name) {
            return Ok(Some(Value::object(Module { bridge: self.bridge.clone(), name: name.to_string() })));
        }
        let this = Functions { bridge: self.bridge.clone(), only: self.only };
        Ok(match name {
            "get" => Some(Value::function("get", move |_, args| {
                let args = args.bind("get", 1, &["key", "default"], 1)?;
                let found = args[0].as_ref().and_then(Value::as_str).and_then(|fun| this.find(fun));
                Ok(found.or_else(|| args[1].clone()).unwrap_or(Value::None))
            })),
            "keys" => Some(Value::function("keys", move |_, _| Ok(Value::list(this.names())))),
            _ => None,
        })
    }
    fn get_item(&self, _: &State<'_>, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|fun| self.find(fun)))
    }
    fn contains(&self, _: &State<'_>, item: &Value) -> Result<Option<bool>> {
        Ok(Some(item.as_str().is_some_and(|fun| self.find(fun).is_some())))
    }
    fn iterate(&self, _: &State<'_>) -> Result<Option<Vec<Value>>> {
        Ok(Some(self.names()))
    }
}

impl Object for Module {
    fn type_name(&self) -> &str {
        "LoadedMod"
    }
    fn module(&self) -> Option<&str> {
        Some("salt.loader.lazy")
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        Ok(function(&self.bridge, &format!("{}.{name}", self.name)))
    }
    fn repr(&self) -> String {
        format!("<LoadedMod module='{}'>", self.name)
    }
}

/// A function of the minion as a value of a template.
fn function(bridge: &Arc<Bridge>, fun: &str) -> Option<Value> {
    bridge.cx.modules().get(fun)?;
    let (bridge, fun) = (bridge.clone(), fun.to_string());
    Some(Value::function(&fun.clone(), move |state, args| call(&bridge, &fun, state, args)))
}

/// Calls a function of the minion and waits for it.
pub(crate) fn call(bridge: &Bridge, fun: &str, state: &State<'_>, args: Args) -> Result<Value> {
    let mut given = salt::Args::none();
    for value in &args.positional {
        given.positional.push(plain(state, value)?);
    }
    for (name, value) in &args.named {
        given.keywords.insert(&**name, plain(state, value)?);
    }
    // As a call in Python: the `__pub_*` keywords are those of jobs.
    let made = match bridge.cx.modules().find(fun) {
        Ok(function) => bridge.wait(function.run(&bridge.cx, given))?,
        Err(error) => Err(error),
    };
    match made {
        Ok(value) => Ok(object(&value)),
        Err(error) => Err(Error::python(error.kind(), error.message())),
    }
}
