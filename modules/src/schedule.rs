//! The schedule of this minion.
//!
//! Facts: `salt/modules/schedule.py` of Salt 3007.17. Jobs of the pillar are listed and run like all others, but only the
//! pillar can change them.

mod change;
mod item;
mod state;

use salt::schedule::Source;
use salt::{Context, Error, Function, Map, Result, Value, map, yaml};

/// The tables of this module.
pub const TABLES: [&[Function]; 3] = [change::FUNCTIONS, item::FUNCTIONS, state::FUNCTIONS];

/// The options that a job is shown with. `_seconds` is not among them: it says nothing that the others don't.
const SHOWN: [&str; 26] = [
    "name",
    "maxrunning",
    "function",
    "splay",
    "range",
    "when",
    "once",
    "once_fmt",
    "returner",
    "jid_include",
    "args",
    "kwargs",
    "seconds",
    "minutes",
    "hours",
    "days",
    "enabled",
    "return_job",
    "metadata",
    "cron",
    "until",
    "after",
    "return_config",
    "return_kwargs",
    "run_on_start",
    "skip_during_range",
];
/// What stands beside the jobs and is for all of them.
const SETTINGS: [&str; 3] = ["enabled", "skip_function", "skip_during_range"];

/// The jobs as `schedule.list` shows them, with the hidden ones.
fn listed(cx: &Context, source: Source, offline: bool) -> Result<Map> {
    let all = if offline { saved(cx)? } else { cx.identity().schedule()?.list(source) };
    Ok(all.into_iter().map(|(name, job)| (name, shown(job))).collect())
}

fn shown(job: Value) -> Value {
    let Value::Map(mut job) = job else { return job };
    if !job.contains_key("enabled") {
        job.insert("enabled", true);
    }
    let is_shown = |option: &Value| {
        option.as_str().is_some_and(|option| SHOWN.contains(&option) || option == "run_after_skip_range")
    };
    job.retain(|option, value| is_shown(option) && !value.is_none());
    for (_, value) in job.iter_mut() {
        match value.as_str() {
            Some("true") => *value = true.into(),
            Some("false") => *value = false.into(),
            _ => {}
        }
    }
    job.into()
}

/// The jobs in the file of saved ones.
fn saved(cx: &Context) -> Result<Map> {
    let Ok(text) = std::fs::read_to_string(file(cx)) else { return Ok(Map::new()) };
    let content = yaml::load(&text).map_err(Error::execution)?;
    Ok(content.get("schedule").and_then(Value::as_map).cloned().unwrap_or_default())
}

/// Writes the file of saved jobs, for a minion that does not run.
fn write(cx: &Context, jobs: Map) -> Result<()> {
    let file = file(cx);
    let text = yaml::dump(&map! { "schedule" => jobs }.into(), yaml::Style::block());
    let written =
        file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&file, text));
    written.map_err(|e| Error::Execution(format!("The schedule can't be saved in {}: {e}", file.display())))
}

fn file(cx: &Context) -> std::path::PathBuf {
    salt::schedule::file(&cx.opts())
}

/// Where a job can be found that may be told to do something.
fn source_of(cx: &Context, name: &str) -> Result<Option<Source>> {
    for source in [Source::Opts, Source::Pillar] {
        if listed(cx, source, false)?.contains_key(name) {
            return Ok(Some(source));
        }
    }
    Ok(None)
}

/// Keeps a change, unless the caller does not want it kept or the job is the pillar's.
fn persist(cx: &Context, kwargs: &Map, source: Source) -> Result<()> {
    if source != Source::Pillar && kwargs.get("persist").is_none_or(Value::truthy) {
        cx.identity().schedule()?.save()?;
    }
    Ok(())
}

fn is(kwargs: &Map, option: &str) -> bool {
    kwargs.get(option).is_some_and(Value::truthy)
}

fn outcome(comment: impl Into<Value>, result: bool) -> Map {
    map! { "comment" => comment, "result" => result }
}
