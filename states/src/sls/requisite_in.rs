//! Requisites that are written at the other end: `require_in` and so on, `use`, `prereq` (`State.requisite_in`).

use indexmap::IndexMap;
use salt::{Map, Value, list, map};

use crate::sls::chunk::{first, first_key};
use crate::sls::extend::{find_name, reconcile};

const KINDS: &[&str] =
    &["require_in", "watch_in", "onfail_in", "onchanges_in", "use", "use_in", "prereq", "prereq_in"];

/// Arguments that `use` does not copy, beside `name`, `names` and what the user has himself.
const NOT_USED: &[&str] = &["require", "watch", "onfail", "onfail_stop", "onchanges", "name", "names"];

/// Turns them round, in place. The tree must be a verified one.
pub fn apply(high: &mut Map, disabled: &[String]) -> Vec<String> {
    let mut turn = Turn { high, extend: IndexMap::new(), errors: Vec::new() };
    let all: &Map = turn.high;
    for (id, body) in all {
        let Some(body) = body.as_map() else { continue };
        for (module, args) in body {
            let Some(module) = module.as_str().filter(|module| !module.starts_with("__")) else { continue };
            for arg in args.as_list().unwrap_or_default() {
                let Some((key, items)) = arg.as_map().and_then(first) else { continue };
                let Some(key) = key.as_str().filter(|key| KINDS.contains(key)) else { continue };
                if disabled.iter().any(|one| one == key) {
                    tracing::warn!("The {key} requisite has been disabled, Ignoring.");
                    continue;
                }
                let from = From { id, module, body, key };
                match items {
                    Value::Map(items) => turn.single(from, items),
                    Value::List(items) => turn.several(from, items),
                    _ => {}
                }
            }
        }
    }
    let Turn { extend, mut errors, .. } = turn;
    let extends = extend.into_iter().map(|(id, one)| Value::from(Map::new().with(id, one.into_map())));
    let extends = extends.collect();
    high.insert("__extend__", Value::List(extends));
    errors.extend(reconcile(high, true));
    errors
}

struct Turn<'a> {
    high: &'a Map,
    extend: IndexMap<Value, Extension>,
    errors: Vec<String>,
}

/// What an id is to get.
#[derive(Default)]
struct Extension {
    modules: IndexMap<String, Vec<Value>>,
    /// The `__env__` and `__sls__` of the state that asks for it.
    marks: Map,
}

impl Extension {
    fn into_map(self) -> Map {
        let mut body: Map =
            self.modules.into_iter().map(|(module, args)| (module.into(), Value::List(args))).collect();
        body.extend(self.marks);
        body
    }
}

/// The state that an argument stands in.
#[derive(Clone, Copy)]
struct From<'a> {
    id: &'a Value,
    module: &'a str,
    body: &'a Map,
    key: &'a str,
}

impl From<'_> {
    /// The requisite that the other end gets: `require` of `require_in`.
    fn kind(&self) -> &str {
        self.key.split('_').next().unwrap_or(self.key)
    }
}

