//! `unless`, `onlyif`, `creates` before a state and `check_cmd` after it (`State._run_check*`).

use std::path::Path;
use std::sync::Arc;

use salt::args::Args;
use salt::context::Job;
use salt::{Context, Error, Map, Result, Value, map};

use crate::call_by_name;
use crate::sls::run::Run;

/// What one kind of condition came to.
#[derive(Default)]
struct Verdict {
    skip: bool,
    comment: String,
}

impl Verdict {
    fn skip(comment: &str) -> Verdict {
        Verdict { skip: true, comment: comment.into() }
    }

    fn run(comment: impl Into<String>) -> Verdict {
        Verdict { skip: false, comment: comment.into() }
    }
}

impl Run {
    /// The return of a state that the conditions forbid; none if it may run.
    ///
    /// # Errors
    /// Whatever a function that is a condition gives, and a clear one for shell commands where there is no `cmd`.
    pub(super) async fn conditions(&self, cx: &Context, low: &Map) -> Result<Option<Map>> {
        let mut verdicts = Vec::new();
        if let Some(entries) = low.get("onlyif") {
            verdicts.push(self.onlyif(cx, low, entries).await?);
        }
        if let Some(entries) = low.get("unless") {
            verdicts.push(self.unless(cx, low, entries).await?);
        }
        if let Some(paths) = low.get("creates") {
            verdicts.push(creates(paths));
        }
        if !verdicts.iter().any(|verdict| verdict.skip) {
            return Ok(None);
        }
        let comments: Vec<String> = verdicts.into_iter().map(|verdict| verdict.comment).collect();
        Ok(Some(map! {
            "result" => true,
            "name" => low.get("name").cloned(),
            "changes" => Map::new(),
            "comment" => comments.join("\n"),
            "__sls__" => low.get("__sls__").cloned(),
            "__id__" => low.get("__id__").cloned(),
            "skip_watch" => true,
        }))
    }

    async fn onlyif(&self, cx: &Context, low: &Map, entries: &Value) -> Result<Verdict> {
        const NO: &str = "onlyif condition is false";
        let mut verdict = Verdict::default();
        for entry in many(entries) {
            let yes = match entry {
                Value::Str(command) => self.shell(cx, low, command, 100).await? == 0,
                Value::Map(call) => match condition(cx, call).await? {
                    Some(Returned { value, retcode: 0 }) => value.truthy(),
                    // A return code speaks before the value.
                    Some(_) => false,
                    None => {
                        return Ok(Verdict::run(format!("no `fun` argument in onlyif: {}", entry.repr())));
                    }
                },
                _ => return Ok(Verdict::run("onlyif execution failed, bad type passed")),
            };
            if !yes {
                return Ok(Verdict::skip(NO));
            }
            verdict = Verdict::run("onlyif condition is true");
        }
        Ok(verdict)
    }

    async fn unless(&self, cx: &Context, low: &Map, entries: &Value) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        for entry in many(entries) {
            let yes = match entry {
                Value::Str(command) => self.shell(cx, low, command, 0).await? == 0,
                Value::Map(call) => match condition(cx, call).await? {
                    Some(Returned { value, retcode: 0 }) => value.truthy(),
                    Some(_) => false,
                    None => {
                        let comment = format!("no `fun` argument in unless: {}", entry.repr());
                        return Ok(Verdict { comment, ..verdict });
                    }
                },
                _ => {
                    verdict = Verdict::run("unless condition is false, bad type passed");
                    continue;
                }
            };
            if !yes {
                return Ok(Verdict::run("unless condition is false"));
            }
            verdict = Verdict::skip("unless condition is true");
        }
        Ok(verdict)
    }

    /// Result and comment of the commands after a state.
    pub(super) async fn check_cmd(&self, cx: &Context, low: &Map) -> Result<Map> {
        let mut ret = map! { "result" => false };
        for key in ["__sls__", "__id__", "name"] {
            ret.insert(key, low.get(key).cloned());
        }
        for command in low.get("check_cmd").map(many).unwrap_or_default() {
            let ok = self.shell(cx, &Map::new(), &command.to_string(), 1).await? == 0;
            ret.insert("result", ok);
            let word = if ok { "succeeded" } else { "failed" };
            ret.insert("comment", format!("check_cmd determined the state {word}"));
            if !ok {
                break;
            }
        }
        Ok(ret)
    }

    /// The return code of a shell command; the last argument if it could not be run.
    async fn shell(&self, cx: &Context, low: &Map, command: &str, failed: i64) -> Result<i64> {
        if cx.modules().get("cmd.retcode").is_none() {
            return Err(Error::execution(format!(
                "The condition '{command}' is a shell command, and the function cmd.retcode is not available on this \
                 proxy minion. A condition can also be a function: {{fun: mod.fun, args: […]}}"
            )));
        }
        let excluded = low.get("cmd_opts_exclude").map(many).unwrap_or_default();
        let mut args = Args::of([command]).with("ignore_retcode", true).with("python_shell", true);
        const OPTIONS: &[&str] =
            &["cwd", "root", "runas", "env", "prepend_path", "umask", "timeout", "success_retcodes", "shell"];
        for option in OPTIONS {
            if let Some(value) = low.get(option)
                && !excluded.iter().any(|one| one.as_str() == Some(option))
            {
                args.keywords.insert(*option, value);
            }
        }
        match call_by_name::call(cx, "cmd.retcode", args).await {
            Ok(value) => Ok(value.as_i64().unwrap_or(failed)),
            Err(Error::Execution(_)) => Ok(failed),
            Err(e) => Err(e),
        }
    }
}

/// What a function gave that stands as a condition.
struct Returned {
    value: Value,
    retcode: i64,
}

/// Calls `{fun: mod.fun, args: […], key: value, get_return: a:b}`; none without `fun`.
async fn condition(cx: &Context, call: &Map) -> Result<Option<Returned>> {
    let Some(fun) = call.get("fun").map(Value::to_string) else { return Ok(None) };
    let mut args = Args::none();
    for (key, value) in call {
        match key.as_str() {
            Some("fun" | "get_return") => {}
            Some("args") => args.positional = many(value).to_vec(),
            _ => {
                args.keywords.insert(key, value);
            }
        }
    }
    let job = Arc::new(Job::new(cx.job().jid.clone(), cx.job().load.clone()));
    let inner = cx.clone().with_job(job.clone());
    let mut value = call_by_name::call(&inner, &fun, args).await.map_err(|e| match e {
        Error::NotAvailable(_) => Error::exception("KeyError", format!("'{fun}'")),
        other => other,
    })?;
    if let Some(path) = call.get("get_return").filter(|path| path.truthy()) {
        value = value.traverse(&path.to_string(), ":").cloned().unwrap_or_default();
    }
    Ok(Some(Returned { value, retcode: job.retcode() }))
}

fn creates(paths: &Value) -> Verdict {
    let exists = |path: &Value| Path::new(&path.to_string()).exists();
    match paths {
        Value::Str(path) if Path::new(path).exists() => Verdict::skip(&format!("{path} exists")),
        Value::List(paths) if paths.iter().all(exists) => Verdict::skip("All files in creates exist"),
        _ => Verdict::run("Creates files not found"),
    }
}

/// A list as it is, anything else as a list of one.
fn many(value: &Value) -> &[Value] {
    match value {
        Value::List(list) => list,
        one => std::slice::from_ref(one),
    }
}
