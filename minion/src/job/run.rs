//! From a publication to the map of its return (`salt/metaproxy/proxy.py`, `thread_return` and `thread_multi_return`).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use salt::context::{Identity, Job};
use salt::{Args, Context, Error, Function, Map, Result, Value, map};
use sha2::{Digest, Sha256};
use tracing::{debug, error, warn};

use crate::settings::Settings;

const BLACKOUT: &str = "Minion in blackout mode. Set 'minion_blackout' to False in pillar or grains to resume operations. \
                        Only saltutil.refresh_pillar allowed in blackout mode.";

/// Runs the function or functions of a publication. The map holds the fields of a return without `cmd` and `id`, in
/// the order of the original. None: the job was killed and returns nothing.
pub async fn execute(identity: &Arc<Identity>, jid: &str, load: &Map) -> Option<Map> {
    let ret = match load.get("fun") {
        Some(Value::List(funs)) => several(identity, jid, load, funs).await?,
        Some(fun) => one(identity, jid, load, &fun.to_string()).await?,
        None => return None,
    };
    Some(complete(ret, jid, load))
}

/// A return with what it takes of its publication.
pub(super) fn complete(mut ret: Map, jid: &str, load: &Map) -> Map {
    let several = load.get("fun").is_some_and(|fun| fun.as_list().is_some());
    ret.insert("jid", jid);
    ret.insert("fun", load.get("fun").cloned().unwrap_or_default());
    ret.insert("fun_args", load.get("arg").cloned().unwrap_or_else(|| Value::List(vec![])));
    if let (false, Some(master_id)) = (several, load.get("master_id")) {
        ret.insert("master_id", master_id.clone());
    }
    match load.get("metadata") {
        Some(metadata) if several || metadata.as_map().is_some() => {
            ret.insert("metadata", metadata.clone());
        }
        Some(_) => warn!("The metadata parameter must be a dictionary. Ignoring."),
        None => {}
    }
    ret
}

async fn one(identity: &Arc<Identity>, jid: &str, load: &Map, fun: &str) -> Option<Map> {
    let Some(function) = identity.modules().get(fun) else {
        return Some(map! {
            "success" => false, "return" => missing(identity, fun), "retcode" => 1, "out" => "nested",
        });
    };
    let cx = Context::new(identity.clone(), Arc::new(Job::new(jid, load.clone())));
    let arg = load.get("arg").and_then(Value::as_list).unwrap_or_default();
    match attempt(&cx, function, arg).await {
        Ok((value, retcode)) => {
            Some(map! { "success" => retcode == 0, "return" => value, "retcode" => retcode })
        }
        Err(Error::Killed) => None,
        Err(e) => {
            report(&cx, fun, &e).await;
            let text = e.job_return(fun, &function.doc_text());
            Some(map! { "success" => false, "return" => text, "out" => "nested", "retcode" => 1 })
        }
    }
}

/// Runs one function in the job of its context: its value and its return code.
///
/// # Errors
/// The function's, and those of blackout, executors and arguments.
pub async fn attempt(cx: &Context, function: &'static Function, arg: &[Value]) -> Result<(Value, i64)> {
    permitted(cx.identity(), &function.full_name())?;
    let value = through_executors(cx, function, arg).await?;
    let retcode = retcode(cx.job(), &value);
    Ok((value, retcode))
}

/// Logs an error as Salt does; one that nobody foresaw is an event on the master, too.
async fn report(cx: &Context, fun: &str, error: &Error) {
    match error {
        Error::Exception(..) => {
            const MESSAGE: &str = "The minion function caused an exception";
            warn!("{MESSAGE}: {}", error.traceback_line());
            let data = map! { "message" => MESSAGE, "args" => [MESSAGE], "_stamp" => crate::clock::stamp() };
            if let Err(e) = cx.master().fire_event("_salt_error".into(), data, None).await {
                debug!("the event _salt_error could not be fired: {e}");
            }
        }
        Error::Execution(m) | Error::Unavailable(m) => error!("A command in '{fun}' had a problem: {m}"),
        Error::Invocation(m) => error!("Problem executing '{fun}': {m}"),
        Error::Arguments(m) => warn!("Passed invalid arguments to {fun}: {m}"),
        other => debug!("'{fun}' ended with {other}"),
    }
}

