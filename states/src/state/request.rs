//! Runs that are asked for now and done later, by somebody on this machine: `cachedir/req_state.p`.

use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use crate::state::apply::apply_with;
use crate::state::front::{cache_path, read_cache, write_cache};

functions![request, check_request, clear_request, run_request];

const FILE: &str = "req_state.p";

/// Tests a run and keeps it for `state.run_request`.
///
/// The arguments are those of `state.apply`; `name` tells several requests apart.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.request stuff
/// ```
#[salt_fn(out = "highstate")]
async fn request(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let kwargs = kwargs.with("test", true);
    let ret = apply_with(cx, mods.clone(), kwargs.clone()).await?;
    let name = kwargs.get("name").cloned().unwrap_or_else(|| "default".into());
    let mut requests = requests(cx).await;
    requests.insert(name, map! { "test_run" => &ret, "mods" => mods, "kwargs" => kwargs });
    write_cache(cx, FILE, &requests.into()).await;
    Ok(ret)
}

/// Shows the requests that wait.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.check_request
/// ```
#[salt_fn(out = "highstate")]
async fn check_request(
    cx: &Context,
    /// Show only this one.
    name: Option<String>,
) -> Result<Value> {
    let requests = requests(cx).await;
    match name {
        None => Ok(requests.into()),
        Some(name) => {
            requests.get(&name).cloned().ok_or_else(|| Error::exception("KeyError", Value::from(name).repr()))
        }
    }
}

/// Forgets requests without running them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.clear_request
/// ```
#[salt_fn]
async fn clear_request(
    cx: &Context,
    /// Forget only this one.
    name: Option<String>,
) -> Result<bool> {
    let mut requests = requests(cx).await;
    if requests.is_empty() {
        return Ok(true);
    }
    match name {
        None => forget(cx).await,
        Some(name) => {
            if requests.remove(&name).is_none() {
                return Ok(false);
            }
            write_cache(cx, FILE, &requests.into()).await;
        }
    }
    Ok(true)
}

/// Runs a request that waits.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.run_request
/// ```
#[salt_fn(out = "highstate")]
async fn run_request(
    cx: &Context,
    /// Which one.
    #[default("default")]
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let mut requests = requests(cx).await;
    let Some(Value::Map(mut request)) = requests.remove(&name) else { return Ok(Map::new().into()) };
    let (Some(mods), Some(Value::Map(mut arguments))) = (request.remove("mods"), request.remove("kwargs"))
    else {
        return Ok(Map::new().into());
    };
    arguments.extend(kwargs);
    arguments.remove("test");
    // The job data of the request are not those of this job.
    arguments.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with("__pub_")));
    let ret = apply_with(cx, Some(mods), arguments).await?;
    forget(cx).await;
    Ok(ret)
}

async fn requests(cx: &Context) -> Map {
    match read_cache(cx, FILE).await {
        Some(Value::Map(requests)) => requests,
        _ => Map::new(),
    }
}

async fn forget(cx: &Context) {
    if let Some(path) = cache_path(cx, FILE)
        && let Err(e) = tokio::fs::remove_file(&path).await
    {
        tracing::warn!("{} could not be removed: {e}", path.display());
    }
}
