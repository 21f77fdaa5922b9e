//! One run of a scheduled job: from the job to the map of its return (`salt/utils/schedule.py`, `handle_func`).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use jiff::Zoned;
use jiff::tz::TimeZone;
use salt::context::{Identity, Job};
use salt::{Args, Context, Error, Map, Result, Value};
use tracing::{error, info, warn};

use crate::clock;
use crate::job::run::permitted;
use crate::settings::Settings;

/// What is known of a run before it begins: its entry among the running jobs, and the start of its return.
pub fn record(identity: &Identity, name: &str, job: &Map, fun: &str, jid: &str) -> Map {
    let mut fun_args = positional(job);
    if let Some(keywords) = job.get("kwargs").and_then(Value::as_map) {
        fun_args.push(keywords.clone().into());
    }
    let mut record = Map::new()
        .with("id", identity.id())
        .with("fun", fun)
        .with("fun_args", fun_args)
        .with("schedule", name)
        .with("jid", jid);
    match job.get("metadata") {
        Some(Value::Map(metadata)) => {
            record.insert("metadata", stamped(metadata.clone()));
        }
        Some(_) => warn!("schedule: The metadata parameter must be specified as a dictionary.  Ignoring."),
        None => {}
    }
    record.with("pid", std::process::id())
}

/// Runs the job. None: nothing is to be returned.
pub async fn run(identity: &Arc<Identity>, job: &Map, record: Map) -> Option<Map> {
    let fun = record.get_str("fun").unwrap_or_default().to_string();
    let jid = record.get_str("jid").unwrap_or_default().to_string();
    let cx = Context::new(identity.clone(), Arc::new(Job::new(jid, record.clone())));
    let mut ret = record;
    match call(&cx, &fun, job).await {
        Ok(value) => {
            ret.insert("return", value);
            ret.insert("retcode", cx.job().retcode());
            ret.insert("success", true);
        }
        Err(Error::Killed) => return None,
        Err(e) => {
            error!("Unhandled exception running {fun}: {e}");
            let text = match e {
                Error::NotAvailable(sentence) => sentence,
                _ => format!("Unhandled exception running {fun}"),
            };
            ret.insert("return", text);
            ret.insert("success", false);
            ret.insert("retcode", 254);
        }
    }
    let opts = identity.opts();
    let mut returners = job.words("returner");
    returners.extend(opts.words("schedule_returner"));
    for returner in &returners {
        info!("Job {fun} using invalid returner: {returner}. Ignoring.");
    }
    let return_job = job.get("return_job");
    if return_job.is_some_and(|wanted| !wanted.truthy()) {
        return None;
    }
    if returners.is_empty() {
        // The master makes the jid; under the other word it does not keep the job.
        let nocache = return_job.and_then(Value::as_str) == Some("nocache");
        ret.insert("jid", if nocache { "nocache" } else { "req" });
    }
    Some(ret)
}

async fn call(cx: &Context, fun: &str, job: &Map) -> Result<Value> {
    permitted(cx.identity(), fun)?;
    let function = cx.modules().find(fun)?;
    let mut keywords = job.get("kwargs").and_then(Value::as_map).cloned().unwrap_or_default();
    if function.kwargs {
        keywords.extend(cx.pub_data());
    }
    let args = Args { positional: positional(job), keywords };
    match AssertUnwindSafe(function.run(cx, args)).catch_unwind().await {
        Ok(result) => result,
        Err(_) => Err(Error::exception("RuntimeError", format!("a defect in {function:?}"))),
    }
}

fn positional(job: &Map) -> Vec<Value> {
    match job.get("args") {
        None | Some(Value::None) => vec![],
        Some(Value::List(args)) => args.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// The times that metadata gets. The offset is that of a host on which `timezone` is not available, as on every proxy.
fn stamped(metadata: Map) -> Map {
    let utc = Zoned::now().with_time_zone(TimeZone::UTC);
    metadata
        .with("_TOS", "0000")
        .with("_TS", clock::asctime())
        .with("_TT", utc.strftime("%Y %B %d %a %H %m").to_string())
}