async fn several(identity: &Arc<Identity>, jid: &str, load: &Map, funs: &[Value]) -> Option<Map> {
    let ordered = identity.opts().flag("multifunc_ordered", false);
    let mut results = Vec::with_capacity(funs.len());
    for (i, fun) in funs.iter().enumerate() {
        let fun = fun.to_string();
        let job = Arc::new(Job::new(jid, load.clone()));
        let cx = Context::new(identity.clone(), job.clone());
        let arg = load.get("arg").and_then(Value::as_list).and_then(|arg| arg.get(i)?.as_list());
        let result = match (permitted(identity, &fun), identity.modules().get(&fun)) {
            (Err(e), _) => Err(e),
            (Ok(()), None) => Err(Error::exception("KeyError", Value::from(fun.as_str()).repr())),
            (Ok(()), Some(function)) => call(&cx, function, arg.unwrap_or_default()).await,
        };
        match result {
            Err(Error::Killed) => return None,
            Err(e) => {
                warn!("The minion function caused an exception: {e}");
                let text = format!("Traceback (most recent call last):\n{}", e.traceback_line());
                results.push((fun, Value::from(text), None));
            }
            Ok(value) => {
                let retcode = retcode(&job, &value);
                results.push((fun, value, Some(retcode)));
            }
        }
    }
    Some(if ordered { as_lists(results) } else { as_maps(results) })
}

fn as_lists(results: Vec<(String, Value, Option<i64>)>) -> Map {
    let success: Vec<bool> = results.iter().map(|r| r.2 == Some(0)).collect();
    let retcode: Vec<Value> = results.iter().map(|r| r.2.into()).collect();
    let ret: Vec<Value> = results.into_iter().map(|r| r.1).collect();
    map! { "return" => ret, "retcode" => retcode, "success" => success }
}

fn as_maps(results: Vec<(String, Value, Option<i64>)>) -> Map {
    let (mut ret, mut retcodes, mut success) = (Map::new(), Map::new(), Map::new());
    for (fun, value, retcode) in results {
        success.insert(&fun, retcode == Some(0));
        if let Some(retcode) = retcode {
            retcodes.insert(&fun, retcode);
        }
        ret.insert(fun, value);
    }
    map! { "return" => ret, "retcode" => retcodes, "success" => success }
}

/// Goes through the executors until one gives a result.
async fn through_executors(cx: &Context, function: &'static Function, arg: &[Value]) -> Result<Value> {
    let opts = cx.opts();
    let stated =
        cx.job().load.get("module_executors").filter(|e| e.truthy()).or_else(|| opts.get("module_executors"));
    let names = match stated {
        None | Some(Value::None) => vec!["direct_call".to_string()],
        Some(Value::Str(name)) if !name.is_empty() => vec![name.clone()],
        Some(Value::List(names)) if !names.is_empty() => names.iter().map(Value::to_string).collect(),
        Some(other) => {
            return Err(Error::Invocation(format!(
                "Wrong executors specification: {other}. String or non-empty list expected"
            )));
        }
    };
    for name in names {
        match name.as_str() {
            "direct_call" => {
                let value = call(cx, function, arg).await?;
                if !value.is_none() {
                    return Ok(value);
                }
            }
            "splay" => tokio::time::sleep(splay(cx)?).await,
            _ => return Err(Error::Invocation(format!("Executor '{name}' is not available"))),
        }
    }
    Ok(Value::None)
}

/// The delay of the executor `splay`: the same for one id, spread evenly over all ids (`salt/executors/splay.py`).
fn splay(cx: &Context) -> Result<Duration> {
    let opts = cx.opts();
    let splaytime = cx
        .job()
        .load
        .get("executor_opts")
        .and_then(|o| o.get("splaytime"))
        .or_else(|| opts.get("splaytime"))
        .map_or(Some(300), Value::as_i64);
    match splaytime.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0) {
        Some(most) => {
            let digest = Sha256::digest(cx.id().as_bytes());
            let number = digest.iter().take(8).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
            Ok(Duration::from_secs(number % most))
        }
        None => Err(Error::exception("ValueError", "splaytime must be a positive integer")),
    }
}

