//! Is this high data? All that is wrong with it, at once, in Salt's words (`State.verify_high`).

use salt::{Map, Value};

use crate::sls::chunk::{first, first_key};

/// The errors of a tree; none if it can be compiled.
pub fn verify(high: &Map) -> Vec<String> {
    let mut check = Check { errors: Vec::new(), requisites: Map::new() };
    for (id, body) in high {
        if !id.as_str().is_some_and(|id| id.starts_with("__")) {
            check.id(id, body);
        }
    }
    check.errors
}

struct Check {
    errors: Vec<String>,
    /// By id: the module under `state`, and the module of every requisite under the name that it requires.
    requisites: Map,
}

/// Where in the tree a check is.
#[derive(Clone, Copy)]
struct Place<'a> {
    id: &'a Value,
    sls: &'a str,
    module: &'a str,
}

impl Check {
    fn id(&mut self, id: &Value, body: &Value) {
        let sls = body.get("__sls__").and_then(Value::as_str).unwrap_or("");
        if id.as_str().is_none() {
            self.errors.push(format!(
                "ID '{id}' in SLS '{sls}' is not formed as a string, but is a {}. It may need to be quoted.",
                id.type_name()
            ));
        }
        let Value::Map(states) = body else {
            self.errors.push(format!("The type {id} in {body} is not formatted as a dictionary"));
            return;
        };
        for (module, args) in states {
            let Some(module) = module.as_str() else {
                self.errors.push(format!(
                    "State '{module}' under ID '{id}' in SLS '{sls}' is not formed as a string, but is a {}. It may \
                     need to be quoted.",
                    module.type_name()
                ));
                continue;
            };
            if module.starts_with("__") {
                continue;
            }
            let place = Place { id, sls, module };
            match args {
                Value::None => self.errors.push(format!(
                    "ID '{id}' in SLS '{sls}' contains a short declaration ({module}) with a trailing colon. When not \
                     passing any arguments to a state, the colon must be omitted."
                )),
                Value::List(args) => self.args(place, args),
                _ => self.errors.push(format!("State '{id}' in SLS '{sls}' is not formed as a list")),
            }
        }
    }

    fn args(&mut self, place: Place<'_>, args: &[Value]) {
        let Place { id, sls, module } = place;
        let mut functions: Vec<&str> =
            module.split_once('.').map(|(_, function)| function).into_iter().collect();
        for arg in args {
            match arg {
                Value::Str(function) => {
                    functions.push(function);
                    if function.trim().contains(' ') {
                        self.errors.push(format!(
                            "The function \"{function}\" in state \"{id}\" in SLS \"{sls}\" has whitespace, a function \
                             with whitespace is not supported, perhaps this is an argument that is missing a \":\""
                        ));
                    }
                }
                Value::Map(arg) => self.arg(place, arg),
                _ => {}
            }
        }
        match functions.as_slice() {
            [_] => {}
            [] if matches!(module, "require" | "watch") => {}
            [] => self.errors.push(format!("No function declared in state '{id}' in SLS '{sls}'")),
            several => self.errors.push(format!(
                "Too many functions declared in state '{id}' in SLS '{sls}'. Please choose one of the following: {}",
                several.join(", ")
            )),
        }
    }

    fn arg(&mut self, place: Place<'_>, arg: &Map) {
        let Place { id, sls, module } = place;
        let Some((key, value)) = first(arg) else { return };
        let key = key.as_str().unwrap_or("");
        if key == "names" && value.as_list().is_none() {
            self.errors.push(format!(
                "The 'names' argument in state '{id}' in SLS '{sls}' needs to be formed as a list"
            ));
        }
        if !matches!(key, "require" | "watch" | "prereq" | "onchanges") {
            return;
        }
        match value {
            Value::List(requisites) => {
                self.requisites.insert(id, Map::new().with("state", module));
                for requisite in requisites {
                    self.requisite(place, requisite);
                }
            }
            _ => self.errors.push(format!(
                "The {key} statement in state '{id}' in SLS '{sls}' needs to be formed as a list"
            )),
        }
        if arg.len() != 1 {
            self.errors
                .push(format!("Multiple dictionaries defined in argument of state '{id}' in SLS '{sls}'"));
        }
    }

    fn requisite(&mut self, place: Place<'_>, requisite: &Value) {
        let Place { id, sls, module } = place;
        let plain;
        let requisite = match requisite {
            Value::Map(requisite) => requisite,
            Value::Str(_) => {
                plain = Map::new().with("id", requisite);
                &plain
            }
            other => {
                self.errors.push(format!(
                    "Requisite declaration {other} in SLS {sls} is not formed as a single key dictionary"
                ));
                return;
            }
        };
        let Some((_, target)) = first(requisite) else { return };
        let key = first_key(requisite).unwrap_or("");
        if let Some((kind, _)) = key.split_once('.') {
            self.errors.push(format!(
                "Invalid requisite type '{key}' in state '{id}', in SLS '{sls}'. Requisite types must not contain \
                 dots, did you mean '{kind}'?"
            ));
        }
        if matches!(target, Value::List(_) | Value::Map(_)) {
            self.errors.push(format!("Illegal requisite \"{target}\", please check your syntax.\n"));
            return;
        }
        if let Some(Value::Map(mine)) = self.requisites.get_key_mut(id) {
            mine.insert(target, key);
        }
        // Two states that require each other.
        let Some(theirs) = self.requisites.get_key(target).and_then(Value::as_map) else { return };
        let back = theirs.get_key(id).and_then(Value::as_str) == Some(module);
        let here = self.requisites.get_key(id).and_then(Value::as_map).and_then(|mine| mine.get_key(target));
        if back && theirs.get("state") == here {
            self.errors
                .push(format!("A recursive requisite was found, SLS \"{sls}\" ID \"{id}\" ID \"{target}\""));
        }
    }
}
