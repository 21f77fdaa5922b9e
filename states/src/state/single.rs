//! States that are in no SLS file: `single`, `high`, `low`, `template`, `template_str`, and `sls_id`.

use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use crate::sls::compiler::{Compiler, Matches};
use crate::sls::run::Run;
use crate::sls::{chunk, extend, high as tree, low as lows, requisite_in, verify};
use crate::state::front::{COMPILER_ERROR, Front, Saltenv, set_retcode, split_words};
use crate::state::queue;

functions![single, high, low, template, template_str, sls_id];

/// Runs one state function.
///
/// Every further keyword is an argument of the state.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.single test.nop name=x
/// ```
#[salt_fn(out = "highstate")]
async fn single(
    cx: &Context,
    /// The state function: `test.nop`.
    fun: String,
    /// The name of the state.
    name: Value,
    /// Only say what would change.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] mut kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let mut parts = fun.split('.');
    let (Some(module), Some(function)) = (parts.next(), parts.next()) else {
        cx.set_retcode(COMPILER_ERROR);
        return Ok("Invalid function passed".into());
    };
    let front = Front::new(cx, test.as_ref(), &kwargs, Saltenv::All).await?;
    // These are of this call, unless the state has an argument of that name.
    let known = cx.states().get(&format!("{module}.{function}"));
    for key in ["pillar", "pillar_enc", "pillarenv", "saltenv", "concurrent", "force", "mock", "localconfig"]
    {
        if !known.is_some_and(|function| function.params.iter().any(|param| param.name == key)) {
            kwargs.remove(key);
        }
    }
    kwargs.retain(|key, _| !key.as_str().is_some_and(|key| key.starts_with("__pub_")));
    let mut low = kwargs;
    for (key, value) in
        [("state", module.into()), ("fun", function.into()), ("__id__", name.clone()), ("name", name)]
    {
        low.insert(key, value);
    }
    let mut run = Run::new(&front.cx);
    run.pillar = front.request.clone();
    run.mocked = front.mocked;
    let errors = run.verify(&low);
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    let ret = Map::new().with(chunk::tag(&low), run.one(&low).await).into();
    set_retcode(cx, &ret, None);
    Ok(ret)
}

/// Runs high data.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.high '{"vim": {"test": ["nop"]}}'
/// ```
#[salt_fn]
async fn high(
    cx: &Context,
    /// High data: ids, and below them modules with a list of the function and its arguments.
    data: Value,
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
    let ret = match data {
        Value::Map(mut data) => {
            // What has no function in its list is nothing to Salt, and this form has its function in the key.
            for (_, body) in data.iter_mut() {
                if let Value::Map(body) = body {
                    body.retain(|module, args| {
                        let dotted = module.as_str().is_some_and(|module| module.contains('.'));
                        let plain = |args: &[Value]| args.iter().any(|arg| arg.as_str().is_some());
                        !dotted || args.as_list().is_none_or(plain)
                    });
                }
            }
            let mut run = Run::new(&front.cx);
            run.pillar = front.request.clone();
            let ret = front.call_high(&mut run, &mut data).await;
            set_retcode(cx, &ret, Some(&data));
            ret
        }
        _ => {
            let ret = Value::from(vec!["High data is not a dictionary and is invalid"]);
            set_retcode(cx, &ret, None);
            ret
        }
    };
    Ok(ret)
}

/// Runs one chunk of low data.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.low '{"state": "test", "fun": "nop", "name": "x", "__id__": "x"}'
/// ```
#[salt_fn]
async fn low(
    cx: &Context,
    /// Low data: `state`, `fun`, `name`, `__id__` and the arguments.
    data: Map,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let mut run = Run::new(cx);
    let errors = run.verify(&data);
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    let mut data = data;
    let name = data.get("name").cloned();
    data.entry("__id__").or_insert_with(|| name.into());
    let ret = run.one(&data).await;
    if ret.get("result") == Some(&Value::Bool(false)) {
        cx.set_retcode(COMPILER_ERROR);
    }
    Ok(ret.into())
}

/// Runs a file of this machine as an SLS file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.template '/srv/states/x.sls'
/// ```
#[salt_fn(out = "highstate")]
async fn template(
    cx: &Context,
    /// The path of the file, `.sls` may be left out.
    tem: String,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let front = Front::new(cx, None, &kwargs, Saltenv::All).await?;
    front.check_pillar()?;
    let path = if tem.ends_with(".sls") { tem } else { format!("{tem}.sls") };
    let saltenv = kwargs.get("saltenv").map(Value::to_string).unwrap_or_default();
    let mut compiler = front.compiler().await;
    let (mut data, errors) = compiler.render_local(&path, &saltenv).await;
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    let ret = front.call_high(&mut front.run(&compiler), &mut data).await;
    set_retcode(cx, &ret, Some(&data));
    Ok(ret)
}

