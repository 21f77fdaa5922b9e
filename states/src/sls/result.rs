//! Is the return of a run a success? (`salt/utils/state.py`, `check_result`)

use salt::{Map, Value};

/// True if nothing failed, or what failed was handled by states with `onfail_stop: False` that did not fail.
/// An empty return is no success.
pub fn succeeded(running: &Map, high: Option<&Map>) -> bool {
    if running.is_empty() {
        return false;
    }
    running.iter().all(|(tag, result)| {
        let Some(one) = result.as_map() else {
            return tag.as_str() == Some("__extend__") && result.as_list().is_some();
        };
        let ok = match one.get("result") {
            Some(Value::Bool(false)) => false,
            Some(_) => true,
            None => succeeded_below(one, high),
        };
        ok || high.is_some_and(|high| handled(tag.as_str().unwrap_or(""), running, high))
    })
}

/// A map without a result counts by the results inside of it.
fn succeeded_below(running: &Map, high: Option<&Map>) -> bool {
    !running.is_empty()
        && running.iter().all(|(tag, result)| {
            let Some(one) = result.as_map() else { return true };
            let ok = match one.get("result") {
                Some(Value::Bool(false)) => false,
                Some(_) => true,
                None => succeeded_below(one, high),
            };
            ok || high.is_some_and(|high| handled(tag.as_str().unwrap_or(""), running, high))
        })
}

/// True if there are handlers of this failure, and the first ones that ran succeeded.
fn handled(tag: &str, running: &Map, high: &Map) -> bool {
    let mut parts = tag.split("_|-");
    let (module, id) = match (parts.next(), parts.next()) {
        (Some(module), Some(id)) => (Some(module), id),
        _ => (None, tag),
    };
    let mut outcome = None;
    for (handler, handler_module) in handlers(id, module, high) {
        let mut ran = false;
        for (tag, result) in running {
            let mut parts = tag.as_str().unwrap_or("").split("_|-");
            if (parts.next(), parts.next()) != (Some(handler_module), Some(handler)) {
                continue;
            }
            match result.get("result") {
                Some(Value::Bool(true)) => ran = true,
                Some(Value::Bool(false)) => return false,
                _ => {}
            }
        }
        outcome = Some(ran || outcome.unwrap_or(false));
    }
    outcome.unwrap_or(false)
}

/// The ids and modules that handle a failure of the state and take the sting out of it.
fn handlers<'a>(id: &str, module: Option<&str>, high: &'a Map) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for (handler, body) in high {
        let Some(handler) = handler.as_str().filter(|handler| *handler != id) else { continue };
        for (handler_module, args) in body.as_map().into_iter().flatten() {
            let Some(handler_module) = handler_module.as_str().filter(|m| !m.starts_with("__")) else {
                continue;
            };
            let args = args.as_list().unwrap_or_default();
            if !args.iter().any(|arg| arg.get("onfail_stop") == Some(&Value::Bool(false))) {
                continue;
            }
            let targets = args.iter().filter_map(|arg| arg.get("onfail")?.as_list()).flatten();
            let hits = targets.filter_map(Value::as_map).flatten().filter(|(kind, target)| {
                target.as_str() == Some(id) && module.is_none_or(|module| kind.as_str() == Some(module))
            });
            found.extend(hits.map(|_| (handler, handler_module)));
        }
    }
    found
}
