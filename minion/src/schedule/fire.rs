//! Is a job due? Everything here is computed from the time that is passed in (`salt/utils/schedule.py`, `Schedule.eval`).

use jiff::SignedDuration;
use jiff::civil::DateTime;
use salt::{Map, Value};

use super::cron::Cron;
use super::date;

/// The form of times in skips and postponements.
pub const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S";
const INTERVALS: [(&str, i64); 4] = [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400)];

/// What one evaluation leaves for the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// `_next_fire_time`
    pub next: Option<DateTime>,
    /// `_next_scheduled_fire_time`
    pub scheduled: Option<DateTime>,
    /// `_seconds`: the interval.
    pub seconds: Option<i64>,
    /// `_splay`: the time with the splay of this run.
    pub splay: Option<DateTime>,
    /// `_run_on_start`: true until it was done.
    pub run_on_start: Option<bool>,
    /// `_run`: a `when` is still to come.
    pub waiting: Option<bool>,
    /// `_last_run`
    pub last_run: Option<DateTime>,
    /// `_skip_reason`
    pub skip_reason: Option<&'static str>,
    /// `_skipped_time`
    pub skipped: Option<DateTime>,
    /// `_error`
    pub error: Option<String>,
    /// Runs that follow on the end of a `skip_during_range`.
    after_range: Vec<DateTime>,
}

/// What is the same for all jobs of one evaluation.
pub struct Around<'a> {
    /// Local time.
    pub now: DateTime,
    /// How long a time counts as now: the interval of evaluations.
    pub window: SignedDuration,
    /// The schedule is on.
    pub enabled: bool,
    /// The splay of jobs without one of their own.
    pub splay: Option<&'a Value>,
    /// The `skip_during_range` of jobs without one of their own.
    pub skip_during_range: Option<&'a Value>,
    /// What to run in place of a job that is skipped.
    pub skip_function: Option<&'a str>,
    /// The maps `whens` of pillar and grains.
    pub whens: [Option<&'a Map>; 2],
    /// A number from the first to the second, both included.
    pub random: &'a dyn Fn(i64, i64) -> i64,
}

/// A job is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Run this in its place.
    pub instead: Option<String>,
}

/// Evaluates a job. Whoever runs it, or does not, says so with [`State::settle`].
pub fn evaluate(name: &str, job: &Map, state: &mut State, around: &Around<'_>) -> Option<Due> {
    state.skip_reason = None;
    state.skipped = None;
    state.error = None;
    match due(name, job, state, around) {
        Ok(due) => due,
        Err(error) => {
            state.error = Some(error);
            None
        }
    }
}

impl State {
    /// What was decided was done: the job ran at that time, or did not.
    pub fn settle(&mut self, ran: bool, now: DateTime) {
        if ran {
            self.last_run = Some(now);
            self.splay = None;
        }
        let Some(seconds) = self.seconds else { return };
        let passed = self.next.is_some_and(|next| next <= now);
        if ran || self.skipped.is_some() && passed {
            self.next = plus(now, SignedDuration::from_secs(seconds));
        }
    }

    /// The job does not run now for this reason.
    pub fn skip(&mut self, reason: &'static str, now: DateTime) {
        self.skip_reason = Some(reason);
        self.skipped = Some(now);
    }
}

fn due(name: &str, job: &Map, state: &mut State, around: &Around<'_>) -> Result<Option<Due>, String> {
    let now = around.now;
    if truthy(job, "run_on_start") && state.run_on_start.is_none() {
        state.run_on_start = Some(true);
    }
    let kinds = ["when", "cron", "once"].iter().filter(|kind| job.contains_key(kind)).count();
    if kinds > 1 {
        return Err("Unable to use \"when\", \"cron\", \"once\" options together. Ignoring.".into());
    }
    let mut run = explicit(name, job, state, around)?;
    let timed = if INTERVALS.iter().any(|(option, _)| job.contains_key(option)) {
        interval(name, job, state, now)?
    } else if let Some(once) = job.get("once") {
        once_at(name, job, once, state, around)?
    } else if let Some(when) = job.get("when") {
        at_times(name, when, state, around, run)?
    } else if let Some(cron) = job.get("cron") {
        by_cron(name, cron, state, now)?
    } else {
        return Ok(None);
    };
    let (true, Some(next)) = (timed, state.next) else { return Ok(None) };
    let mut left = whole(next).duration_since(whole(now));
    let is_when = state.seconds.is_none() && job.contains_key("when");
    if let Some(splay) = job.get("splay").filter(|s| s.truthy()).or(around.splay).filter(|s| s.truthy()) {
        if state.splay.is_none() {
            match plus(next, SignedDuration::from_secs(splay_of(splay, around)?)) {
                Some(splayed) if now < splayed => {
                    state.splay = Some(splayed);
                    if is_when {
                        state.waiting = Some(true);
                    }
                }
                _ => run = true,
            }
        }
        if let Some(splayed) = state.splay {
            left = splayed.duration_since(now);
            if is_when {
                state.next = Some(splayed);
            }
        }
    }
    let next = state.next.unwrap_or(next);
    let is_now = next <= now && now.duration_since(next) <= around.window;
    let over = left <= SignedDuration::ZERO;
    if state.seconds.is_some() {
        run |= over;
    } else if is_when {
        // A time without a date comes again each day, when nobody waits for it any more.
        if is_now && (state.waiting == Some(true) || state.last_run.is_some_and(|last| last < next)) {
            state.waiting = Some(false);
            run = true;
        }
    } else if job.contains_key("cron") {
        if over {
            state.next = None;
            run = true;
        }
    } else {
        run |= is_now && state.last_run.is_none_or(|last| last < next);
    }
    let mut instead = None;
    if state.run_on_start == Some(true) {
        run = true;
        state.run_on_start = Some(false);
    } else if run {
        (run, instead) = restricted(name, job, state, around)?;
    }
    if !around.enabled || job.get("enabled").is_some_and(|enabled| !enabled.truthy()) {
        state.skip("disabled", now);
        run = false;
    }
    Ok(run.then_some(Due { instead }))
}