/// Runs a text as an SLS file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.template_str '<Template String>'
/// ```
#[salt_fn(out = "highstate")]
async fn template_str(
    cx: &Context,
    /// The text.
    tem: String,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let front = Front::new(cx, None, &kwargs, Saltenv::All).await?;
    let compiler = front.compiler().await;
    let ret = match text_tree(&compiler, &tem).await? {
        Err(errors) => errors.into(),
        Ok(data) if data.is_empty() => Map::new().into(),
        Ok(mut data) => front.call_high(&mut front.run(&compiler), &mut data).await,
    };
    set_retcode(cx, &ret, None);
    Ok(ret)
}

/// Runs one id of SLS files, with what it requires.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.sls_id my_state my_module,a_common_module
/// ```
#[salt_fn(out = "highstate")]
#[allow(
    non_snake_case,
    reason = "Salt's argument is called `id_`, and one underscore at the end is not part of a name here"
)]
async fn sls_id(
    cx: &Context,
    /// The id.
    id__: String,
    /// SLS files: a list, or text with commas.
    mods: Value,
    /// Only say what would change.
    test: Option<Value>,
    /// True waits until other runs are done; a number waits only while there are fewer of them.
    queue: Option<Value>,
    /// Fire an event after each state.
    state_events: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    if let Some(conflict) = queue::check(cx, queue.as_ref(), &kwargs).await {
        return Ok(conflict);
    }
    let mut front = Front::new(cx, test.as_ref(), &kwargs, Saltenv::Base).await?;
    front.state_events(state_events.as_ref());
    if let Some(refused) = front.refused() {
        return Ok(refused);
    }
    let mut compiler = front.compiler().await;
    let saltenv = compiler.saltenv().unwrap_or_else(|| "base".into());
    let matches = Matches::from_iter([(saltenv.clone(), split_words(&mods))]);
    let (mut data, mut errors) = compiler.render_highstate(&matches).await;
    let mut run = front.run(&compiler);
    errors.extend(extend::reconcile(&mut data, false));
    errors.extend(verify::verify(&data));
    if errors.is_empty() {
        errors.extend(requisite_in::apply(&mut data, run.disabled()));
    }
    if !errors.is_empty() {
        cx.set_retcode(COMPILER_ERROR);
        return Ok(errors.into());
    }
    tree::exclude(&mut data);
    let running = run.only(lows::chunks(&data, front.orchestration_jid.as_ref()), &id__).await;
    if running.is_empty() {
        return Err(Error::invocation(format!(
            "No matches for ID '{id__}' found in SLS '{mods}' within saltenv '{saltenv}'"
        )));
    }
    let ret = Value::Map(running.into_iter().map(|(tag, ret)| (tag.into(), ret.into())).collect());
    set_retcode(cx, &ret, Some(&data));
    Ok(ret)
}

/// The tree of a text, or the errors in it (`State.render_template`).
async fn text_tree(compiler: &Compiler, text: &str) -> Result<Result<Map, Vec<String>>> {
    const NAME: &str = "<template-str>";
    let value = compiler.render(text.as_bytes(), "base", "", None).await.map_err(Error::from)?;
    let mut data = match value {
        Value::Map(data) => data,
        _ => return Ok(Err(vec![format!("Template {NAME} does not render to a dictionary")])),
    };
    for item in ["include", "exclude", "extends"] {
        if data.contains_key(item) {
            return Ok(Err(vec![format!(
                "The '{item}' declaration found on '{NAME}' is invalid when rendering single templates"
            )]));
        }
    }
    let mut errors = Vec::new();
    for (id, body) in data.iter_mut() {
        match body {
            Value::Str(short) => match short.split_once('.') {
                Some((module, function)) => {
                    let function = function.split('.').next().unwrap_or(function);
                    *body = Map::new().with(module, vec![function]).into();
                }
                None => errors.push(format!("ID {id} in template {NAME} is not a dictionary")),
            },
            Value::Map(states) => {
                for (module, _) in states.iter().filter(|(_, args)| args.is_none()) {
                    errors.push(format!(
                        "ID '{id}' in template {NAME} contains a short declaration ({module}) with a trailing colon. \
                         When not passing any arguments to a state, the colon must be omitted."
                    ));
                }
                tree::undot(states, |_| {
                    errors.push(format!(
                        "ID '{id}' in template '{NAME}' contains multiple state declarations of the same type"
                    ));
                });
            }
            _ => {}
        }
    }
    Ok(if errors.is_empty() { Ok(data) } else { Err(errors) })
}
