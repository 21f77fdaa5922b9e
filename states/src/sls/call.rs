//! Calls one chunk: checks it, decides about test mode, and makes its return (`State.call`).

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt;
use salt::args::Args;
use salt::function::{Call, Function};
use salt::{Context, Error, Map, Outcome, Plan, Result, StateRet, Value, map};

use crate::sls::chunk::{flag, function, text};
use crate::sls::is_internal;
use crate::sls::run::Run;

impl Run {
    /// Calls a chunk, again and again if it asks for that. Under `__prereq__` it is a test run that counts for nothing.
    pub(super) async fn call(&mut self, low: &Map) -> Map {
        let (mut ret, verified) = self.call_once(low).await;
        if !verified || flag(low, "__prereq__") {
            return ret;
        }
        if let Some(retry) = low.get("retry") {
            ret = self.retry(low, crate::sls::retry::Retry::of(retry), ret).await;
        }
        ret
    }

    /// One call. The flag says whether the chunk could be called at all.
    pub(super) async fn call_once(&mut self, low: &Map) -> (Map, bool) {
        let clock = Clock::start();
        let errors = self.verify(low);
        if !errors.is_empty() {
            let comment: String = errors.iter().map(|error| format!("{error}\n")).collect();
            let ret = map! {
                "result" => false,
                "name" => low.get("name").cloned(),
                "changes" => Map::new(),
                "comment" => comment,
                "__run_num__" => self.number,
            };
            self.number += 1;
            return (ret, false);
        }
        let testing = flag(low, "__prereq__");
        let mut cx = self.cx.clone();
        if testing && !cx.test() {
            let opts = (*cx.opts()).clone().with("test", true);
            cx = cx.with_opts(opts);
        }
        let mut ret = self.result(&cx, low).await;
        unify(&mut ret);
        if testing {
            return (ret, true);
        }
        if flag(low, "parallel") && !ret.contains_key("skip_watch") {
            ret.insert("__parallel__", true);
        }
        let (start_time, duration) = clock.stop();
        ret.insert("__sls__", low.get("__sls__").cloned());
        ret.insert("__run_num__", self.number);
        self.number += 1;
        ret.insert("start_time", start_time);
        ret.insert("duration", duration);
        ret.insert("__id__", low.get("__id__").cloned());
        self.reload(low).await;
        (ret, true)
    }

    /// Conditions, the call, and `check_cmd` after it.
    async fn result(&mut self, cx: &Context, low: &Map) -> Map {
        let name = low.get("name").cloned().unwrap_or_default();
        let full = function(low);
        let called = async {
            let function = cx.states().find(&full)?;
            let keywords = keywords(function, low)?;
            let has = |suffix: &str| cx.states().get(&format!("{}.{suffix}", function.module())).is_some();
            if !has("mod_run_check")
                && let Some(skipped) = self.conditions(cx, low).await?
            {
                return Ok(skipped);
            }
            let mut ret = if self.mocked {
                mocked(&name)
            } else if !self.global_conditions(low) {
                StateRet {
                    comment: "Failed to meet global state conditions. State not called.".into(),
                    ..StateRet::default()
                }
                .into_map(&text(low, "name"))
            } else {
                let keywords = self.slots(cx, keywords).await;
                guarded(cx, function, Args { positional: vec![], keywords }).await?
            };
            let own_check = function.params.iter().any(|param| param.name == "check_cmd");
            if low.contains_key("check_cmd") && !(has("mod_run_check_cmd") && own_check) {
                ret.extend(self.check_cmd(cx, low).await?);
            }
            Ok(ret)
        };
        let called: Result<Map> = called.await;
        called.unwrap_or_else(|error| {
            map! {
                "result" => false,
                "name" => name,
                "changes" => Map::new(),
                "comment" => failure(&error),
            }
        })
    }