/// Binds the arguments and runs the function. A panic is an exception like any other.
async fn call(cx: &Context, function: &'static Function, arg: &[Value]) -> Result<Value> {
    let mut args = Args::from_load(arg);
    if function.kwargs {
        args.keywords.extend(cx.pub_data());
    }
    match AssertUnwindSafe(function.run(cx, args)).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => {
            let message = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("the function panicked");
            error!("a defect in {function:?}: {message}");
            Err(Error::exception("RuntimeError", message))
        }
    }
}

/// The return code: what the function left, or 1 for a map that says of itself that it failed.
pub(super) fn retcode(job: &Job, value: &Value) -> i64 {
    match (job.retcode(), value) {
        (0, Value::Map(map)) => {
            let failed = ["result", "success"].iter().any(|key| map.get(key).is_some_and(|v| !v.truthy()));
            i64::from(failed)
        }
        (retcode, _) => retcode,
    }
}

/// The blackout, in pillar or grains.
///
/// # Errors
/// The function is not one of those that may run now.
pub fn permitted(identity: &Identity, fun: &str) -> Result<()> {
    let blacked_out = |data: &Map| {
        data.get("minion_blackout").is_some_and(Value::truthy)
            && fun != "saltutil.refresh_pillar"
            && !data.words("minion_blackout_whitelist").iter().any(|allowed| allowed == fun)
    };
    if blacked_out(&identity.pillar()) || blacked_out(&identity.grains()) {
        return Err(Error::Invocation(BLACKOUT.into()));
    }
    Ok(())
}

