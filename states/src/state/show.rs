//! What would be run, without running it.

use indexmap::IndexSet;
use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use crate::sls::compiler::{Compiler, Matches};
use crate::sls::run::Run;
use crate::sls::{extend, high, low, requisite_in, top, verify};
use crate::state::front::{COMPILER_ERROR, Front, Saltenv, set_retcode, split_words};
use crate::state::queue;

functions![
    show_highstate,
    show_lowstate,
    show_states,
    show_state_usage,
    show_top,
    show_sls,
    show_low_sls,
    sls_exists,
    id_exists,
];

/// Shows the high data of the highstate.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_highstate
/// ```
#[salt_fn]
async fn show_highstate(
    cx: &Context,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let mut compiler = match open(cx, None, queue.as_ref(), &kwargs, Saltenv::All).await? {
        Opened::Compiler(compiler) => *compiler,
        Opened::Refused(conflict) => return Ok(conflict),
    };
    let data = compiler.top().await?;
    let mut errors = top::verify(&data);
    let matches = compiler.matches(&data).await?;
    let (tree, found) = compiler.render_highstate(&matches).await;
    errors.extend(found);
    let ret = if errors.is_empty() { Value::from(tree) } else { errors.into() };
    set_retcode(cx, &ret, None);
    Ok(ret)
}

/// Shows the chunks of the highstate, in the order of their numbers.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_lowstate
/// ```
#[salt_fn]
async fn show_lowstate(
    cx: &Context,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    match open(cx, None, queue.as_ref(), &kwargs, Saltenv::All).await? {
        Opened::Refused(conflict) => Ok(conflict),
        Opened::Compiler(mut compiler) => Ok(match lowstate(&mut compiler).await? {
            Ok(chunks) => chunks.into(),
            Err(errors) => errors.into(),
        }),
    }
}

/// Lists the SLS files that have states in the highstate.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_states
/// ```
#[salt_fn]
async fn show_states(
    cx: &Context,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let mut compiler = match open(cx, None, queue.as_ref(), &kwargs, Saltenv::All).await? {
        Opened::Compiler(compiler) => *compiler,
        Opened::Refused(conflict) => return Ok(conflict),
    };
    match lowstate(&mut compiler).await? {
        Ok(chunks) => {
            let names: IndexSet<Value> =
                chunks.iter().filter_map(|low| low.get("__sls__").cloned()).collect();
            Ok(Value::List(names.into_iter().collect()))
        }
        Err(errors) => {
            cx.set_retcode(COMPILER_ERROR);
            Ok(errors.into())
        }
    }
}

/// Tells which SLS files of every environment the highstate uses, and which not.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_state_usage
/// ```
#[salt_fn]
async fn show_state_usage(
    cx: &Context,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let mut compiler = match open(cx, None, queue.as_ref(), &kwargs, Saltenv::All).await? {
        Opened::Compiler(compiler) => *compiler,
        Opened::Refused(conflict) => return Ok(conflict),
    };
    let data = compiler.top().await?;
    let errors = top::verify(&data);
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    let matches = compiler.matches(&data).await?;
    let mut usage = Map::new();
    for env in compiler.envs().await {
        let matched = matches.get(&env).cloned().unwrap_or_default();
        let (used, unused): (Vec<String>, Vec<String>) =
            compiler.available(&env).await.into_iter().partition(|sls| matched.contains(sls));
        let one = map! {
            "count_all" => used.len() + unused.len(),
            "count_used" => used.len(),
            "count_unused" => unused.len(),
            "used" => used,
            "unused" => unused,
        };
        usage.insert(env, one);
    }
    let ret = usage.into();
    set_retcode(cx, &ret, None);
    Ok(ret)
}

/// Shows which SLS files the top files assign to this minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_top
/// ```
#[salt_fn]
async fn show_top(
    cx: &Context,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let mut compiler = match open(cx, None, queue.as_ref(), &kwargs, Saltenv::All).await? {
        Opened::Compiler(compiler) => *compiler,
        Opened::Refused(conflict) => return Ok(conflict),
    };
    let data = compiler.top().await?;
    let errors = top::verify(&data);
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    let matches = compiler.matches(&data).await?;
    Ok(Value::Map(matches.into_iter().map(|(env, names)| (env.into(), names.into())).collect()))
}