    /// What is wrong with a chunk, in Salt's words (`State.verify_data`).
    pub fn verify(&self, low: &Map) -> Vec<String> {
        let mut errors = Vec::new();
        let sls = low.get("__sls__").filter(|sls| !sls.is_none());
        for key in ["state", "fun", "name"] {
            if !low.contains_key(key) {
                errors.push(format!("Missing \"{key}\" data"));
            }
        }
        if let Some(name) = low.get("name").filter(|name| name.truthy() && name.as_str().is_none()) {
            let place = sls.map(|sls| format!("in SLS '{sls}' ")).unwrap_or_default();
            errors
                .push(format!("ID '{name}' {place}is not formed as a string, but is a {}", name.type_name()));
        }
        if let Some(umask) = low.get("umask").map(Value::to_string) {
            let octal = umask.trim().strip_prefix("0o").unwrap_or(umask.trim());
            if i64::from_str_radix(octal, 8).is_err() {
                errors.push(format!("Invalid umask: {umask}"));
            }
        }
        if !errors.is_empty() {
            return errors;
        }
        let full = function(low);
        match (self.cx.states().get(&full), sls) {
            (Some(function), _) => {
                for param in function.params.iter().filter(|param| param.default.value().is_none()) {
                    if !low.contains_key(param.name) {
                        errors.push(format!("Missing parameter {} for state {full}", param.name));
                    }
                }
            }
            (None, Some(sls)) => {
                errors.push(format!("State '{full}' was not found in SLS '{sls}'"));
                errors.push(format!("Reason: '{full}' is not available."));
            }
            (None, None) => errors.push(format!("Specified state '{full}' was not found")),
        }
        errors.extend(self.requires_itself(low));
        errors
    }

    fn requires_itself(&self, low: &Map) -> Vec<String> {
        let state = text(low, "state");
        let watches =
            low.contains_key("watch") && self.cx.states().get(&format!("{state}.mod_watch")).is_some();
        let kind = if watches { "watch" } else { "require" };
        let items = low.get(kind).and_then(Value::as_list).unwrap_or_default();
        let mut errors = Vec::new();
        for item in items {
            let Some(pattern) = item.get(&state).and_then(Value::as_str) else { continue };
            let hits = |key: &str| crate::sls::fnmatch::fnmatch(&text(low, key), pattern);
            if hits("name") || hits("__id__") {
                errors.push(format!(
                    "Recursive require detected in SLS {} for require {item} in ID {}",
                    text(low, "__sls__"),
                    text(low, "__id__")
                ));
            }
        }
        errors
    }

    /// What a state asks to be read anew (`State.check_refresh`).
    async fn reload(&mut self, low: &Map) {
        if flag(low, "reload_grains")
            && let Err(e) = self.cx.master().refresh_grains().await
        {
            tracing::error!("The grains could not be read anew: {e}");
        }
        if flag(low, "reload_pillar") {
            match self.cx.master().compile_pillar(self.pillar.clone()).await {
                Ok(pillar) => self.cx = self.cx.clone().with_pillar(pillar),
                Err(e) => tracing::error!("The pillar could not be read anew: {e}"),
            }
        }
    }

