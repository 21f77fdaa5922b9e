//! High data: what an SLS file becomes before it is taken apart into chunks.

use salt::{Map, Value, list, map};

use crate::sls::chunk::first_key;

/// Takes `include` out.
pub fn take_includes(state: &mut Map, sls: &str, errors: &mut Vec<String>) -> Vec<Value> {
    match state.get("include") {
        None => vec![],
        Some(Value::List(_)) => match state.remove("include") {
            Some(Value::List(includes)) => includes,
            _ => vec![],
        },
        // It stays, and so is also reported as an id without a body.
        Some(_) => {
            errors.push(format!("Include Declaration in SLS {sls} is not formed as a list"));
            vec![]
        }
    }
}

/// Moves `extend` to `__extend__` (`_handle_extend`).
pub fn take_extend(state: &mut Map, sls: &str, saltenv: &str, errors: &mut Vec<String>) {
    let Some(extend) = state.remove("extend") else { return };
    let Value::Map(mut extend) = extend else {
        errors.push(format!("Extension value in SLS '{sls}' is not a dictionary"));
        return;
    };
    for (name, body) in extend.iter_mut() {
        let Value::Map(body) = body else {
            errors.push(format!("Extension name '{name}' in SLS '{sls}' is not a dictionary"));
            continue;
        };
        body.entry("__sls__").or_insert_with(|| sls.into());
        body.entry("__env__").or_insert_with(|| saltenv.into());
        undot(body, |_| {});
    }
    extend.retain(|_, body| body.as_map().is_some());
    push(state, "__extend__", vec![extend.into()]);
}

/// Moves `exclude` to `__exclude__` (`_handle_exclude`).
pub fn take_exclude(state: &mut Map, sls: &str, errors: &mut Vec<String>) {
    match state.remove("exclude") {
        None => {}
        Some(Value::List(items)) => push(state, "__exclude__", items),
        Some(_) => errors.push(format!("Exclude Declaration in SLS {sls} is not formed as a list")),
    }
}

fn push(state: &mut Map, key: &str, items: Vec<Value>) {
    match state.get_mut(key) {
        Some(Value::List(list)) => list.extend(items),
        _ => {
            state.insert(key, Value::List(items));
        }
    }
}

/// Long forms for short ones, and the marks of where a state comes from (`_handle_state_decls`).
pub fn pad(state: &mut Map, sls: &str, saltenv: &str, errors: &mut Vec<String>) {
    for (name, body) in state.iter_mut() {
        let Value::Map(states) = body else {
            if matches!(name.as_str(), Some("__extend__" | "__exclude__")) {
                continue;
            }
            match body.as_str().and_then(|text| text.split_once('.')) {
                Some((module, function)) => {
                    // Whatever follows a second dot is ignored.
                    let function = function.split('.').next().unwrap_or(function);
                    *body = map! { "__sls__" => sls, "__env__" => saltenv, module => list![function] }.into();
                }
                None => errors.push(format!("ID {name} in SLS {sls} is not a dictionary")),
            }
            continue;
        };
        undot(states, |_| {
            errors.push(format!(
                "ID '{name}' in SLS '{sls}' contains multiple state declarations of the same type"
            ));
        });
        states.entry("__sls__").or_insert_with(|| sls.into());
        states.entry("__env__").or_insert_with(|| saltenv.into());
    }
}

/// `mod.fun: [args]` becomes `mod: [args…, fun]`, at the end of the map, as Python's pop and insert do it.
pub fn undot(states: &mut Map, mut repeated: impl FnMut(&str)) {
    let keys: Vec<String> = states.keys().filter_map(Value::as_str).map(str::to_string).collect();
    let mut seen: Vec<String> = Vec::new();
    for key in keys {
        if key.starts_with('_') || states.get(&key).and_then(Value::as_list).is_none() {
            continue;
        }
        let Some((module, function)) = key.split_once('.') else {
            seen.push(key);
            continue;
        };
        if seen.iter().any(|one| one == module) {
            repeated(&key);
            continue;
        }
        let function = function.split('.').next().unwrap_or(function).to_string();
        let module = module.to_string();
        if let Some(Value::List(mut args)) = states.remove(&key) {
            args.push(function.into());
            states.insert(module.as_str(), Value::List(args));
        }
        seen.push(module);
    }
}

