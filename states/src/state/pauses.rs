//! Pause a run before a state, let it go on, or end it there.

use salt::{Context, Error, Map, Result, Value, functions, msgpack, salt_fn};

use crate::sls::pause::directory;
use crate::state::queue::others;

functions![get_pauses, pause, resume, soft_kill, clear_cache];

const ALL: &str = "__all__";

/// Shows which runs are paused, and before which states.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.get_pauses
/// ```
#[salt_fn]
async fn get_pauses(
    cx: &Context,
    /// Only these runs: a jid, or a list of them.
    jid: Option<Value>,
) -> Result<Map> {
    let mut found = Map::new();
    let Some(directory) = directory(cx) else { return Ok(found) };
    let jids: Vec<String> = match jid {
        Some(Value::List(jids)) => jids.iter().map(Value::to_string).collect(),
        Some(jid) => vec![jid.to_string()],
        None => {
            let mut jids = Vec::new();
            if let Ok(mut entries) = tokio::fs::read_dir(&directory).await {
                while let Ok(Some(entry)) = entries.next_entry().await {
                    jids.extend(entry.file_name().into_string());
                }
            }
            jids
        }
    };
    let active = others(cx);
    for jid in jids {
        let runs =
            active.iter().any(|job| job.get("jid").map(Value::to_string).as_deref() == Some(jid.as_str()));
        if runs {
            let pauses = read(cx, &jid).await;
            found.insert(jid, pauses);
        } else if plain(&jid) {
            // The run is over, so nothing will ever read this.
            let _ = tokio::fs::remove_file(directory.join(&jid)).await;
        }
    }
    Ok(found)
}

/// Pauses a run before a state.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.pause 20171130110407769519 vim 20
/// ```
#[salt_fn]
async fn pause(
    cx: &Context,
    /// The job that runs the states.
    jid: String,
    /// The id of the state; without it, the next one.
    state_id: Option<String>,
    /// Seconds; without them, until `state.resume`.
    duration: Option<i64>,
) -> Result<()> {
    let mut pauses = read(cx, &jid).await;
    let one = entry(&mut pauses, state_id.as_deref().unwrap_or(ALL));
    if let Some(duration) = duration.filter(|duration| *duration != 0) {
        one.insert("duration", duration);
    }
    write(cx, &jid, pauses).await
}

/// Lets a paused run go on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.resume 20171130110407769519 vim
/// ```
#[salt_fn]
async fn resume(
    cx: &Context,
    /// The job that runs the states.
    jid: String,
    /// The id of the state; without it, all pauses of the run end.
    state_id: Option<String>,
) -> Result<()> {
    let pauses = match state_id {
        None => Map::new(),
        Some(state_id) => {
            let mut pauses = read(cx, &jid).await;
            pauses.remove(&state_id);
            pauses
        }
    };
    write(cx, &jid, pauses).await
}

/// Ends a run before a state; what has run is returned.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.soft_kill 20171130110407769519 vim
/// ```
#[salt_fn]
async fn soft_kill(
    cx: &Context,
    /// The job that runs the states.
    jid: String,
    /// The id of the state; without it, the next one.
    state_id: Option<String>,
) -> Result<()> {
    let mut pauses = read(cx, &jid).await;
    entry(&mut pauses, state_id.as_deref().unwrap_or(ALL)).insert("kill", true);
    write(cx, &jid, pauses).await
}

/// Removes the high data that runs with `cache=True` use, and lists the files.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.clear_cache
/// ```
#[salt_fn]
async fn clear_cache(cx: &Context) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    let opts = cx.opts();
    let Some(cachedir) = opts.get_str("cachedir") else { return Ok(removed) };
    let mut entries = tokio::fs::read_dir(cachedir).await.map_err(Error::execution)?;
    while let Some(file) = entries.next_entry().await.map_err(Error::execution)? {
        let Ok(name) = file.file_name().into_string() else { continue };
        if name.ends_with(".cache.p") && tokio::fs::remove_file(file.path()).await.is_ok() {
            removed.push(name);
        }
    }
    removed.sort();
    Ok(removed)
}

fn entry<'a>(pauses: &'a mut Map, state_id: &str) -> &'a mut Map {
    let value = pauses.entry(state_id).or_insert_with(|| Map::new().into());
    if value.as_map().is_none() {
        *value = Map::new().into();
    }
    value.as_map_mut().expect("it was made a map just above")
}

async fn read(cx: &Context, jid: &str) -> Map {
    let Some(path) = directory(cx).filter(|_| plain(jid)).map(|dir| dir.join(jid)) else { return Map::new() };
    match tokio::fs::read(path).await.ok().and_then(|bytes| msgpack::unpack(&bytes).ok()) {
        Some(Value::Map(pauses)) => pauses,
        _ => Map::new(),
    }
}

async fn write(cx: &Context, jid: &str, pauses: Map) -> Result<()> {
    if !plain(jid) {
        return Err(Error::invocation(format!("'{jid}' is no job id")));
    }
    let directory = directory(cx).ok_or_else(|| Error::execution("there is no cache directory"))?;
    let bytes = msgpack::pack(&pauses.into()).map_err(Error::execution)?;
    tokio::fs::create_dir_all(&directory).await.map_err(Error::execution)?;
    tokio::fs::write(directory.join(jid), bytes).await.map_err(Error::execution)
}

/// A jid is a file name here, so it may not lead elsewhere.
fn plain(jid: &str) -> bool {
    !jid.is_empty() && jid.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