/// Ranges, skips and bounds: whether a job that is due may run, and what may run in its place.
fn restricted(
    name: &str,
    job: &Map,
    state: &mut State,
    around: &Around<'_>,
) -> Result<(bool, Option<String>), String> {
    let now = around.now;
    let mut instead = None;
    let mut run = true;
    if let Some(range) = job.get("range") {
        let (start, end) = bounds(name, range, "", now)?;
        let inside = start <= now && now <= end;
        let inverted = range.get("invert").is_some_and(Value::truthy);
        if inverted {
            run = now <= start || now >= end;
        } else if !inside {
            instead = around.skip_function.map(str::to_string);
            run = instead.is_some();
        }
        if !run {
            state.skip_reason = Some(if inverted { "in_skip_range" } else { "not_in_range" });
        }
    }
    let skipped = |state: &mut State, reason| match around.skip_function {
        Some(function) => (true, Some(function.to_string())),
        None => {
            state.skip(reason, now);
            (false, None)
        }
    };
    let skip_range = job.get("skip_during_range").or(around.skip_during_range);
    if let Some(range) = skip_range.filter(|range| range.truthy() && run) {
        let (start, end) = bounds(name, range, " in skip_during_range", now)?;
        if truthy(job, "run_after_skip_range") {
            let after = plus(end, around.window.min(SignedDuration::from_secs(1))).map(whole);
            if let Some(after) = after.filter(|after| !state.after_range.contains(after)) {
                state.after_range.push(after);
            }
        }
        if start <= now && now <= end {
            (run, instead) = skipped(state, "in_skip_range");
        }
    }
    let skips = times(name, job, "skip_explicit")?;
    if run && skips.iter().any(|skip| *skip <= now && now.duration_since(*skip) <= around.window) {
        (run, instead) = skipped(state, "skip_explicit");
    }
    let bound = |option: &str| match job.get(option) {
        None => Ok(None),
        Some(value) => match date::parse(value, now.date()) {
            Some(time) => Ok(Some(time)),
            None => Err(format!("Invalid date string for {option}. Ignoring job {name}.")),
        },
    };
    if bound("until")?.is_some_and(|until| until <= now) {
        state.skip("until_passed", now);
        run = false;
    }
    if bound("after")?.is_some_and(|after| after >= now) {
        state.skip("after_not_passed", now);
        run = false;
    }
    Ok((run, instead.filter(|_| run)))
}

/// A run that was asked for at a time of its own (`schedule.postpone_job`, `run_after_skip_range`).
fn explicit(name: &str, job: &Map, state: &mut State, around: &Around<'_>) -> Result<bool, String> {
    let mut all = times(name, job, "run_explicit")?;
    all.extend(&state.after_range);
    let now = around.now;
    let is_now = |time: &DateTime| *time <= now && now.duration_since(*time) < around.window;
    let found = all.into_iter().find(|time| is_now(time) && state.last_run.is_none_or(|last| last < *time));
    if let Some(time) = found {
        state.next = Some(time);
        state.after_range.retain(|other| *other != time);
    }
    Ok(found.is_some())
}

fn times(name: &str, job: &Map, option: &str) -> Result<Vec<DateTime>, String> {
    let entries = job.get(option).and_then(Value::as_list).unwrap_or_default();
    let time = |entry: &Value| {
        let format = entry.get("time_fmt").and_then(Value::as_str).unwrap_or(TIME_FORMAT);
        date::parse_as(entry.get("time").unwrap_or(entry), format)
            .ok_or_else(|| format!("Invalid date string in {option}. Ignoring job {name}."))
    };
    entries.iter().map(time).collect()
}

