//! Apply states: `apply`, `sls`, `highstate`, `top`, `test`.

use salt::args::Args;
use salt::{Context, Map, Result, Value, functions, map, salt_fn};

use crate::call_by_name;
use crate::sls::compiler::{Compiler, Matches, top_url};
use crate::sls::{top as tops, top::TopError};
use crate::state::disabled;
use crate::state::front::{
    COMPILER_ERROR, Front, Saltenv, flag, no_states, read_cache, set_retcode, split_input, split_words,
    terse, write_cache,
};
use crate::state::queue;

functions![apply, sls, highstate, top, test];

/// Applies SLS files, or the highstate if none is named.
///
/// With `mods` it is `state.sls`, without it `state.highstate`; see there for the further arguments.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.apply
/// salt '*' state.apply stuff,pkgs test=True
/// ```
#[salt_fn(out = "highstate")]
async fn apply(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Option<Value>,
    #[kwargs] mut kwargs: Map,
) -> Result<Value> {
    let mut take = |key: &str| kwargs.remove(key).filter(|value| !value.is_none());
    let (test, queue, events) = (take("test"), take("queue"), take("state_events"));
    match mods.filter(Value::truthy) {
        Some(mods) => {
            let (exclude, sync_mods) = (take("exclude"), take("sync_mods"));
            run_sls(cx, Sls { mods, test, exclude, queue, sync_mods, events, kwargs }).await
        }
        None => run_highstate(cx, test, queue, events, kwargs).await,
    }
}

/// Applies SLS files by name, without the top file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.sls core,edit.vim
/// salt '*' state.sls core exclude="[{'id': 'id_to_exclude'}, {'sls': 'sls_to_exclude'}]"
/// ```
#[salt_fn(out = "highstate")]
async fn sls(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// Only say what would change.
    test: Option<Value>,
    /// What to leave out: SLS globs as a list or with commas, or a list of `{sls: glob}` and `{id: name}`.
    exclude: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    /// Kinds of custom modules to sync before.
    sync_mods: Option<Value>,
    /// Fire an event after each state.
    state_events: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    run_sls(cx, Sls { mods, test, exclude, queue, sync_mods, events: state_events, kwargs }).await
}

/// Applies the states that the top files assign to this minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.highstate
/// salt '*' state.highstate exclude=sls_to_exclude
/// salt '*' state.highstate whitelist=sls1_to_run,sls2_to_run
/// ```
#[salt_fn(out = "highstate")]
async fn highstate(
    cx: &Context,
    /// Only say what would change.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    /// Fire an event after each state.
    state_events: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    run_highstate(cx, test, queue, state_events, kwargs).await
}

/// Applies the states of another top file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.top reverse_top.sls
/// ```
#[salt_fn(out = "highstate")]
async fn top(
    cx: &Context,
    /// The path of the top file on the file server.
    topfn: String,
    /// Only say what would change.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let front = Front::new(cx, test.as_ref(), &kwargs, Saltenv::All).await?;
    if let Some(refused) = front.refused() {
        return Ok(refused);
    }
    let mut compiler = front.compiler().await;
    compiler.set_opt("state_top", top_url(&topfn));
    if let Some(saltenv) = kwargs.get("saltenv") {
        compiler.set_opt("state_top_saltenv", saltenv);
    }
    call_highstate(&front, compiler, &kwargs).await
}

/// Says what `state.apply` would change.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.test
/// ```
#[salt_fn(out = "highstate")]
async fn test(cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Value> {
    let args = Args { positional: args, keywords: kwargs.with("test", true) };
    apply::FUNCTION.run(cx, args).await
}

/// Runs `state.apply` with these arguments.
pub(super) async fn apply_with(cx: &Context, mods: Option<Value>, kwargs: Map) -> Result<Value> {
    let positional = mods.into_iter().collect();
    apply::FUNCTION.run(cx, Args { positional, keywords: kwargs }).await
}

struct Sls {
    mods: Value,
    test: Option<Value>,
    exclude: Option<Value>,
    queue: Option<Value>,
    sync_mods: Option<Value>,
    events: Option<Value>,
    kwargs: Map,
}

async fn run_sls(cx: &Context, call: Sls) -> Result<Value> {
    let kwargs = &call.kwargs;
    if let Some(conflict) = queue::check(cx, call.queue.as_ref(), kwargs).await {
        return Ok(conflict);
    }
    let names = match &call.mods {
        Value::List(mods) => mods.iter().map(Value::to_string).collect(),
        one => vec![one.to_string()],
    };
    let messages = disabled::messages(cx, &names);
    if !messages.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(messages.into());
    }
    let mut front = Front::new(cx, call.test.as_ref(), kwargs, Saltenv::Base).await?;
    front.state_events(call.events.as_ref());
    sync(&front.cx, call.sync_mods.as_ref()).await;
    if let Some(refused) = front.refused() {
        return Ok(refused);
    }
    let mut compiler = front.compiler().await;
    let cache = cache_name(kwargs);
    if flag(kwargs, "cache")
        && let Some(Value::Map(mut tree)) = read_cache(cx, &cache).await
    {
        return Ok(front.call_high(&mut front.run(&compiler), &mut tree).await);
    }
    let saltenv = compiler.saltenv().unwrap_or_else(|| "base".into());
    let matches = Matches::from_iter([(saltenv, split_words(&call.mods))]);
    let (mut tree, errors) = compiler.render_highstate(&matches).await;
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    exclude(&mut tree, call.exclude.as_ref());
    let ret = front.call_high(&mut front.run(&compiler), &mut tree).await;
    let ret = terse(cx, kwargs, ret);
    set_retcode(cx, &ret, Some(&tree));
    write_cache(cx, "sls.p", &ret).await;
    write_cache(cx, &cache, &tree.into()).await;
    Ok(ret)
}

