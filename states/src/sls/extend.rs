//! Merges `extend` into the states it names (`State.reconcile_extend`). The `_in` requisites go the same way.

use salt::{Map, Value};

use crate::sls::REQUISITES;
use crate::sls::chunk::{first, first_key};

/// Takes `__extend__` out of the tree and merges it into the states. Strict: an id counts only with the very module.
pub fn reconcile(high: &mut Map, strict: bool) -> Vec<String> {
    let mut errors = Vec::new();
    let Some(Value::List(extends)) = high.remove("__extend__") else { return errors };
    for (name, body) in extends.into_iter().filter_map(into_map).flatten() {
        let Value::Map(body) = body else { continue };
        let Some(module) = body.keys().filter_map(Value::as_str).find(|key| !key.starts_with("__")) else {
            continue;
        };
        let mut target = name.clone();
        if high.get_key(&name).and_then(|state| state.get(module)).is_none() {
            let ids = find_name(&name, module, high, strict);
            let [(id, _)] = ids.as_slice() else {
                errors.push(not_there(&name, &body));
                continue;
            };
            target = id.clone();
        }
        if excluded(high, body.get("__sls__")) {
            continue;
        }
        let Some(Value::Map(state)) = high.get_key_mut(&target) else { continue };
        for (module, run) in body {
            if module.as_str().is_none_or(|module| module.starts_with("__")) {
                continue;
            }
            match (state.get_key_mut(&module), run) {
                (Some(Value::List(args)), Value::List(run)) => run.into_iter().for_each(|arg| put(args, arg)),
                (_, run) => {
                    state.insert(module, run);
                }
            }
        }
    }
    errors
}

/// The ids that a reference means, each with the module (`find_name`): an id, else whatever has the name.
pub fn find_name(name: &Value, module: &str, high: &Map, strict: bool) -> Vec<(Value, String)> {
    if high.get_key(name).is_some_and(|state| !strict || state.get(module).is_some()) {
        return vec![(name.clone(), module.to_string())];
    }
    let mut found = Vec::new();
    for (id, state) in high {
        let Some(state) = state.as_map() else { continue };
        if module == "sls" {
            if state.get("__sls__") == Some(name) {
                found.push((id.clone(), first_key(state).unwrap_or("").to_string()));
            }
            continue;
        }
        for arg in state.get(module).and_then(Value::as_list).unwrap_or_default() {
            let Some(arg) = arg.as_map().filter(|arg| arg.len() == 1) else { continue };
            if first(arg).is_some_and(|(_, value)| value == name) {
                found.push((id.clone(), module.to_string()));
            }
        }
    }
    found
}

fn into_map(value: Value) -> Option<Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn not_there(name: &Value, body: &Map) -> String {
    let part = |key| body.get(key).map_or_else(|| "base".to_string(), Value::to_string);
    let (env, sls) = (part("__env__"), part("__sls__"));
    format!(
        "Cannot extend ID '{name}' in '{env}:{sls}'. It is not part of the high state.\nThis is likely due to a missing \
         include statement or an incorrectly typed ID.\nEnsure that a state with an ID of '{name}' is available\nin \
         environment '{env}' and to SLS '{sls}'"
    )
}

fn excluded(high: &Map, sls: Option<&Value>) -> bool {
    let Some(sls) = sls else { return false };
    let excludes = high.get("__exclude__").and_then(Value::as_list).unwrap_or_default();
    excludes.iter().any(|item| item == sls || item.get("sls") == Some(sls))
}

/// Puts an argument into the arguments of a state: functions and arguments are replaced, requisites grow.
fn put(args: &mut Vec<Value>, arg: Value) {
    let mut placed = false;
    for slot in args.iter_mut() {
        let replaces = match (&arg, &mut *slot) {
            (Value::Str(_), Value::Str(_)) => {
                placed = true;
                true
            }
            (Value::Map(new), Value::Map(old)) => {
                let (key, here) = (first_key(new), first_key(old));
                if key.is_some() && key == here {
                    placed = true;
                    let key = key.unwrap_or("");
                    match REQUISITES.contains(&key) {
                        true => {
                            if let (Some(Value::List(more)), Some(Value::List(list))) =
                                (new.get(key), old.get_mut(key))
                            {
                                list.extend(more.iter().cloned());
                            }
                            false
                        }
                        false => true,
                    }
                } else {
                    key == Some("name") && here == Some("names")
                }
            }
            _ => false,
        };
        if replaces {
            *slot = arg.clone();
        }
    }
    if !placed {
        args.push(arg);
    }
}
