//! Switching, moving and running jobs.

use jiff::civil::DateTime;
use salt::schedule::Source;
use salt::{Args, Context, Error, Map, Result, Value, functions, map, salt_fn};

use super::{is, listed, outcome, persist, source_of};

functions![
    copy,
    disable,
    disable_job,
    enable,
    enable_job,
    move_,
    postpone_job,
    reload_,
    run_job,
    save,
    skip_job
];

const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";

/// Switches the schedule on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.enable
/// ```
#[salt_fn]
async fn enable(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    switch(cx, &kwargs, true)
}

/// Switches the schedule off: no job of it runs any more.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.disable
/// ```
#[salt_fn]
async fn disable(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    switch(cx, &kwargs, false)
}

fn switch(cx: &Context, kwargs: &Map, enabled: bool) -> Result<Map> {
    let word = if enabled { "enabled" } else { "disabled" };
    let ret =
        |comment: String, changes: Map| map! { "comment" => comment, "changes" => changes, "result" => true };
    if is(kwargs, "test") {
        return Ok(ret(format!("Schedule would be {word}."), Map::new()));
    }
    cx.identity().schedule()?.switch(enabled);
    persist(cx, kwargs, Source::Opts)?;
    let title = if enabled { "Enabled" } else { "Disabled" };
    Ok(ret(format!("{title} schedule on minion."), map! { "schedule" => word }))
}

/// Switches one job on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.enable_job job1
/// ```
#[salt_fn]
async fn enable_job(
    cx: &Context,
    /// The name of the job.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    switch_job(cx, &name, &kwargs, true)
}

/// Switches one job off.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.disable_job job1
/// ```
#[salt_fn]
async fn disable_job(
    cx: &Context,
    /// The name of the job.
    name: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    switch_job(cx, &name, &kwargs, false)
}

fn switch_job(cx: &Context, name: &str, kwargs: &Map, enabled: bool) -> Result<Map> {
    let word = if enabled { "enable" } else { "disable" };
    let ret = |comment: String, result: bool, changes: Map| {
        map! { "comment" => comment, "result" => result, "changes" => changes }
    };
    if is(kwargs, "test") || cx.test() {
        return Ok(ret(format!("Job: {name} would be {word}d in schedule."), true, Map::new()));
    }
    let Some(source) = source_of(cx, name)? else {
        return Ok(ret(format!("Job {name} does not exist."), false, Map::new()));
    };
    let schedule = cx.identity().schedule()?;
    schedule.set(name, "enabled", enabled.into());
    persist(cx, kwargs, source)?;
    let all = schedule.list(Source::Both);
    let is_on = all.get(name).and_then(|job| job.get("enabled")).is_none_or(Value::truthy);
    if is_on != enabled {
        return Ok(ret(format!("Failed to {word} job {name} in schedule."), false, Map::new()));
    }
    let title = if enabled { "Enabled" } else { "Disabled" };
    Ok(ret(format!("{title} Job {name} in schedule."), true, map! { name => format!("{word}d") }))
}

/// Runs a job of the schedule now.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.run_job job1
/// salt '*' schedule.run_job job1 force=True
/// ```
#[salt_fn]
async fn run_job(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// Run it even if it is switched off.
    #[default(false)]
    force: bool,
) -> Result<Map> {
    let all = listed(cx, Source::Both, false)?;
    let Some(job) = all.get(&name) else {
        return Ok(outcome(format!("Job {name} does not exist."), false));
    };
    if !force && job.get("enabled").is_some_and(|enabled| !enabled.truthy()) {
        return Ok(outcome(format!("Job {name} is disabled."), true));
    }
    cx.identity().schedule()?.run(&name);
    Ok(outcome(format!("Scheduling Job {name} on minion."), true))
}

/// Writes the schedule, without the jobs of the pillar, into the file that is read at the next start.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.save
/// ```
#[salt_fn]
async fn save(cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    if is(&kwargs, "test") {
        return Ok(outcome("Schedule would be saved.", true));
    }
    cx.identity().schedule()?.save()?;
    Ok(outcome("Schedule (non-pillar items) saved.", true))
}

/// Asks for the pillar anew if it has a schedule.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.reload
/// ```
#[salt_fn]
async fn reload_(cx: &Context) -> Result<Map> {
    let mut comments = Vec::new();
    if cx.pillar().contains_key("schedule") {
        cx.master().refresh_pillar(None, false).await?;
        comments.push("Reloaded schedule from pillar on minion.");
    }
    Ok(outcome(comments, true))
}

/// Puts a run of a job off to another time.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.postpone_job job1 2026-01-01T05:00:00 2026-01-01T09:00:00
/// salt '*' schedule.postpone_job job1 '01.01.2026 05:00' '01.01.2026 09:00' time_fmt='%d.%m.%Y %H:%M'
/// ```
#[salt_fn]
async fn postpone_job(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// The time at which it would run, in the form that `time_fmt` says.
    current_time: String,
    /// The time at which it is to run.
    new_time: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let format = time_format(&kwargs);
    let required = [(&name, "Job name"), (&current_time, "Job current time"), (&new_time, "Job new_time")];
    if let Some((_, what)) = required.iter().find(|(given, _)| given.is_empty()) {
        return Ok(outcome(format!("{what} is required."), false));
    }
    if !fits(&format, &current_time) || !fits(&format, &new_time) {
        return Ok(outcome("Date string could not be parsed.", false));
    }
    if cx.test() {
        return Ok(outcome(format!("Job: {name} would be postponed in schedule."), true));
    }
    if !append(cx, &name, "skip_explicit", &current_time, &format)? {
        return Ok(outcome(format!("Job {name} does not exist."), false));
    }
    append(cx, &name, "run_explicit", &new_time, &format)?;
    Ok(told(cx, &name, "Postponed Job", "postpone"))
}

