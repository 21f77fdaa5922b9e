//! Making and changing single jobs.

use salt::schedule::Source;
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use super::{is, listed, outcome, persist, source_of, write};
use crate::clean_kwargs;

functions![add, build_schedule_item, delete, modify, purge];

const INTERVALS: [&str; 4] = ["seconds", "minutes", "hours", "days"];

/// Builds a job from keywords, without adding it to the schedule.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.build_schedule_item job1 function=test.ping seconds=3600
/// ```
#[salt_fn]
async fn build_schedule_item(
    cx: &Context,
    /// The name of the job. `function` names what it runs, `job_args` and `job_kwargs` with what; when it runs say
    /// `seconds`, `minutes`, `hours` and `days`, or `when`, `cron` or `once`.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    build(cx, &name, &clean_kwargs(kwargs))
}

/// Adds a job to the schedule and saves it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.add job1 function=test.ping seconds=3600
/// salt '*' schedule.add job2 function=test.echo job_args="['hello']" cron='*/5 * * * *'
/// salt '*' schedule.add job3 function=state.apply job_kwargs='{mods: vms}' when='Monday 5:00am' persist=False
/// ```
#[salt_fn]
async fn add(
    cx: &Context,
    /// The name of the job. The keywords are those of `schedule.build_schedule_item`; with `persist=False` the job is
    /// gone with the minion, with `offline=True` it is only written into the file.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let kwargs = clean_kwargs(kwargs);
    let offline = is(&kwargs, "offline");
    let mut current = listed(cx, Source::Both, offline)?;
    let refused = |comment: String| outcome(comment, false).with("changes", Map::new());
    if current.contains_key(&name) {
        return Ok(refused(format!("Job {name} already exists in schedule.")));
    }
    if mixed(&kwargs) {
        return Ok(refused(
            "Error: Unable to use \"seconds\", \"minutes\", \"hours\", or \"days\" with \"when\" or \"cron\" options."
                .into(),
        ));
    }
    if kwargs.contains_key("when") && kwargs.contains_key("cron") {
        return Ok(refused("Unable to use \"when\" and \"cron\" options together.  Ignoring.".into()));
    }
    let job = build(cx, &name, &kwargs)?;
    if job.get("result").is_some_and(|result| !result.truthy()) {
        return Ok(job);
    }
    if is(&kwargs, "test") {
        let comment = format!("Job: {name} would be added to schedule.");
        return Ok(outcome(comment, true).with("changes", Map::new()));
    }
    if offline {
        current.insert(name.as_str(), job);
        write(cx, current)?;
    } else {
        cx.identity().schedule()?.put(&name, job);
        persist(cx, &kwargs, Source::Opts)?;
    }
    let comment = format!("Added job: {name} to schedule.");
    Ok(outcome(comment, true).with("changes", map! { name => "added" }))
}

/// Replaces a job of the schedule by one that is built of these keywords.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.modify job1 function=test.ping seconds=3600
/// ```
#[salt_fn]
async fn modify(
    cx: &Context,
    /// The name of the job. The keywords are those of `schedule.add`.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let mut kwargs = clean_kwargs(kwargs);
    let refused = |comment: String| {
        map! { "comment" => comment, "changes" => Map::new(), "result" => false }
    };
    if mixed(&kwargs) {
        return Ok(refused(
            "Error: Unable to use \"seconds\", \"minutes\", \"hours\", or \"days\" with \"when\" option."
                .into(),
        ));
    }
    if kwargs.contains_key("when") && kwargs.contains_key("cron") {
        return Ok(refused("Unable to use \"when\" and \"cron\" options together.  Ignoring.".into()));
    }
    let offline = is(&kwargs, "offline");
    let mut current = listed(cx, Source::Both, offline)?;
    let Some(Value::Map(old)) = current.get(&name).cloned() else {
        return Ok(refused(format!("Job {name} does not exist in schedule.")));
    };
    if !kwargs.contains_key("function") {
        kwargs.insert("function", old.get("function").cloned().unwrap_or_default());
    }
    let new = build(cx, &name, &kwargs)?;
    if new.get("result").is_some_and(|result| !result.truthy()) {
        return Ok(new);
    }
    let done = |comment: String, changes: Map| {
        map! { "comment" => comment, "changes" => changes, "result" => true }
    };
    if new == old {
        return Ok(done(format!("Job {name} in correct state"), Map::new()));
    }
    let changes = map! { name.as_str() => map! { "old" => old.clone(), "new" => new.clone() } };
    if is(&kwargs, "test") {
        return Ok(done(format!("Job: {name} would be modified in schedule."), changes));
    }
    if offline {
        let mut both = old;
        both.extend(new);
        current.insert(name.as_str(), both);
        write(cx, current)?;
    } else {
        let source = source_of(cx, &name)?.unwrap_or(Source::Opts);
        cx.identity().schedule()?.put(&name, new);
        persist(cx, &kwargs, source)?;
    }
    Ok(done(format!("Modified job: {name} in schedule."), changes))
}