async fn run_highstate(
    cx: &Context,
    test: Option<Value>,
    queue: Option<Value>,
    events: Option<Value>,
    kwargs: Map,
) -> Result<Value> {
    if !disabled::messages(cx, &["highstate".into()]).is_empty() {
        // The result is a text, as it is in Salt.
        return Ok(map! {
            "name" => "Salt highstate run is disabled. To re-enable, run state.enable highstate",
            "result" => "False",
            "comment" => "Disabled",
        }
        .into());
    }
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let mut front = Front::new(cx, test.as_ref(), &kwargs, Saltenv::All).await?;
    front.state_events(events.as_ref());
    if let Some(refused) = front.refused() {
        return Ok(refused);
    }
    let compiler = front.compiler().await;
    call_highstate(&front, compiler, &kwargs).await
}

/// Top file, SLS files, run (`BaseHighState.call_highstate`).
async fn call_highstate(front: &Front, mut compiler: Compiler, kwargs: &Map) -> Result<Value> {
    let cx = &front.cx;
    let cache = cache_name(kwargs);
    let cached = match flag(kwargs, "cache") {
        true => read_cache(cx, &cache).await,
        false => None,
    };
    let mut tree = Map::new();
    let ret = match cached {
        Some(Value::Map(cached)) => {
            tree = cached;
            front.call_high(&mut front.run(&compiler), &mut tree).await
        }
        _ => match compile(&mut compiler, kwargs, &mut tree).await? {
            Some(ret) => ret,
            None => {
                write_cache(cx, &cache, &tree.clone().into()).await;
                front.call_high(&mut front.run(&compiler), &mut tree).await
            }
        },
    };
    let ret = terse(cx, kwargs, ret);
    set_retcode(cx, &ret, Some(&tree));
    Ok(ret)
}

/// Renders what the top files assign. A return if there is nothing to run.
async fn compile(compiler: &mut Compiler, kwargs: &Map, tree: &mut Map) -> Result<Option<Value>> {
    let top = match compiler.top().await {
        Ok(top) => top,
        Err(TopError::Render(text)) => {
            return Ok(Some(no_states(format!("Unable to render top file: {text}"))));
        }
        Err(TopError::Other(e)) => {
            let text = format!("Traceback (most recent call last):\n{}\n", e.traceback_line());
            return Ok(Some(vec![text].into()));
        }
    };
    let mut errors = tops::verify(&top);
    let mut matches = compiler.matches(&top).await?;
    if matches.is_empty() {
        return Ok(Some(no_states(
            "No Top file or master_tops data matches found. Please see master log for details.",
        )));
    }
    if let Some(whitelist) = kwargs.get("whitelist").filter(|list| list.truthy()) {
        let whitelist = split_words(whitelist);
        matches.retain(|_, names| {
            names.retain(|name| whitelist.contains(name));
            !names.is_empty()
        });
    }
    load_dynamic(compiler.context(), &matches).await;
    let (rendered, found) = compiler.render_highstate(&matches).await;
    *tree = rendered;
    exclude(tree, kwargs.get("exclude"));
    errors.extend(found);
    if !errors.is_empty() {
        return Ok(Some(errors.into()));
    }
    Ok(tree.is_empty().then(|| no_states("No states found for this minion")))
}

/// Syncs custom modules of the environments, which here means to warn of those that can't be run.
async fn load_dynamic(cx: &Context, matches: &Matches) {
    if cx.opts().get("autoload_dynamic_modules").is_some_and(|wanted| !wanted.truthy()) {
        return;
    }
    let envs: Vec<&str> = matches.keys().map(String::as_str).collect();
    let args = Args::none().with("saltenv", envs).with("refresh", false);
    if let Err(e) = call_by_name::call(cx, "saltutil.sync_all", args).await {
        tracing::debug!("Custom modules were not looked for: {e}");
    }
}

/// Adds the `exclude` of a call to that of the files.
fn exclude(tree: &mut Map, exclude: Option<&Value>) {
    let Some(exclude) = exclude.filter(|exclude| exclude.truthy()) else { return };
    let more = split_input(exclude);
    match tree.get_mut("__exclude__") {
        Some(Value::List(list)) => list.extend(more),
        _ => {
            tree.insert("__exclude__", Value::List(more));
        }
    }
}

fn cache_name(kwargs: &Map) -> String {
    format!("{}.cache.p", kwargs.get_str("cache_name").unwrap_or("highstate"))
}

/// Syncs custom modules; kinds that there are not are skipped, as Salt does.
async fn sync(cx: &Context, kinds: Option<&Value>) {
    let kinds = match kinds {
        None => return,
        Some(Value::Bool(true)) => vec!["all".to_string()],
        Some(kinds) => split_words(kinds),
    };
    let kinds = if kinds.iter().any(|kind| kind == "all") { vec!["all".to_string()] } else { kinds };
    for kind in kinds {
        let fun = format!("saltutil.sync_{kind}");
        if let Err(e) = call_by_name::call(cx, &fun, Args::none()).await {
            tracing::warn!("Custom modules of the kind '{kind}' were not synced: {e}");
        }
    }
}