/// What is said of a function that is not there: Salt's sentence, below the docs of those that begin like it.
pub fn missing(identity: &Identity, fun: &str) -> Value {
    let sentence = match identity.modules().find(fun) {
        Err(e) => e.to_string(),
        Ok(_) => String::new(),
    };
    let mut docs: Map = identity
        .modules()
        .iter()
        .filter(|(name, _)| name.starts_with(fun))
        .map(|(name, function)| (Value::from(name), Value::from(function.doc_text())))
        .collect();
    if docs.is_empty() {
        return sentence.into();
    }
    docs.insert(fun, sentence);
    docs.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::identity;
    use salt::list;

    async fn ret(opts: Map, load: Map) -> Option<Map> {
        execute(&identity(opts), "1", &load).await
    }

    async fn one_of(fun: &str, arg: Value) -> Map {
        ret(Map::new(), map! { "fun" => fun, "arg" => arg }).await.unwrap()
    }

    fn keys(map: &Map) -> Vec<String> {
        map.keys().map(Value::to_string).collect()
    }

    #[tokio::test]
    async fn the_fields_have_salts_order() {
        let good = one_of("scripted.echo", list!["x"]).await;
        assert_eq!(keys(&good), ["success", "return", "retcode", "jid", "fun", "fun_args"]);
        let bad = one_of("scripted.fails", list![]).await;
        assert_eq!(keys(&bad), ["success", "return", "out", "retcode", "jid", "fun", "fun_args"]);
        let unknown = one_of("no.such", list![]).await;
        assert_eq!(keys(&unknown), ["success", "return", "retcode", "out", "jid", "fun", "fun_args"]);
        let load = map! { "fun" => "scripted.echo", "arg" => list!["x"], "metadata" => map! { "a" => 1 }, "master_id" => "m" };
        let more = ret(Map::new(), load).await.unwrap();
        assert_eq!(keys(&more)[6..], ["master_id", "metadata"]);
        let load = map! { "fun" => "scripted.echo", "arg" => list!["x"], "metadata" => "a" };
        assert!(!ret(Map::new(), load).await.unwrap().contains_key("metadata"));
    }

    #[tokio::test]
    async fn each_end_has_salts_text_and_code() {
        let end = async |fun: &str, arg: Value| {
            let ret = one_of(fun, arg).await;
            (
                ret.get("return").unwrap().to_string(),
                ret.get("retcode").unwrap().as_i64().unwrap(),
                ret.get("success").unwrap().truthy(),
            )
        };
        assert_eq!(end("scripted.echo", list![7]).await, ("7".into(), 0, true));
        assert_eq!(end("scripted.fails", list![]).await, ("ERROR: no".into(), 1, false));
        assert_eq!(
            end("scripted.invocation", list![]).await,
            ("ERROR executing 'scripted.invocation': wrong".into(), 1, false)
        );
        let (text, ..) = end("scripted.invalid", list![]).await;
        assert_eq!(
            text,
            "The minion function caused an exception: Traceback (most recent call last):\nValueError: x"
        );
        let (text, retcode, _) = end("scripted.panics", list![]).await;
        assert!(text.ends_with("RuntimeError: a defect") && retcode == 1, "{text}");
        let (text, ..) = end("scripted.echo", list![]).await;
        assert!(
            text.starts_with("Passed invalid arguments to scripted.echo: echo() missing 1 required"),
            "{text}"
        );
        assert_eq!(end("scripted.leaves", list![7]).await, ("None".into(), 7, false));
        assert_eq!(end("no.such", list![]).await, ("'no.such' is not available.".into(), 1, false));
        for falsy in ["result", "success"] {
            let (_, retcode, success) = end("scripted.echo", list![map! { falsy => Value::None }]).await;
            assert_eq!((retcode, success), (1, false), "{falsy}");
        }
    }

    #[tokio::test]
    async fn a_prefix_of_a_function_gets_docs() {
        let ret = one_of("scripted.ech", list![]).await;
        let docs = ret.get("return").unwrap().as_map().unwrap();
        assert_eq!(keys(docs), ["scripted.echo", "scripted.ech"]);
        assert_eq!(docs.get_str("scripted.ech"), Some("'scripted.ech' is not available."));
    }

    #[tokio::test]
    async fn a_killed_function_returns_nothing() {
        assert_eq!(ret(Map::new(), map! { "fun" => "scripted.killed", "arg" => list![] }).await, None);
    }

    #[tokio::test]
    async fn several_functions_return_maps_or_lists() {
        let load = map! {
            "fun" => list!["scripted.echo", "scripted.fails", "no.such"], "arg" => list![list![1], list![], list![]],
        };
        let got = ret(Map::new(), load.clone()).await.unwrap();
        assert_eq!(keys(&got), ["return", "retcode", "success", "jid", "fun", "fun_args"]);
        assert_eq!(got.get("retcode"), Some(&map! { "scripted.echo" => 0 }.into()));
        let success = map! { "scripted.echo" => true, "scripted.fails" => false, "no.such" => false };
        assert_eq!(got.get("success"), Some(&success.into()));
        let missing = got.get("return").unwrap().get("no.such").unwrap().to_string();
        assert_eq!(missing, "Traceback (most recent call last):\nKeyError: 'no.such'");
        let got = ret(map! { "multifunc_ordered" => true }, load).await.unwrap();
        assert_eq!(got.get("retcode"), Some(&list![0, Value::None, Value::None]));
        assert_eq!(got.get("success"), Some(&list![true, false, false]));
    }

    #[tokio::test]
    async fn a_blackout_lets_only_the_whitelist_through() {
        let identity = identity(Map::new());
        let text = async |fun: &str| {
            let ret = execute(&identity, "1", &map! { "fun" => fun, "arg" => list![1] }).await.unwrap();
            ret.get("return").unwrap().to_string()
        };
        identity.set_pillar(
            map! { "minion_blackout" => true, "minion_blackout_whitelist" => list!["scripted.leaves"] },
        );
        assert!(
            text("scripted.echo")
                .await
                .starts_with("ERROR executing 'scripted.echo': Minion in blackout mode.")
        );
        assert_eq!(text("scripted.leaves").await, "None");
        identity.set_pillar(Map::new());
        identity.set_grains(map! { "minion_blackout" => true });
        assert!(text("scripted.echo").await.contains("blackout"));
        identity.set_grains(Map::new());
        assert_eq!(text("scripted.echo").await, "1");
    }

    #[tokio::test(start_paused = true)]
    async fn executors_are_gone_through() {
        let text = async |executors: Value| {
            let load = map! { "fun" => "scripted.echo", "arg" => list![1], "module_executors" => executors };
            ret(Map::new(), load).await.unwrap().get("return").unwrap().to_string()
        };
        assert_eq!(text(list!["splay", "direct_call"]).await, "1");
        assert_eq!(text("direct_call".into()).await, "1");
        assert_eq!(text("x".into()).await, "ERROR executing 'scripted.echo': Executor 'x' is not available");
        assert_eq!(
            text(7.into()).await,
            "ERROR executing 'scripted.echo': Wrong executors specification: 7. String or non-empty list expected"
        );
    }
}
