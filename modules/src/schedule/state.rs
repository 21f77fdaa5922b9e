//! Looking at the schedule.

use salt::schedule::Source;
use salt::{Context, Map, Result, Value, functions, map, salt_fn, yaml};

use super::{SETTINGS, listed, saved};

functions![is_enabled, job_status, list_, show_next_fire_time];

/// Lists the jobs of the schedule.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.list
/// salt '*' schedule.list show_all=True
/// salt '*' schedule.list show_disabled=False return_yaml=False
/// ```
#[salt_fn]
async fn list_(
    cx: &Context,
    /// Show the minion's own jobs as well.
    #[default(false)]
    show_all: bool,
    /// Show jobs that are switched off.
    #[default(true)]
    show_disabled: bool,
    /// Only those of the `pillar`, or only the others: `opts`.
    r#where: Option<String>,
    /// Give YAML text, which says of each job whether it is saved, instead of a map.
    #[default(true)]
    return_yaml: bool,
    /// Look into the file of saved jobs instead.
    #[default(false)]
    offline: bool,
) -> Result<Value> {
    let source = match r#where.as_deref() {
        Some("pillar") => Source::Pillar,
        Some("opts") => Source::Opts,
        _ => Source::Both,
    };
    let mut all = listed(cx, source, offline)?;
    all.retain(|name, job| {
        let Some(name) = name.as_str().filter(|name| !SETTINGS.contains(name)) else { return true };
        let enabled = job.get("enabled").is_none_or(Value::truthy);
        (show_all || !name.starts_with("__")) && (show_disabled || enabled)
    });
    if !return_yaml {
        return Ok(all.into());
    }
    let saved = saved(cx)?;
    for (name, job) in all.iter_mut() {
        if let Some(job) = job.as_map_mut() {
            job.insert("saved", saved.get_key(name).is_some());
        }
    }
    Ok(yaml::dump(&map! { "schedule" => all }.into(), yaml::Style::block()).into())
}

/// Gives a job, switched on or not; without a name says whether the schedule is on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.is_enabled name=job1
/// salt '*' schedule.is_enabled
/// ```
#[salt_fn]
async fn is_enabled(
    cx: &Context,
    /// The name of the job.
    name: Option<String>,
) -> Result<Value> {
    let all = listed(cx, Source::Both, false)?;
    match name.filter(|name| !name.is_empty()) {
        None => Ok(all.get("enabled").cloned().unwrap_or_else(|| true.into())),
        Some(name) if name.starts_with("__") => Ok(Map::new().into()),
        Some(name) => Ok(all.get(&name).cloned().unwrap_or_else(|| Map::new().into())),
    }
}

/// Gives a job with what is known of its runs.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.job_status job1
/// ```
#[salt_fn]
async fn job_status(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// The form of times.
    #[default("%Y-%m-%dT%H:%M:%S")]
    time_fmt: String,
) -> Result<Map> {
    cx.identity().schedule()?.status(&name, &time_fmt)
}

/// Tells when a job will run next.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.show_next_fire_time job1
/// ```
#[salt_fn]
async fn show_next_fire_time(
    cx: &Context,
    /// The name of the job.
    name: String,
    #[kwargs] _kwargs: Map,
) -> Result<Map> {
    let status = cx.identity().schedule()?.status(&name, "%Y-%m-%dT%H:%M:%S")?;
    let next = status.get("_next_fire_time").cloned().unwrap_or_default();
    Ok(map! { "result" => true, "next_fire_time" => next })
}
