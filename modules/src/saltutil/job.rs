//! Jobs that run, and how to end them.

use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use salt::target::fnmatch;

functions![
    find_cached_job,
    find_job,
    is_running,
    kill_all_jobs,
    kill_job,
    running,
    signal_job,
    term_all_jobs,
    term_job,
];

/// Lists the jobs that run, without this one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.running
/// ```
#[salt_fn]
async fn running(cx: &Context) -> Result<Vec<Map>> {
    Ok(others(cx))
}

/// Lists the jobs that run a function.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.is_running state.highstate
/// salt '*' saltutil.is_running 'state.*'
/// ```
#[salt_fn]
async fn is_running(
    cx: &Context,
    /// The function, or a pattern.
    fun: String,
) -> Result<Vec<Map>> {
    let runs = |job: &Map| fnmatch(job.get_str("fun").unwrap_or_default(), &fun);
    Ok(others(cx).into_iter().filter(runs).collect())
}

/// Gives the data of a job that runs or waits for its turn, or an empty map.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.find_job 20261122145412635126
/// ```
#[salt_fn]
async fn find_job(
    cx: &Context,
    /// The id of the job.
    jid: String,
) -> Result<Map> {
    let mut jobs = others(cx).into_iter().chain(cx.master().queued());
    Ok(jobs.find(|job| is_job(job, &jid)).unwrap_or_default())
}

/// Gives what a job returned, from the minion's cache. The option `cache_jobs` decides whether there is one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.find_cached_job 20261122145412635126
/// ```
#[salt_fn]
async fn find_cached_job(
    cx: &Context,
    /// The id of the job.
    jid: String,
) -> Result<Value> {
    // The id becomes a part of a path.
    if salt::file_name(&jid).is_none() {
        return Err(Error::invocation(format!("'{jid}' is not the id of a job")));
    }
    let dir = super::cachedir(cx)?.join("minion_jobs").join(&jid);
    if !dir.is_dir() {
        return Ok(match cx.opts().get("cache_jobs").is_some_and(Value::truthy) {
            true => format!("Local jobs cache directory {} not found", dir.display()).into(),
            false => "Local jobs cache directory not found; you may need to enable cache_jobs on this minion"
                .into(),
        });
    }
    let packed = tokio::fs::read(dir.join("return.p")).await.map_err(Error::execution)?;
    let value = salt::msgpack::unpack(&packed).map_err(Error::execution)?;
    Ok(if value.as_map().is_some() { value } else { Value::None })
}

/// Sends a signal to a job. A job that is ended by it returns nothing.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.signal_job 20261122145412635126 15
/// ```
#[salt_fn]
async fn signal_job(
    cx: &Context,
    /// The id of the job.
    jid: String,
    /// The number of the signal.
    sig: i64,
) -> Result<String> {
    Ok(signal(cx, &jid, sig))
}

/// Ends a job (signal 15). It returns nothing.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.term_job 20261122145412635126
/// ```
#[salt_fn]
async fn term_job(
    cx: &Context,
    /// The id of the job.
    jid: String,
) -> Result<String> {
    Ok(signal(cx, &jid, TERM))
}

/// Ends a job (signal 9). It returns nothing.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.kill_job 20261122145412635126
/// ```
#[salt_fn]
async fn kill_job(
    cx: &Context,
    /// The id of the job.
    jid: String,
) -> Result<String> {
    Ok(signal(cx, &jid, KILL))
}

/// Ends all jobs but this one (signal 15). They return nothing.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.term_all_jobs
/// ```
#[salt_fn]
async fn term_all_jobs(cx: &Context) -> Result<Vec<String>> {
    Ok(signal_all(cx, TERM))
}

/// Ends all jobs but this one (signal 9). They return nothing.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.kill_all_jobs
/// ```
#[salt_fn]
async fn kill_all_jobs(cx: &Context) -> Result<Vec<String>> {
    Ok(signal_all(cx, KILL))
}

const TERM: i64 = 15;
const KILL: i64 = 9;

/// The running jobs without the one that asks.
fn others(cx: &Context) -> Vec<Map> {
    let mut jobs = cx.master().running();
    jobs.retain(|job| !is_job(job, &cx.job().jid));
    jobs
}

fn is_job(job: &Map, jid: &str) -> bool {
    job.get("jid").is_some_and(|it| it.to_string() == jid)
}

fn signal(cx: &Context, jid: &str, signal: i64) -> String {
    match cx.master().signal_job(jid, signal) {
        Some(pid) => format!("Signal {signal} sent to job {jid} at pid {pid}"),
        None => String::new(),
    }
}

fn signal_all(cx: &Context, sig: i64) -> Vec<String> {
    let jids = others(cx).into_iter().filter_map(|job| job.get("jid").map(Value::to_string));
    jids.map(|jid| signal(cx, &jid, sig)).collect()
}
