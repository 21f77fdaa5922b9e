//! What all runs have in common: options and pillar of the call, and the way from high data to a return.

use std::path::PathBuf;

use salt::context::PillarRequest;
use salt::{Context, Error, Map, Result, Value, map, msgpack};

use crate::sls::compiler::Compiler;
use crate::sls::run::Run;
use crate::sls::{extend, high, low, pause, requisite_in, result, verify};

/// The return codes of state functions (`salt/defaults/exitcodes.py`).
pub(super) const COMPILER_ERROR: i64 = 1;
pub(super) const STATE_FAILURE: i64 = 2;
pub(super) const PILLAR_FAILURE: i64 = 5;

/// A call of a state function: its context with the options and the fresh pillar of this run.
pub(super) struct Front {
    pub cx: Context,
    pub request: PillarRequest,
    /// The lines of `_errors` of the pillar; empty with `force=True`.
    pub pillar_errors: Vec<Value>,
    pub mocked: bool,
    pub orchestration_jid: Option<Value>,
}

/// Where the environment of a call comes from when nobody names one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Saltenv {
    /// `base`: for SLS files that are called by name.
    Base,
    /// All of them: for top files.
    All,
}

impl Front {
    /// Options and pillar for one run. `test` and `state_events` are arguments of the functions, the rest keywords.
    ///
    /// # Errors
    /// What is wrong with the keywords, and a pillar that the master does not compile.
    pub async fn new(cx: &Context, test: Option<&Value>, kwargs: &Map, saltenv: Saltenv) -> Result<Front> {
        let mut opts = (*cx.opts()).clone();
        take_environments(&mut opts, kwargs)?;
        if saltenv == Saltenv::Base && !opts.get("saltenv").is_some_and(Value::truthy) {
            opts.insert("saltenv", "base");
        }
        let test = test_value(cx, test, kwargs);
        opts.insert("test", test);
        let pillar_override = match kwargs.get("pillar") {
            None | Some(Value::None) => Map::new(),
            Some(Value::Map(pillar)) => pillar.clone(),
            Some(_) if kwargs.get("pillar_enc").is_some_and(Value::truthy) => {
                return Err(Error::invocation(
                    "An encrypted pillar can't be read: pillar_enc is not supported.",
                ));
            }
            Some(_) => {
                return Err(Error::invocation(
                    "Pillar data must be formatted as a dictionary, unless pillar_enc is specified.",
                ));
            }
        };
        let text = |key: &str| opts.get(key).filter(|value| value.truthy()).map(Value::to_string);
        let request = PillarRequest {
            pillar_override,
            saltenv: text("saltenv"),
            pillarenv: text("pillarenv"),
            ..PillarRequest::default()
        };
        let pillar = cx.master().compile_pillar(request.clone()).await?;
        let pillar_errors = match pillar.get("_errors").filter(|_| !flag(kwargs, "force")) {
            Some(Value::List(errors)) => errors.clone(),
            Some(other) if other.truthy() => vec![other.clone()],
            _ => vec![],
        };
        Ok(Front {
            cx: cx.clone().with_opts(opts).with_pillar(pillar),
            request,
            pillar_errors,
            mocked: flag(kwargs, "mock"),
            orchestration_jid: kwargs.get("orchestration_jid").filter(|jid| !jid.is_none()).cloned(),
        })
    }

    /// Progress events, if the call says so itself.
    pub fn state_events(&mut self, wanted: Option<&Value>) {
        if let Some(wanted) = wanted {
            let opts = (*self.cx.opts()).clone().with("state_events", wanted);
            self.cx = self.cx.clone().with_opts(opts);
        }
    }

    /// The return of a run that the pillar forbids, with its return code.
    pub fn refused(&self) -> Option<Value> {
        if self.pillar_errors.is_empty() {
            return None;
        }
        self.cx.set_retcode(PILLAR_FAILURE);
        let mut lines = vec![Value::from("Pillar failed to render with the following messages:")];
        lines.extend(self.pillar_errors.iter().cloned());
        Some(Value::List(lines))
    }

    /// The same for functions that only show something: they raise.
    pub fn check_pillar(&self) -> Result<()> {
        if self.pillar_errors.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.pillar_errors.iter().map(|line| format!("- {line}")).collect();
        Err(Error::execution(format!(
            "Pillar failed to render. Additional info follows:\n\n{}",
            lines.join("\n")
        )))
    }

    /// A compiler for this run.
    pub async fn compiler(&self) -> Compiler {
        Compiler::new(&self.cx).await
    }

    /// A run with what the compiler has learned.
    pub fn run(&self, compiler: &Compiler) -> Run {
        let mut run = Run::new(compiler.context());
        run.mocked = self.mocked;
        run.rendered = compiler.rendered.clone();
        run.pillar = self.request.clone();
        run
    }

    /// Runs high data (`State.call_high`). The tree is left as it was run.
    pub async fn call_high(&self, run: &mut Run, tree: &mut Map) -> Value {
        let mut errors = extend::reconcile(tree, false);
        errors.extend(verify::verify(tree));
        if errors.is_empty() {
            errors.extend(requisite_in::apply(tree, run.disabled()));
            high::exclude(tree);
        }
        if !errors.is_empty() {
            return errors.into();
        }
        run.rendered.extend(tree.values().filter_map(|body| Some(body.get("__sls__")?.to_string())));
        let chunks = low::chunks(tree, self.orchestration_jid.as_ref());
        let mut running = run.chunks(chunks.clone()).await;
        run.listeners(&chunks, &mut running).await;
        if let Some(path) = pause::directory(&self.cx).map(|dir| dir.join(&self.cx.job().jid))
            && !self.cx.job().jid.is_empty()
        {
            // Nothing is there unless somebody paused this very run.
            let _ = tokio::fs::remove_file(path).await;
        }
        Value::Map(running.into_iter().map(|(tag, ret)| (tag.into(), ret.into())).collect())
    }
}

