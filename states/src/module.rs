//! Execution functions as states (`salt/states/module.py`).

use futures::FutureExt;
use salt::args::Args;
use salt::{BoxFuture, Context, Error, Function, Map, Result, StateRet, Value, functions, salt_state};

use crate::call_by_name::call;

functions![run, wait, watch, mod_watch];

/// Runs execution functions.
///
/// Every key with a dot is a function and its value the list of its arguments: `- test.echo: [{text: hello}]`.
/// Without such keys the name is the function and the further keys are its arguments; those that a state has itself
/// are written `m_name`, `m_fun`, `m_state`, `m_names` and `m_saltenv`, `*args` and `**kwargs` are `args` and `kwargs`.
#[salt_state]
async fn run(cx: &Context, #[kwargs] kwargs: Map) -> Result<StateRet> {
    execute(cx, kwargs).await
}

/// Runs an execution function if a state that it watches changes.
#[salt_state]
async fn wait(
    _cx: &Context,
    /// The function; the further keys are as with `module.run`.
    name: Value,
    #[kwargs] _kwargs: Map,
) -> Result<StateRet> {
    Ok(StateRet { name, ..StateRet::ok("") })
}

/// Runs an execution function if a state that it watches changes.
#[salt_state]
async fn watch(
    _cx: &Context,
    /// The function; the further keys are as with `module.run`.
    name: Value,
    #[kwargs] _kwargs: Map,
) -> Result<StateRet> {
    Ok(StateRet { name, ..StateRet::ok("") })
}

/// Runs execution functions where a state of this module watches one that has changed.
#[salt_state]
async fn mod_watch(cx: &Context, #[kwargs] kwargs: Map) -> Result<StateRet> {
    execute(cx, kwargs).await
}

/// Both ways of writing it in one place; boxed, since a function may be `state.single` of this very state.
fn execute(cx: &Context, mut kwargs: Map) -> BoxFuture<'_, Result<StateRet>> {
    // What the engine tells a watcher.
    kwargs.remove("sfun");
    kwargs.remove("__watched__");
    let other = |key: &Value| key.as_str().is_none_or(|key| key != "name");
    let dotted = |key: &Value| key.as_str().is_some_and(|key| key.contains('.'));
    let named = kwargs.keys().any(other) && kwargs.keys().filter(|key| other(key)).all(dotted);
    match named {
        true => several(cx, kwargs).boxed(),
        false => one(cx, kwargs).boxed(),
    }
}

/// `- mod.fun: [args]`, as many as there are.
async fn several(cx: &Context, mut kwargs: Map) -> Result<StateRet> {
    kwargs.remove("name");
    let name = Value::List(kwargs.keys().cloned().collect());
    // `test.echo:2` lets a function stand twice.
    let plain = |key: &Value| key.to_string().split(':').next().unwrap_or("").to_string();
    let missing: Vec<String> =
        kwargs.keys().map(plain).filter(|fun| cx.modules().get(fun).is_none()).collect();
    let there: Vec<String> = kwargs.keys().map(plain).filter(|fun| cx.modules().get(fun).is_some()).collect();
    if !missing.is_empty() || cx.test() {
        // More than one makes "FunctionTrue", as it does in Salt.
        let many = |funs: &[String]| if funs.len() > 1 { "True" } else { "" };
        let mut parts = Vec::new();
        if !missing.is_empty() {
            parts.push(format!("Unavailable function{}: {}.", many(&missing), missing.join(", ")));
        }
        if cx.test() && !there.is_empty() {
            parts.push(format!("Function{} {} to be executed.", many(&there), there.join(", ")));
        }
        let result = (!missing.is_empty()).then_some(false);
        return Ok(StateRet { name, result, comment: parts.join(" "), ..StateRet::default() });
    }
    let (mut changes, mut failures, mut successes) = (Map::new(), Vec::new(), Vec::new());
    for (key, args) in kwargs {
        let fun = cx.modules().find(&plain(&key))?;
        let returned = match listed(fun, args) {
            Ok(args) => call(cx, &plain(&key), args).await,
            Err(missing) => Err(missing),
        };
        match returned {
            Ok(value) if succeeded(&value) => {
                let text = match &value {
                    Value::Map(map) => map.get("comment").map_or("Success".into(), Value::to_string),
                    other => other.to_string(),
                };
                successes.push(format!("{key}: {text}"));
                changes.insert(key, value);
            }
            Ok(Value::Map(map)) => {
                let text = map.get("comment").map_or("(error message N/A)".into(), Value::to_string);
                failures.push(format!("'{key}' failed: {text}"));
            }
            Ok(value) => failures.push(format!("'{key}': {value}")),
            Err(e @ (Error::Invocation(_) | Error::Arguments(_))) => {
                failures.push(format!("'{key}' failed: {e}"))
            }
            Err(e) => return Err(e),
        }
    }
    let result = Some(failures.is_empty());
    failures.extend(successes);
    Ok(StateRet { name, changes, result, comment: failures.join(", "), ..StateRet::default() })
}