/// Notes in every state that this SLS has included it.
pub fn mark_included(included: &mut Map, sls: &str) {
    for (name, body) in included.iter_mut() {
        if name.as_str().is_some_and(|name| name.starts_with("__")) {
            continue;
        }
        if let Value::Map(body) = body {
            push(body, "__sls_included_from__", vec![sls.into()]);
        }
    }
}

/// Gives every state that has no order the next number (`_handle_iorder`).
pub fn number(state: &mut Map, order: &mut i64) {
    for (_, body) in state.iter_mut() {
        let Value::Map(body) = body else { continue };
        for (module, args) in body.iter_mut() {
            let Value::List(args) = args else { continue };
            if module.as_str().is_none_or(|module| module.starts_with('_')) {
                continue;
            }
            let ordered = args.iter().filter_map(Value::as_map).any(|arg| first_key(arg) == Some("order"));
            if !ordered {
                args.push(map! { "order" => *order }.into());
                *order += 1;
            }
        }
    }
}

/// Merges one tree into another (`merge_included_states`). An id in both with other bodies is an error.
pub fn merge(tree: &mut Map, mut state: Map, errors: &mut Vec<String>) {
    for key in ["__extend__", "__exclude__"] {
        if let Some(Value::List(items)) = state.remove(key) {
            push(tree, key, items);
        }
    }
    for (id, body) in state {
        if let Some(other) = tree.get_key(&id).filter(|other| **other != body) {
            let place = |body: &Value| {
                let part = |key| body.get(key).map_or_else(|| "None".to_string(), Value::to_string);
                format!("{}:{}", part("__env__"), part("__sls__"))
            };
            errors.push(format!(
                "Detected conflicting IDs, SLS IDs need to be globally unique.\n    The conflicting ID is '{id}' and \
                 is found in SLS '{}' and SLS '{}'",
                place(other),
                place(&body)
            ));
        }
        tree.insert(id, body);
    }
}

/// Splits extensions by id and drops repeated ones (`clean_duplicate_extends`).
pub fn drop_repeated_extends(tree: &mut Map) {
    let Some(Value::List(extends)) = tree.get_mut("__extend__") else { return };
    let mut kept: Vec<Value> = Vec::new();
    for extend in std::mem::take(extends) {
        if let Value::Map(extend) = extend {
            for (id, body) in extend {
                let one = Value::from(Map::new().with(id, body));
                if !kept.contains(&one) {
                    kept.push(one);
                }
            }
        }
    }
    *extends = kept;
}

/// Takes what `__exclude__` names out of the tree (`apply_exclude`).
pub fn exclude(tree: &mut Map) {
    let Some(Value::List(excludes)) = tree.remove("__exclude__") else { return };
    let mut patterns = Vec::new();
    let mut ids = Vec::new();
    for item in excludes {
        match &item {
            Value::Str(pattern) => patterns.push(pattern.clone()),
            Value::Map(one) if one.len() == 1 => {
                if let Some(pattern) = one.get("sls") {
                    patterns.push(pattern.to_string());
                }
                if let Some(id) = one.get("id") {
                    ids.push(id.clone());
                }
            }
            _ => {}
        }
    }
    tree.retain(|id, body| {
        let internal = id.as_str().is_some_and(|id| id.starts_with("__"));
        let sls = body.get("__sls__").and_then(Value::as_str).unwrap_or("");
        let by_sls = !internal
            && !sls.is_empty()
            && patterns.iter().any(|pattern| crate::sls::fnmatch::fnmatch(sls, pattern));
        !by_sls && !ids.contains(id)
    });
}