/// Leaves out a run of a job.
///
/// CLI Example:
///
/// ```bash
/// salt '*' schedule.skip_job job1 2026-01-01T05:00:00
/// ```
#[salt_fn]
async fn skip_job(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// The time at which it would run, in the form that `time_fmt` says.
    current_time: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    let format = time_format(&kwargs);
    if !fits(&format, &current_time) {
        return Ok(outcome("Date string could not be parsed.", false));
    }
    if cx.test() {
        return Ok(outcome(format!("Job: {name} would be skipped in schedule."), true));
    }
    if !append(cx, &name, "skip_explicit", &current_time, &format)? {
        return Ok(outcome(format!("Job {name} does not exist."), false));
    }
    Ok(told(cx, &name, "Added Skip Job", "skip"))
}

fn time_format(kwargs: &Map) -> String {
    kwargs.get_str("time_fmt").filter(|format| !format.is_empty()).unwrap_or(TIME_FORMAT).to_string()
}

fn fits(format: &str, time: &str) -> bool {
    DateTime::strptime(format, time).is_ok()
}

/// One more entry in a list of times of a job. False if there is no such job.
fn append(cx: &Context, name: &str, option: &str, time: &str, format: &str) -> Result<bool> {
    if source_of(cx, name)?.is_none() {
        return Ok(false);
    }
    let schedule = cx.identity().schedule()?;
    let all = schedule.list(Source::Both);
    let listed = all.get(name).and_then(|job| job.get(option)).and_then(Value::as_list);
    let mut times = listed.unwrap_or_default().to_vec();
    times.push(map! { "time" => time, "time_fmt" => format }.into());
    schedule.set(name, option, times.into());
    Ok(true)
}

/// A job that is switched off does not count as changed.
fn told(cx: &Context, name: &str, done: &str, verb: &str) -> Map {
    let all = listed(cx, Source::Both, false).unwrap_or_default();
    if all.get(name).and_then(|job| job.get("enabled")).is_some_and(Value::truthy) {
        return outcome(format!("{done} {name} in schedule."), true);
    }
    outcome(format!("Failed to {verb} job {name} in schedule."), false)
}

/// Adds a job of this minion to the schedule of others. The master has to allow it (`peer`).
///
/// CLI Example:
///
/// ```bash
/// salt vc01 schedule.copy job1 'vc0*'
/// ```
#[salt_fn]
async fn copy(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// The other minions: a glob.
    target: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    if is(&kwargs, "test") {
        return Ok(outcome(format!("Job: {name} would be copied from schedule."), true));
    }
    let done = format!("Copied Job {name} from schedule to minion(s).");
    Ok(hand_over(cx, &name, &target, done).await?.0)
}

/// Adds a job of this minion to the schedule of others and removes it here. The master has to allow it (`peer`).
///
/// CLI Example:
///
/// ```bash
/// salt vc01 schedule.move job1 vc02
/// ```
#[salt_fn]
async fn move_(
    cx: &Context,
    /// The name of the job.
    name: String,
    /// The other minions: a glob.
    target: String,
    #[kwargs] kwargs: Map,
) -> Result<Map> {
    if is(&kwargs, "test") {
        return Ok(outcome(format!("Job: {name} would be moved from schedule."), true));
    }
    let done = format!("Moved Job {name} from schedule.");
    let (ret, taken) = hand_over(cx, &name, &target, done).await?;
    if taken {
        cx.identity().schedule()?.remove(&name);
        persist(cx, &kwargs, Source::Opts)?;
    }
    Ok(ret)
}

/// What is said about it, and whether all took the job.
async fn hand_over(cx: &Context, name: &str, target: &str, done: String) -> Result<(Map, bool)> {
    let Some(source) = source_of(cx, name)? else {
        return Ok((outcome(format!("Job {name} does not exist."), false), false));
    };
    let all = listed(cx, source, false)?;
    let job = all.get(name).and_then(Value::as_map).cloned().unwrap_or_default();
    let mut keywords = map! { "__kwarg__" => true };
    for (option, value) in job {
        let renamed = match option.as_str() {
            Some("args") => "job_args".into(),
            Some("kwargs") => "job_kwargs".into(),
            _ => option,
        };
        keywords.insert(renamed, value);
    }
    let args = Args::of([Value::from(target), "schedule.add".into(), [Value::from(keywords)].into()]);
    let answers = cx.call("publish.publish", args).await?;
    let Value::Map(answers) = answers else {
        return match answers {
            Value::Str(text) => Err(Error::Execution(text)),
            _ => Ok((outcome("no servers answered the published schedule.add command", true), false)),
        };
    };
    if answers.is_empty() {
        return Ok((outcome("no servers answered the published schedule.add command", true), false));
    }
    let minions = |wanted: bool| -> Vec<Value> {
        answers.iter().filter(|(_, answer)| answer.truthy() == wanted).map(|(id, _)| id.clone()).collect()
    };
    let errors = minions(false);
    if !errors.is_empty() {
        let ret = outcome("the following minions return False", true).with("minions", errors);
        return Ok((ret, false));
    }
    Ok((outcome(done, true).with("minions", minions(true)), true))
}