impl Turn<'_> {
    /// `require_in: {module: name}`.
    fn single(&mut self, from: From<'_>, items: &Map) {
        for (module, name) in items {
            let module = self.undotted(from, &module.to_string(), name);
            self.require(from, &module, name);
        }
    }

    /// `require_in: [{module: name}, name]`.
    fn several(&mut self, from: From<'_>, items: &[Value]) {
        // Salt never empties this list between two items, so the first ones are met again; the doubles do no harm.
        let mut hinges: Vec<(Value, String)> = Vec::new();
        for item in items {
            let plain;
            let item = match item {
                Value::Map(item) => item,
                other => match self.module_of(other) {
                    Some((module, id)) => {
                        plain = Map::new().with(module, id);
                        &plain
                    }
                    None => continue,
                },
            };
            let Some((module, name)) = first(item) else { continue };
            let module = module.to_string();
            match module.as_str() {
                "sls" => hinges = self.states_of(name),
                _ => hinges.push((name.clone(), module.clone())),
            }
            self.undotted(from, &module, name);
            for (name, module) in hinges.clone() {
                self.hinge(from, &name, &module);
            }
        }
    }

    fn hinge(&mut self, from: From<'_>, name: &Value, module: &str) {
        match from.key {
            "prereq_in" => {
                let target = list![Map::new().with(module, name)];
                self.add(from.id, from.module, map! { "prerequired" => target });
            }
            "prereq" => {
                for (id, module) in find_name(name, module, self.high, true) {
                    let target = list![Map::new().with(from.module, from.id)];
                    self.add(&id, &module, map! { "prerequired" => target });
                }
                return;
            }
            "use_in" => {
                for (id, module) in find_name(name, module, self.high, true) {
                    for arg in self.usable(from.id, from.module, &id, &module) {
                        self.add(&id, &module, arg);
                    }
                }
                return;
            }
            "use" => {
                for (id, module) in find_name(name, module, self.high, true) {
                    for arg in self.usable(&id, &module, from.id, from.module) {
                        self.add(from.id, from.module, arg);
                    }
                }
                return;
            }
            _ => {}
        }
        self.require(from, module, name);
    }

    /// Puts the plain requisite at the other end, beside those that are there already.
    fn require(&mut self, from: From<'_>, module: &str, name: &Value) {
        let kind = from.kind();
        let one = Value::from(Map::new().with(from.module, from.id));
        let (env, sls) = (from.body.get("__env__").cloned(), from.body.get("__sls__").cloned());
        let args = self.args(name, module);
        let mut found = false;
        for arg in args.iter_mut().filter_map(Value::as_map_mut) {
            if first_key(arg) == Some(kind)
                && let Some(Value::List(list)) = arg.get_mut(kind)
            {
                list.push(one.clone());
                found = true;
            }
        }
        if !found {
            args.push(Map::new().with(kind, list![one]).into());
        }
        if let Some(extension) = self.extend.get_mut(name) {
            for (key, value) in [("__env__", env), ("__sls__", sls)] {
                if let Some(value) = value {
                    extension.marks.insert(key, value);
                }
            }
        }
    }

    fn add(&mut self, id: &Value, module: &str, arg: Map) {
        self.args(id, module).push(arg.into());
    }

    fn args(&mut self, id: &Value, module: &str) -> &mut Vec<Value> {
        self.extend.entry(id.clone()).or_default().modules.entry(module.to_string()).or_default()
    }

    /// The arguments of one state that another may use.
    fn usable(&self, id: &Value, module: &str, by: &Value, by_module: &str) -> Vec<Map> {
        let args = |id: &Value, module: &str| {
            let args = self.high.get_key(id).and_then(|body| body.get(module)).and_then(Value::as_list);
            let args = args.unwrap_or_default().iter().filter_map(Value::as_map);
            args.filter(|arg| arg.len() == 1).cloned().collect::<Vec<Map>>()
        };
        let own = args(by, by_module);
        let own: Vec<&str> = own.iter().filter_map(first_key).collect();
        let mut usable = args(id, module);
        usable.retain(|arg| {
            first_key(arg)
                .is_some_and(|key| !KINDS.contains(&key) && !NOT_USED.contains(&key) && !own.contains(&key))
        });
        usable
    }

    /// What a plain name means: an id, or the last state with that `name`.
    fn module_of(&self, name: &Value) -> Option<(String, Value)> {
        if let Some(body) = self.high.get_key(name).and_then(Value::as_map) {
            let module = body.keys().filter_map(Value::as_str).find(|key| !key.starts_with("__"))?;
            return Some((module.to_string(), name.clone()));
        }
        let mut found = None;
        for (id, body) in self.high {
            for (module, args) in body.as_map().into_iter().flatten() {
                let Some(module) = module.as_str().filter(|module| !module.starts_with("__")) else {
                    continue;
                };
                let args = args.as_list().unwrap_or_default();
                if args.iter().any(|arg| arg.get("name") == Some(name)) {
                    found = Some((module.to_string(), id.clone()));
                }
            }
        }
        found
    }

    /// Every state of an SLS (`find_sls_ids`).
    fn states_of(&self, sls: &Value) -> Vec<(Value, String)> {
        let mut found = Vec::new();
        for (id, body) in self.high {
            let Some(body) = body.as_map().filter(|body| body.get("__sls__") == Some(sls)) else { continue };
            for module in body.keys().filter_map(Value::as_str).filter(|key| !key.starts_with("__")) {
                found.push((id.clone(), module.to_string()));
            }
        }
        found
    }

    fn undotted(&mut self, from: From<'_>, module: &str, name: &Value) -> String {
        let Some((kind, _)) = module.split_once('.') else { return module.to_string() };
        let sls = from.body.get("__sls__").map(Value::to_string).unwrap_or_default();
        self.errors.push(format!(
            "Invalid requisite in {}: {module} for {name}, in SLS '{sls}'. Requisites must not contain dots, did you \
             mean '{kind}'?",
            from.kind()
        ));
        kind.to_string()
    }
}