/// Shows the high data of SLS files.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_sls core,edit.vim saltenv=dev
/// ```
#[salt_fn]
async fn show_sls(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// What `opts.test` is while the files are rendered.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    Ok(match tree(cx, &mods, test.as_ref(), queue.as_ref(), &kwargs).await? {
        Ok(tree) => tree.into(),
        Err(other) => other,
    })
}

/// Shows the chunks of SLS files, in the order of their numbers.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.show_low_sls foo
/// ```
#[salt_fn]
async fn show_low_sls(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// What `opts.test` is while the files are rendered.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    Ok(match tree(cx, &mods, test.as_ref(), queue.as_ref(), &kwargs).await? {
        Ok(tree) => low::chunks(&tree, None).into(),
        Err(other) => other,
    })
}

/// Tells whether SLS files are there and can be compiled.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.sls_exists core,edit.vim saltenv=dev
/// ```
#[salt_fn]
async fn sls_exists(
    cx: &Context,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// What `opts.test` is while the files are rendered.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<bool> {
    Ok(tree(cx, &mods, test.as_ref(), queue.as_ref(), &kwargs).await?.is_ok())
}

/// Tells whether SLS files have all of the ids.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.id_exists create_myfile,update_template filestate saltenv=dev
/// ```
#[salt_fn]
async fn id_exists(
    cx: &Context,
    /// Ids: a list, or text with commas.
    ids: Value,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// What `opts.test` is while the files are rendered.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<bool> {
    let Ok(tree) = tree(cx, &mods, test.as_ref(), queue.as_ref(), &kwargs).await? else { return Ok(false) };
    let chunks = low::chunks(&tree, None);
    Ok(split_words(&ids).iter().all(|id| chunks.iter().any(|low| low.get_str("__id__") == Some(id))))
}

enum Opened {
    Compiler(Box<Compiler>),
    Refused(Value),
}

async fn open(
    cx: &Context,
    test: Option<&Value>,
    queue: Option<&Value>,
    kwargs: &Map,
    saltenv: Saltenv,
) -> Result<Opened> {
    if let Some(conflict) = queue::check(cx, queue, kwargs).await {
        return Ok(Opened::Refused(conflict));
    }
    let front = Front::new(cx, test, kwargs, saltenv).await?;
    front.check_pillar()?;
    Ok(Opened::Compiler(Box::new(front.compiler().await)))
}

/// The verified tree of SLS files, or what is returned instead.
async fn tree(
    cx: &Context,
    mods: &Value,
    test: Option<&Value>,
    queue: Option<&Value>,
    kwargs: &Map,
) -> Result<Result<Map, Value>> {
    let mut compiler = match open(cx, test, queue, kwargs, Saltenv::Base).await? {
        Opened::Compiler(compiler) => *compiler,
        Opened::Refused(conflict) => return Ok(Err(conflict)),
    };
    let saltenv = compiler.saltenv().unwrap_or_else(|| "base".into());
    let matches = Matches::from_iter([(saltenv, split_words(mods))]);
    let (tree, mut errors) = compiler.render_highstate(&matches).await;
    errors.extend(verify::verify(&tree));
    if errors.is_empty() {
        return Ok(Ok(tree));
    }
    cx.set_retcode(COMPILER_ERROR);
    Ok(Err(errors.into()))
}

/// The chunks of the highstate, or the errors (`compile_low_chunks`).
async fn lowstate(compiler: &mut Compiler) -> Result<Result<Vec<Map>, Vec<String>>, Error> {
    let data = compiler.top().await?;
    let matches = compiler.matches(&data).await?;
    let (mut tree, mut errors) = compiler.render_highstate(&matches).await;
    errors.extend(extend::reconcile(&mut tree, false));
    errors.extend(verify::verify(&tree));
    if errors.is_empty() {
        errors.extend(requisite_in::apply(&mut tree, Run::new(compiler.context()).disabled()));
        high::exclude(&mut tree);
    }
    Ok(if errors.is_empty() { Ok(low::chunks(&tree, None)) } else { Err(errors) })
}
