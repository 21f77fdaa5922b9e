//! The file of saved jobs, and what is shown of a job's state.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use salt::{Error, Map, Result, Value, map, yaml};

use super::fire::State;

/// Writes the jobs, but for the minion's own, without what runs left in them.
pub fn save(file: &Path, jobs: &Map) -> Result<()> {
    let hidden = |key: &Value, prefix: &str| key.as_str().is_some_and(|key| key.starts_with(prefix));
    let mut saved = jobs.clone();
    saved.retain(|name, _| !hidden(name, "__"));
    for (_, job) in saved.iter_mut() {
        if let Some(job) = job.as_map_mut() {
            job.retain(|option, _| !hidden(option, "_"));
        }
    }
    let text = yaml::dump(&map! { "schedule" => saved }.into(), yaml::Style::block());
    // Under this name no start reads a file that is half there.
    let beside = file.with_extension("new");
    let written = file
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&beside, text))
        .and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|e| Error::Execution(format!("The schedule can't be saved in {}: {e}", file.display())))
}

/// A job with its state, in the order of the original.
pub fn status(job: &Map, state: &State, format: &str) -> Result<Map> {
    let time = |time: Option<DateTime>| -> Result<Value> {
        match time.map(|time| strtime::format(format, time)) {
            None => Ok(Value::None),
            Some(Ok(text)) => Ok(text.into()),
            Some(Err(e)) => Err(Error::exception("ValueError", e)),
        }
    };
    let mut shown = job.clone();
    shown.insert("_next_fire_time", time(state.next)?);
    shown.insert("_splay", time(state.splay)?);
    if let Some(run_on_start) = state.run_on_start {
        shown.insert("_run_on_start", run_on_start);
    }
    if let Some(seconds) = state.seconds {
        shown.insert("_seconds", seconds);
    }
    if state.scheduled.is_some() {
        shown.insert("_next_scheduled_fire_time", time(state.scheduled)?);
    }
    if let Some(waiting) = state.waiting {
        shown.insert("_run", waiting);
    }
    if !shown.contains_key("splay") {
        shown.insert("splay", Value::None);
    }
    if state.last_run.is_some() {
        shown.insert("run", true);
        shown.insert("_last_run", time(state.last_run)?);
    }
    if let Some(reason) = state.skip_reason {
        shown.insert("_skip_reason", reason);
    }
    if state.skipped.is_some() {
        shown.insert("_skipped_time", time(state.skipped)?);
        shown.insert("_skipped", true);
    }
    if let Some(error) = &state.error {
        shown.insert("_error", error.as_str());
    }
    Ok(shown)
}