/// A list of arguments, maps in it are keywords (`salt.utils.functools.call_function`).
fn listed(function: &Function, args: Value) -> Result<Args> {
    let items = match args {
        Value::None => vec![],
        Value::List(items) => items,
        one => vec![one],
    };
    let mut args = Args::none();
    for item in items {
        match item {
            Value::Map(keywords) => args.keywords.extend(keywords),
            other => args.positional.push(other),
        }
    }
    let required = function.params.iter().enumerate().filter(|(_, param)| param.default.value().is_none());
    let missing =
        required.filter(|(i, param)| *i >= args.positional.len() && !args.keywords.contains_key(param.name));
    let missing: Vec<&str> = missing.map(|(_, param)| param.name).collect();
    match missing.is_empty() {
        true => Ok(args),
        false => Err(Error::invocation(format!("Missing arguments: {}", missing.join(", ")))),
    }
}

/// `name: mod.fun`, the arguments beside it.
async fn one(cx: &Context, mut kwargs: Map) -> Result<StateRet> {
    let name = kwargs.remove("name").unwrap_or_default();
    let fun = name.to_string();
    let ended =
        |result, comment: String| StateRet { name: name.clone(), result, comment, ..StateRet::default() };
    let Some(function) = cx.modules().get(&fun) else {
        return Ok(ended(Some(false), format!("Module function {fun} is not available")));
    };
    if cx.test() {
        return Ok(ended(None, format!("Module function {fun} is set to execute")));
    }
    let mut args = Args::none();
    let mut missing = Vec::new();
    for param in function.params {
        let written = match param.name {
            "name" | "fun" | "names" | "state" | "saltenv" => format!("m_{}", param.name),
            other => other.to_string(),
        };
        // What has a default is also found under its own name.
        let plain = || kwargs.get(param.name).filter(|_| param.default.value().is_some());
        match (kwargs.get(&written).or_else(plain), param.default.value()) {
            (Some(value), _) => {
                args.keywords.insert(param.name, value);
            }
            (None, Some(_)) => {}
            (None, None) => missing.push(written),
        }
    }
    if !missing.is_empty() {
        return Ok(ended(Some(false), format!("The following arguments are missing: {}", missing.join(" "))));
    }
    match kwargs.get("args").filter(|_| function.varargs) {
        None => {}
        Some(Value::List(more)) => {
            // Further positional arguments can only follow those of the parameters.
            let own = function.params.iter().filter(|param| !param.keyword_only);
            args.positional = own
                .map(|param| args.keywords.remove(param.name).or(param.default.value()).unwrap_or_default())
                .collect();
            args.positional.extend(more.iter().cloned());
        }
        Some(_) => return Ok(ended(Some(false), "'args' must be a list.".into())),
    }
    match kwargs.get("kwargs").filter(|_| function.kwargs) {
        None => {}
        Some(Value::Map(more)) => args.keywords.extend(more.clone()),
        Some(_) => return Ok(ended(Some(false), "'kwargs' must be a dict.".into())),
    }
    Ok(match call(cx, &fun, args).await {
        Ok(value) => {
            let ret = ended(Some(succeeded(&value)), format!("Module function {fun} executed"));
            ret.with_changes(Map::new().with("ret", value))
        }
        Err(e) => ended(Some(false), format!("Module function {fun} threw an exception. Exception: {e}")),
    })
}

/// A bool is the result itself; a map fails by a `result` of false or a `retcode` other than 0, at any depth.
fn succeeded(value: &Value) -> bool {
    match value {
        Value::Bool(result) => *result,
        Value::Map(map) => map.iter().all(|(key, value)| match (key.as_str(), value) {
            (Some("result"), Value::Bool(false)) => false,
            (Some("retcode"), code) => *code == Value::Int(0),
            (_, Value::Map(_)) => succeeded(value),
            _ => true,
        }),
        _ => true,
    }
}