/// Sets the return code that a return means.
pub(super) fn set_retcode(cx: &Context, ret: &Value, tree: Option<&Map>) {
    let retcode = match ret {
        Value::List(_) => COMPILER_ERROR,
        Value::Map(running) if result::succeeded(running, tree) => 0,
        _ => STATE_FAILURE,
    };
    cx.set_retcode(retcode);
}

/// Only what failed or changed (`terse=True`, `state_data: terse`).
pub(super) fn terse(cx: &Context, kwargs: &Map, ret: Value) -> Value {
    let wanted = flag(kwargs, "terse") || cx.opts().get_str("state_data") == Some("terse");
    match ret {
        Value::Map(mut running) if wanted => {
            let is = |ret: &Value, key: &str| ret.get(key).is_some_and(Value::truthy);
            running.retain(|_, ret| !is(ret, "result") || is(ret, "changes"));
            running.into()
        }
        other => other,
    }
}

/// True if a keyword is there and true.
pub(super) fn flag(kwargs: &Map, key: &str) -> bool {
    kwargs.get(key).is_some_and(Value::truthy)
}

/// A list as it is, text by its commas (`salt.utils.args.split_input`).
pub(super) fn split_input(value: &Value) -> Vec<Value> {
    match value {
        Value::List(items) => items.clone(),
        other => other.to_string().split(',').map(|part| part.trim().into()).collect(),
    }
}

/// Texts of a list or of a text with commas.
pub(super) fn split_words(value: &Value) -> Vec<String> {
    split_input(value).iter().map(Value::to_string).collect()
}

/// `saltenv` and `pillarenv` of a call (`salt.utils.state.get_sls_opts`).
fn take_environments(opts: &mut Map, kwargs: &Map) -> Result<()> {
    let saltenv = kwargs.get("saltenv").filter(|env| !env.is_none()).map(Value::to_string);
    if let Some(saltenv) = &saltenv {
        let locked = opts.get("lock_saltenv").is_some_and(Value::truthy);
        if locked && opts.get_str("saltenv") != Some(saltenv) {
            return Err(Error::execution("lock_saltenv is enabled, saltenv cannot be changed"));
        }
        opts.insert("saltenv", saltenv);
    }
    let mut pillarenv = kwargs.get("pillarenv").filter(|env| env.truthy()).map(Value::to_string);
    if pillarenv.is_none() && opts.get("pillarenv_from_saltenv").is_some_and(Value::truthy) {
        pillarenv = saltenv;
    }
    if pillarenv.is_some() {
        opts.insert("pillarenv", pillarenv);
    }
    Ok(())
}

/// Is it a test? (`_get_test_value`)
fn test_value(cx: &Context, test: Option<&Value>, kwargs: &Map) -> Value {
    match test {
        Some(Value::Bool(false)) => false.into(),
        Some(_) => true.into(),
        None => {
            let spelled = |(key, value): (&Value, &Value)| {
                key.as_str().is_some_and(|key| key.eq_ignore_ascii_case("test")) && is_true(value)
            };
            let configured = |map: &Map| map.get("test").and_then(Value::as_bool) == Some(true);
            if kwargs.iter().any(spelled) || configured(&cx.grains()) || configured(&cx.pillar()) {
                return true.into();
            }
            cx.opts().get("test").cloned().unwrap_or(false.into())
        }
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Str(text) => text.eq_ignore_ascii_case("true"),
        other => other.truthy(),
    }
}

/// Writes a value into the cache directory, readable by its owner alone. Failing is worth a line in the log only.
pub(super) async fn write_cache(cx: &Context, name: &str, value: &Value) {
    let Some(path) = cache_path(cx, name) else { return };
    let bytes = match msgpack::pack(value) {
        Ok(bytes) => bytes,
        Err(e) => return tracing::error!("{} can't be written: {e}", path.display()),
    };
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = async {
        use tokio::io::AsyncWriteExt;
        let mut file = options.open(&path).await?;
        file.write_all(&bytes).await?;
        file.flush().await
    };
    if let Err(e) = written.await {
        tracing::error!("Unable to write to {}. Check permission. ({e})", path.display());
    }
}

/// A value out of the cache directory.
pub(super) async fn read_cache(cx: &Context, name: &str) -> Option<Value> {
    let bytes = tokio::fs::read(cache_path(cx, name)?).await.ok()?;
    msgpack::unpack(&bytes).ok()
}

/// The place of a file in the cache directory; none if there is no such directory in the options.
pub(super) fn cache_path(cx: &Context, name: &str) -> Option<PathBuf> {
    Some(PathBuf::from(cx.opts().get_str("cachedir")?).join(name))
}

/// The return of a highstate without states.
pub(super) fn no_states(comment: impl Into<Value>) -> Value {
    map! {
        "no_|-states_|-states_|-None" => map! {
            "result" => false,
            "comment" => comment,
            "name" => "No States",
            "changes" => Map::new(),
            "__run_num__" => 0,
        }
    }
    .into()
}