    fn global_conditions(&self, low: &Map) -> bool {
        let opts = self.cx.opts();
        let Some(conditions) = opts.get("global_state_conditions").and_then(Value::as_map) else {
            return true;
        };
        let (full, state) = (function(low), text(low, "state"));
        let mut matches = Vec::new();
        for (pattern, conditions) in conditions {
            if !pattern.as_str().is_some_and(|p| p == "*" || p == full || p == state) {
                continue;
            }
            let conditions = match conditions {
                Value::List(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            let targets = conditions.iter().filter_map(Value::as_str);
            matches.extend(targets.map(|target| crate::sls::top::compound(&self.cx, target)));
        }
        matches.is_empty() || matches.contains(&true)
    }
}

/// The arguments of a chunk that are the function's (`salt.utils.args.format_call`).
///
/// # Errors
/// [`Error::Execution`] with Salt's sentence for arguments that the function does not have. Salt itself gives up the
/// whole run there; here only this chunk fails.
fn keywords(function: &'static Function, low: &Map) -> Result<Map> {
    let mut keywords = Map::new();
    let mut extra = Vec::new();
    for (key, value) in low {
        let name = key.to_string();
        let formal = function.params.iter().any(|param| param.name == name);
        if formal || (function.kwargs && (!is_internal(&name) || name == "__watched__")) {
            keywords.insert(key, value);
        } else if !(function.kwargs || is_internal(&name) || matches!(name.as_str(), "sfun" | "name")) {
            extra.push(format!("'{name}'"));
        }
    }
    let full = function.full_name();
    match extra.split_last() {
        None => Ok(keywords),
        Some((one, [])) => {
            Err(Error::execution(format!("{one} is an invalid keyword argument for '{full}'")))
        }
        Some((last, rest)) => Err(Error::execution(format!(
            "{} and {last} are invalid keyword arguments for '{full}'",
            rest.join(", ")
        ))),
    }
}

/// Runs a state function; a panic in it is a failure of this chunk alone.
async fn guarded(cx: &Context, function: &'static Function, args: Args) -> Result<Map> {
    let name = args.keywords.get("name").map(Value::to_string).unwrap_or_default();
    match AssertUnwindSafe(perform(cx, function, args)).catch_unwind().await {
        Ok(ret) => Ok(ret?.into_map(&name)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Error::exception("Exception", text))
        }
    }
}

async fn perform(cx: &Context, function: &'static Function, args: Args) -> Result<StateRet> {
    let bound = args.bind(function)?;
    let Call::State(call) = function.call else {
        return Err(Error::NotAvailable(format!("'{}' is not available.", function.full_name())));
    };
    match call(cx, bound).await? {
        Outcome::Ret(ret) => Ok(ret),
        Outcome::Plan(plan) => Ok(settle(plan, cx.test()).await),
    }
}

/// Carries a plan out, unless it is a test: the one place where states act.
async fn settle(plan: Plan<'_>, test: bool) -> StateRet {
    if plan.changes.is_empty() {
        return StateRet::ok(plan.unchanged);
    }
    if test {
        let ret = StateRet { comment: plan.would, ..StateRet::default() };
        return ret.with_changes(plan.changes);
    }
    match plan.apply.await {
        Ok(applied) => StateRet::ok(applied.comment.unwrap_or(plan.did))
            .with_changes(applied.changes.unwrap_or(plan.changes)),
        Err(error) => StateRet::failed(failure(&error)),
    }
}

/// The comment of a state that failed with an error. What a function says of the world is the comment as it is;
/// a fault of the call or of the code looks as in Salt.
fn failure(error: &Error) -> String {
    match error {
        Error::Execution(text) | Error::Unavailable(text) | Error::CommandNotFound(text) => text.clone(),
        other => format!(
            "An exception occurred in this state: Traceback (most recent call last):\n{}\n",
            other.traceback_line()
        ),
    }
}

fn mocked(name: &Value) -> Map {
    map! { "name" => name, "comment" => "Not called, mocked", "changes" => Map::new(), "result" => true }
}

/// Lists of comments become lines, results booleans (`salt/utils/decorators/state.py`).
fn unify(ret: &mut Map) {
    if let Some(Value::List(lines)) = ret.get("comment") {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        ret.insert("comment", lines.join("\n"));
    }
    match ret.get("result") {
        None | Some(Value::None | Value::Bool(_)) => {}
        Some(other) => {
            let result = other.truthy();
            ret.insert("result", result);
        }
    }
}

/// When a chunk started, and how long it took.
pub(super) struct Clock {
    start: jiff::Zoned,
    instant: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock { start: jiff::Zoned::now(), instant: Instant::now() }
    }

    /// The local time of day of the start, and the milliseconds since.
    pub fn stop(&self) -> (String, f64) {
        let micros = i64::try_from(self.instant.elapsed().as_micros()).unwrap_or(i64::MAX);
        (self.start.strftime("%H:%M:%S%.6f").to_string(), micros as f64 / 1000.0)
    }
}