/// Removes a job from the schedule.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.delete job1
/// ```
#[salt_fn]
async fn delete(
    cx: &Context,
    /// The name of the job. With `offline=True` it is only taken out of the file.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let ret = |comment: String, result: bool, changes: Map| {
        map! { "comment" => comment, "result" => result, "changes" => changes }
    };
    if is(&kwargs, "test") {
        return Ok(ret(format!("Job: {name} would be deleted from schedule."), true, Map::new()));
    }
    let removed =
        ret(format!("Deleted Job {name} from schedule."), true, map! { name.as_str() => "removed" });
    if is(&kwargs, "offline") {
        let mut current = listed(cx, Source::Opts, true)?;
        if current.remove(&name).is_none() {
            return Ok(ret(format!("Job {name} does not exist."), false, Map::new()));
        }
        write(cx, current)?;
        return Ok(removed);
    }
    let Some(source) = source_of(cx, &name)? else {
        return Ok(ret(format!("Job {name} does not exist."), false, Map::new()));
    };
    let schedule = cx.identity().schedule()?;
    schedule.remove(&name);
    persist(cx, &kwargs, source)?;
    if schedule.list(Source::Both).contains_key(&name) {
        return Ok(ret(format!("Failed to delete job {name} from schedule."), false, Map::new()));
    }
    Ok(removed)
}

/// Removes all jobs from the schedule, but for the minion's own.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.purge
/// ```
#[salt_fn]
async fn purge(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    let offline = is(&kwargs, "offline");
    let current = listed(cx, Source::Both, offline)?;
    let mut left = current.clone();
    let (mut comments, mut changes) = (Vec::new(), Map::new());
    for name in current.keys().map(Value::to_string) {
        if super::SETTINGS.contains(&name.as_str()) || name.starts_with("__") {
            continue;
        }
        if is(&kwargs, "test") {
            comments.push(format!("Job: {name} would be deleted from schedule."));
            continue;
        }
        if offline {
            left.remove(&name);
        } else {
            let schedule = cx.identity().schedule()?;
            schedule.remove(&name);
            if schedule.list(Source::Both).contains_key(&name) {
                comments.push(format!("Failed to delete job {name} from schedule."));
                continue;
            }
        }
        comments.push(format!("Deleted job: {name} from schedule."));
        changes.insert(name, "removed");
    }
    if !is(&kwargs, "test") {
        if offline {
            write(cx, left)?;
        } else {
            persist(cx, &kwargs, Source::Opts)?;
        }
    }
    Ok(map! { "comment" => comments, "changes" => changes, "result" => true })
}

fn mixed(kwargs: &Map) -> bool {
    INTERVALS.iter().any(|interval| kwargs.contains_key(interval))
        && (kwargs.contains_key("when") || kwargs.contains_key("cron"))
}

/// A job of keywords, in the order of the original; or why it can't be built.
fn build(cx: &Context, name: &str, kwargs: &Map) -> Result<Map> {
    let refused = |comment: &str| Ok(outcome(comment, false));
    if name.is_empty() {
        return refused("Job name is required.");
    }
    let Some(function) = kwargs.get("function") else {
        return Err(Error::exception("KeyError", "'function'"));
    };
    if mixed(kwargs) {
        return refused(
            "Unable to use \"seconds\", \"minutes\", \"hours\", or \"days\" with \"when\" or \"cron\" options.",
        );
    }
    if kwargs.contains_key("when") && kwargs.contains_key("cron") {
        return refused("Unable to use \"when\" and \"cron\" options together.  Ignoring.");
    }
    let mut job = map! { "function" => function.clone() };
    let copy = |job: &mut Map, option: &str| {
        if let Some(value) = kwargs.get(option) {
            job.insert(option, value.clone());
        }
    };
    for option in INTERVALS.iter().chain(&["return_job", "metadata"]) {
        copy(&mut job, option);
    }
    match kwargs.get("job_args") {
        None => {}
        Some(args @ Value::List(_)) => drop(job.insert("args", args.clone())),
        Some(_) => return refused("job_args is not a list. please correct and try again."),
    }
    match kwargs.get("job_kwargs") {
        None => {}
        Some(keywords @ Value::Map(_)) => drop(job.insert("kwargs", keywords.clone())),
        Some(_) => return refused("job_kwargs is not a dict. please correct and try again."),
    }
    let or = |option: &str, default: Value| kwargs.get(option).cloned().unwrap_or(default);
    job.insert("maxrunning", or("maxrunning", 1.into()));
    job.insert("name", name);
    job.insert("enabled", or("enabled", true.into()));
    job.insert("jid_include", or("jid_include", true.into()));
    copy(&mut job, "splay");
    let whens = match kwargs.get("when") {
        Some(Value::List(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for when in whens {
        // Beside a running minion nobody can tell.
        if cx.identity().schedule().is_ok_and(|schedule| !schedule.is_time(when)) {
            return refused(&format!("Schedule item {when} for \"when\" in invalid."));
        }
    }
    for option in [
        "range",
        "when",
        "once",
        "once_fmt",
        "cron",
        "returner",
        "after",
        "return_config",
        "return_kwargs",
        "until",
        "run_on_start",
        "skip_during_range",
    ] {
        copy(&mut job, option);
    }
    Ok(job)
}