fn interval(name: &str, job: &Map, state: &mut State, now: DateTime) -> Result<bool, String> {
    if state.seconds.is_none() {
        let mut sum = 0_i64;
        for (option, factor) in INTERVALS {
            let Some(value) = job.get(option) else { continue };
            let number = match value {
                Value::Int(n) => Some(*n),
                Value::Bool(b) => Some((*b).into()),
                Value::Float(x) => Some(*x as i64),
                Value::Str(text) => text.trim().parse().ok(),
                _ => None,
            };
            let seconds = number.and_then(|n| n.checked_mul(factor)).and_then(|n| sum.checked_add(n));
            sum = seconds.ok_or_else(|| {
                format!("Invalid number of {option}: {}. Ignoring job {name}.", value.repr())
            })?;
        }
        let first = plus(now, SignedDuration::from_secs(sum));
        state.seconds = Some(sum);
        state.next = state.next.or(first);
        state.scheduled = first;
    }
    Ok(true)
}

fn once_at(
    name: &str,
    job: &Map,
    once: &Value,
    state: &mut State,
    around: &Around<'_>,
) -> Result<bool, String> {
    if state.next.is_none() {
        let format = job.get_str("once_fmt").unwrap_or(TIME_FORMAT);
        let time = date::parse_as(once, format).ok_or_else(|| {
            format!("Date string could not be parsed: {once}, {format}. Ignoring job {name}.")
        })?;
        state.next = Some(time);
        state.scheduled = Some(time);
    }
    let next = state.next.unwrap_or(around.now);
    Ok(next > around.now || around.now.duration_since(next) <= around.window)
}

fn at_times(
    name: &str,
    when: &Value,
    state: &mut State,
    around: &Around<'_>,
    run: bool,
) -> Result<bool, String> {
    let now = around.now;
    let stated = match when {
        Value::List(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut all = Vec::with_capacity(stated.len());
    for each in stated {
        let named = around.whens.iter().flatten().find_map(|whens| whens.get_key(each));
        let time = date::parse(named.unwrap_or(each), now.date())
            .ok_or_else(|| format!("Invalid date string {each}. Ignoring job {name}."))?;
        all.push(time);
    }
    all.extend(state.splay);
    all.sort_unstable();
    let missed = |time: DateTime| time < now && now.duration_since(time) > around.window;
    // Of those that have passed the last one stays: it may have run.
    while all.len() > 1 && missed(all[0]) {
        all.remove(0);
    }
    let waiting = state.waiting == Some(true);
    let Some(&first) = all.first() else { return Ok(waiting) };
    if missed(first) && !waiting && !run && state.splay.is_none() {
        state.next = None;
        return Ok(false);
    }
    if state.waiting.is_none() {
        state.waiting = Some(!missed(first));
    }
    let next = *state.next.get_or_insert(first);
    state.scheduled = Some(first);
    if next < first && !run && state.waiting == Some(false) {
        state.next = Some(first);
        state.waiting = Some(true);
    }
    Ok(true)
}

fn by_cron(name: &str, cron: &Value, state: &mut State, now: DateTime) -> Result<bool, String> {
    if state.next.is_none() {
        let cron = cron.as_str().and_then(Cron::parse);
        let next = cron.and_then(|cron| cron.after(now));
        state.next = Some(next.ok_or_else(|| format!("Invalid cron string. Ignoring job {name}."))?);
        state.scheduled = state.next;
    }
    Ok(true)
}

fn splay_of(splay: &Value, around: &Around<'_>) -> Result<i64, String> {
    let wrong = || format!("Invalid splay: {}", splay.repr());
    let (start, end) = match splay {
        Value::Map(range) => {
            let number = |key: &str| range.get(key).and_then(Value::as_i64).ok_or_else(wrong);
            (number("start")?, number("end")?)
        }
        Value::Str(text) => (1, text.trim().parse().map_err(|_| wrong())?),
        other => (1, other.as_i64().ok_or_else(wrong)?),
    };
    if end < start {
        return Err(
            "schedule.handle_func: Invalid Splay, end must be larger than start. Ignoring splay.".into()
        );
    }
    Ok((around.random)(start, end))
}

fn bounds(name: &str, range: &Value, of: &str, now: DateTime) -> Result<(DateTime, DateTime), String> {
    let Value::Map(range) = range else {
        return Err(format!(
            "schedule.handle_func: Invalid, range must be specified as a dictionary. Ignoring job {name}."
        ));
    };
    let bound = |key: &str| {
        let time = range.get(key).and_then(|value| date::parse(value, now.date()));
        time.ok_or_else(|| format!("Invalid date string for {key}{of}. Ignoring job {name}."))
    };
    let (start, end) = (bound("start")?, bound("end")?);
    if end <= start {
        return Err(format!(
            "schedule.handle_func: Invalid range, end must be larger than start. Ignoring job {name}."
        ));
    }
    Ok((start, end))
}

fn truthy(job: &Map, option: &str) -> bool {
    job.get(option).is_some_and(Value::truthy)
}

fn plus(time: DateTime, duration: SignedDuration) -> Option<DateTime> {
    time.checked_add(duration).ok()
}

/// Without the fraction of its second.
fn whole(time: DateTime) -> DateTime {
    time.with().subsec_nanosecond(0).build().unwrap_or(time)
}
