//! Find out whether a minion answers and what reaches it.
//!
//! Facts: `salt/modules/test.py` of Salt 3007.17.

mod exception;
mod number;
mod version;

pub use version::text as versions_report;

use std::time::Duration;

use rand::Rng;
use salt::{Args, Context, Function, Map, Result, Value, functions, map, salt_fn};

functions![
    arg,
    arg_clean,
    arg_repr,
    arg_type,
    attr_call,
    conf_test,
    cross_test,
    echo,
    false_,
    get_opts,
    kwarg,
    module_report,
    not_loaded,
    opts_pkg,
    outputter,
    ping,
    provider,
    providers,
    rand_sleep,
    retcode,
    sleep,
    true_,
    try_,
];

/// The tables of this module: its own, and those of the files below it.
pub const TABLES: [&[Function]; 4] = [FUNCTIONS, exception::FUNCTIONS, number::FUNCTIONS, version::FUNCTIONS];

/// Says that the minion is there and listens.
///
/// It asks nothing of the vCenter: for that there is `vsphere.test_vcenter_connection`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.ping
/// ```
#[salt_fn]
async fn ping(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Gives its argument back.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.echo 'foo bar baz quo qux'
/// ```
#[salt_fn]
async fn echo(
    _cx: &Context,
    /// What to give back: any value.
    text: Value,
) -> Result<Value> {
    Ok(text)
}

/// Gives its argument back, for trying out outputters.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.outputter foobar
/// ```
#[salt_fn]
async fn outputter(
    _cx: &Context,
    /// What to give back: any value.
    data: Value,
) -> Result<Value> {
    Ok(data)
}

/// Shows the arguments as they reached the minion, with the data of the job (`__pub_*`) among the keywords.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.arg 1 "two" 3.1 txt="hello" wow='{a: 1, b: "hello"}'
/// ```
#[salt_fn]
async fn arg(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(map! { "args" => args, "kwargs" => kwargs })
}

/// Shows the arguments as they reached the minion, without the data of the job.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.arg_clean 1 "two" 3.1 txt="hello" wow='{a: 1, b: "hello"}'
/// ```
#[salt_fn]
async fn arg_clean(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(map! { "args" => args, "kwargs" => crate::clean_kwargs(kwargs) })
}

/// Shows the arguments as Python would write them in its own source.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.arg_repr 1 "two" 3.1 txt="hello" wow='{a: 1, b: "hello"}'
/// ```
#[salt_fn]
async fn arg_repr(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(map! { "args" => crate::tuple_repr(&args), "kwargs" => Value::Map(kwargs).repr() })
}

/// Shows the Python types of the arguments.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.arg_type 1 'int'
/// ```
#[salt_fn]
async fn arg_type(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    let class = |value: &Value| Value::from(format!("<class '{}'>", value.type_name()));
    let kwargs: Map = kwargs.iter().map(|(k, v)| (k.clone(), class(v))).collect();
    Ok(map! { "args" => args.iter().map(class).collect::<Vec<_>>(), "kwargs" => kwargs })
}

/// Shows the keyword arguments as they reached the minion, with the data of the job (`__pub_*`) among them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.kwarg num=1 txt="two" env='{a: 1, b: "hello"}'
/// ```
#[salt_fn]
async fn kwarg(_cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(kwargs)
}

/// Gives `True`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.true
/// ```
#[salt_fn]
async fn true_(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Gives `False`, with a return code of zero.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.false
/// ```
#[salt_fn]
async fn false_(_cx: &Context) -> Result<bool> {
    Ok(false)
}

/// Gives `True` with the return code that was asked for.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.retcode 42
/// ```
#[salt_fn]
async fn retcode(
    cx: &Context,
    /// The return code of the job.
    #[default(42)]
    code: i64,
) -> Result<bool> {
    cx.set_retcode(code);
    Ok(true)
}

/// Waits, then gives `True`. The minion serves other jobs meanwhile.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.sleep 20
/// ```
#[salt_fn]
async fn sleep(
    _cx: &Context,
    /// Whole seconds.
    length: u64,
) -> Result<bool> {
    tokio::time::sleep(Duration::from_secs(length)).await;
    Ok(true)
}

/// Waits a random time, then gives `True`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.rand_sleep 60
/// ```
#[salt_fn]
async fn rand_sleep(
    _cx: &Context,
    /// The most whole seconds that it may take.
    #[default(60)]
    max: u64,
) -> Result<bool> {
    let seconds = rand::thread_rng().gen_range(0..=max);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok(true)
}

/// Shows the options that the minion runs with. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.get_opts
/// ```
#[salt_fn]
async fn get_opts(cx: &Context) -> Result<Map> {
    Ok(crate::config::masked(&cx.opts()))
}

/// Shows the options that the minion runs with, the grains among them. Passwords are masked.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.opts_pkg
/// ```
#[salt_fn]
async fn opts_pkg(cx: &Context) -> Result<Map> {
    Ok(crate::config::masked(&cx.opts()).with("grains", (*cx.grains()).clone()))
}

/// Gives the option `test.foo`, or `unconfigured`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.conf_test
/// ```
#[salt_fn]
async fn conf_test(cx: &Context) -> Result<Value> {
    crate::config::lookup(cx, "test.foo", "unconfigured".into())
}

/// Gives the grains, as one function that was called from another.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.attr_call
/// ```
#[salt_fn]
async fn attr_call(cx: &Context) -> Result<Map> {
    Ok((*cx.grains()).clone())
}

/// Calls another function and gives what it gives.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.cross_test test.echo '[hello]'
/// ```
#[salt_fn]
async fn cross_test(
    cx: &Context,
    /// The function to call.
    func: String,
    /// Its positional arguments.
    args: Option<Vec<Value>>,
) -> Result<Value> {
    cx.call(&func, Args::of(args.unwrap_or_default())).await
}

/// Calls another function and gives what it gives, or `None` if it fails.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.try test.echo text=hello
/// ```
#[salt_fn(name = "try")]
async fn try_(
    cx: &Context,
    /// The function to call.
    module: String,
    /// Give the text of the failure instead of `None`.
    #[default(false)]
    return_try_exception: bool,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let args = Args { positional: Vec::new(), keywords: crate::clean_kwargs(kwargs) };
    Ok(match cx.call(&module, args).await {
        Ok(value) => value,
        Err(error) if return_try_exception => error.message().into(),
        Err(_) => Value::None,
    })
}

/// Gives the name of the file that holds a module.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.provider vmware_vm
/// ```
#[salt_fn]
async fn provider(
    cx: &Context,
    /// The module. Unknown ones give an empty text.
    module: String,
) -> Result<String> {
    Ok(if cx.modules().modules().contains(&module.as_str()) { module } else { String::new() })
}

/// Gives the modules by the names of the files that hold them.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.providers
/// ```
#[salt_fn]
async fn providers(cx: &Context) -> Result<Map> {
    Ok(cx.modules().modules().into_iter().map(|name| (name.into(), name.into())).collect())
}

/// Lists the modules that are there but can't be used. All modules of this minion can, so the list is empty.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.not_loaded
/// ```
#[salt_fn]
async fn not_loaded(_cx: &Context) -> Result<Vec<Value>> {
    Ok(Vec::new())
}

/// Lists what the loader knows: modules and functions, and which of them are missing under one of their names.
///
/// CLI Example:
///
/// ```bash
/// salt '*' test.module_report
/// ```
#[salt_fn]
async fn module_report(cx: &Context) -> Result<Map> {
    let functions: Vec<&str> = cx.modules().iter().map(|(name, _)| name).collect();
    let modules = cx.modules().modules();
    Ok(map! {
        "functions" => functions.clone(),
        "function_attrs" => functions.clone(),
        "function_subs" => functions,
        "modules" => modules.clone(),
        "module_attrs" => modules,
        "missing_attrs" => Value::List(Vec::new()),
        "missing_subs" => Value::List(Vec::new()),
    })
}
