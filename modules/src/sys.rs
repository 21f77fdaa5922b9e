//! What this minion can do: its functions, their arguments and their documentation.
//!
//! Facts: `salt/modules/sysmod.py` of Salt 3007.17. Runners are not a minion's, returners and renderers of Python can't
//! be loaded: the functions about them say what is there natively.

use salt::{Context, Function, Map, Registry, Result, Value, functions, map, salt_fn};

use salt::target::fnmatch;

functions![
    argspec,
    doc,
    list_functions,
    list_modules,
    list_renderers,
    list_returner_functions,
    list_returners,
    list_runner_functions,
    list_runners,
    list_state_functions,
    list_state_modules,
    reload_modules,
    renderer_doc,
    returner_argspec,
    returner_doc,
    runner_argspec,
    runner_doc,
    state_argspec,
    state_doc,
    state_schema,
];

/// Gives the documentation of functions, of whole modules, or of everything.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.doc
/// salt '*' sys.doc sys
/// salt '*' sys.doc vmware_vm.list vmware_vm.info
/// salt '*' sys.doc 'vmware_*.list'
/// ```
#[salt_fn]
async fn doc(cx: &Context, #[args] args: Vec<Value>) -> Result<Map> {
    Ok(docs(cx.modules(), &words(&args)))
}

/// Gives the documentation of state functions, of whole state modules, or of everything.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.state_doc
/// salt '*' sys.state_doc test.nop
/// ```
#[salt_fn]
async fn state_doc(cx: &Context, #[args] args: Vec<Value>) -> Result<Map> {
    Ok(docs(cx.states(), &words(&args)))
}

/// Gives the arguments of functions: their names, the defaults of the last of them, and whether further ones are taken.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.argspec vmware_vm.list
/// salt '*' sys.argspec sys
/// salt '*' sys.argspec
/// salt '*' sys.argspec 'vmware_*'
/// ```
#[salt_fn]
async fn argspec(
    cx: &Context,
    /// A function, a module, or a pattern of functions. Everything without it.
    #[default("")]
    module: String,
) -> Result<Map> {
    Ok(argspecs(cx.modules(), &module))
}

/// Gives the arguments of state functions, as `sys.argspec` does those of functions.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.state_argspec test.nop
/// ```
#[salt_fn]
async fn state_argspec(
    cx: &Context,
    /// A function, a module, or a pattern of functions. Everything without it.
    #[default("")]
    module: String,
) -> Result<Map> {
    Ok(argspecs(cx.states(), &module))
}

/// Describes the arguments of state functions as JSON schemas (draft 4).
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.state_schema test.nop
/// ```
#[salt_fn]
async fn state_schema(
    cx: &Context,
    /// A function, a module, or a pattern of functions. Everything without it.
    #[default("")]
    module: String,
) -> Result<Vec<Map>> {
    Ok(selected(cx.states(), &module).into_iter().map(|(name, function)| schema(name, function)).collect())
}

/// Lists the functions.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_functions
/// salt '*' sys.list_functions sys vmware_vm
/// salt '*' sys.list_functions 'vmware_*.list'
/// ```
#[salt_fn]
async fn list_functions(
    cx: &Context,
    #[args] args: Vec<Value>,
    #[kwargs] _kwargs: Map,
) -> Result<Vec<String>> {
    Ok(function_names(cx.modules(), &words(&args)))
}

/// Lists the state functions.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_state_functions
/// salt '*' sys.list_state_functions 'vmware_*'
/// ```
#[salt_fn]
async fn list_state_functions(
    cx: &Context,
    #[args] args: Vec<Value>,
    #[kwargs] _kwargs: Map,
) -> Result<Vec<String>> {
    Ok(function_names(cx.states(), &words(&args)))
}

/// Lists the modules.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_modules
/// salt '*' sys.list_modules 'vmware_*'
/// ```
#[salt_fn]
async fn list_modules(cx: &Context, #[args] args: Vec<Value>) -> Result<Vec<String>> {
    Ok(module_names(cx.modules(), &words(&args)))
}

/// Lists the state modules.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_state_modules
/// salt '*' sys.list_state_modules 'vmware_*'
/// ```
#[salt_fn]
async fn list_state_modules(cx: &Context, #[args] args: Vec<Value>) -> Result<Vec<String>> {
    Ok(module_names(cx.states(), &words(&args)))
}

/// Says that the modules are loaded. They are part of the program, so there is nothing to load anew.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.reload_modules
/// ```
#[salt_fn]
async fn reload_modules(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// The renderers of the state engine.
const RENDERERS: [&str; 3] = ["jinja", "json", "yaml"];

/// Lists the renderers that SLS files can name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_renderers
/// salt '*' sys.list_renderers 'y*'
/// ```
#[salt_fn]
async fn list_renderers(_cx: &Context, #[args] args: Vec<Value>) -> Result<Vec<&'static str>> {
    let patterns = words(&args);
    let wanted = |name: &&str| patterns.is_empty() || patterns.iter().any(|p| fnmatch(name, p));
    Ok(RENDERERS.into_iter().filter(wanted).collect())
}

/// Gives the documentation of renderers. Theirs is part of the manual, so there is none here.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.renderer_doc yaml
/// ```
#[salt_fn]
async fn renderer_doc(_cx: &Context, #[args] _args: Vec<Value>) -> Result<Map> {
    Ok(Map::new())
}

/// Lists the returners besides the master itself. This minion has none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_returners
/// ```
#[salt_fn]
async fn list_returners(_cx: &Context, #[args] _args: Vec<Value>) -> Result<Vec<Value>> {
    Ok(Vec::new())
}

/// Lists the functions of returners. This minion has none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_returner_functions
/// ```
#[salt_fn]
async fn list_returner_functions(
    _cx: &Context,
    #[args] _args: Vec<Value>,
    #[kwargs] _kwargs: Map,
) -> Result<Vec<Value>> {
    Ok(Vec::new())
}

/// Gives the documentation of returners. This minion has none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.returner_doc
/// ```
#[salt_fn]
async fn returner_doc(_cx: &Context, #[args] _args: Vec<Value>) -> Result<Map> {
    Ok(Map::new())
}

/// Gives the arguments of returners. This minion has none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.returner_argspec local
/// ```
#[salt_fn]
async fn returner_argspec(
    _cx: &Context,
    /// A returner or one of its functions.
    #[default("")]
    module: String,
) -> Result<Map> {
    tracing::debug!("there is nothing to say about {module:?}");
    Ok(Map::new())
}

/// Lists the runners. They belong to the master, so there are none here.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_runners
/// ```
#[salt_fn]
async fn list_runners(_cx: &Context, #[args] _args: Vec<Value>) -> Result<Vec<Value>> {
    Ok(Vec::new())
}

/// Lists the functions of runners. They belong to the master, so there are none here.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.list_runner_functions
/// ```
#[salt_fn]
async fn list_runner_functions(
    _cx: &Context,
    #[args] _args: Vec<Value>,
    #[kwargs] _kwargs: Map,
) -> Result<Vec<Value>> {
    Ok(Vec::new())
}

/// Gives the documentation of runners. They belong to the master, so there are none here.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.runner_doc
/// ```
#[salt_fn]
async fn runner_doc(_cx: &Context, #[args] _args: Vec<Value>) -> Result<Map> {
    Ok(Map::new())
}

/// Gives the arguments of runners. They belong to the master, so there are none here.
///
/// CLI Example:
///
/// ```bash
/// salt '*' sys.runner_argspec jobs
/// ```
#[salt_fn]
async fn runner_argspec(
    _cx: &Context,
    /// A runner or one of its functions.
    #[default("")]
    module: String,
) -> Result<Map> {
    tracing::debug!("there is nothing to say about {module:?}");
    Ok(Map::new())
}

fn words(args: &[Value]) -> Vec<String> {
    args.iter().map(Value::to_string).collect()
}

/// `module`, `module.`, `module.function`, or a pattern.
fn is_meant(name: &str, word: &str) -> bool {
    if word.contains('*') {
        return fnmatch(name, word);
    }
    let prefix = if word.ends_with('.') { word.to_string() } else { format!("{word}.") };
    name == word || name.starts_with(&prefix)
}

fn docs(registry: &Registry, words: &[String]) -> Map {
    let meant = |name: &str| words.is_empty() || words.iter().any(|w| w.is_empty() || is_meant(name, w));
    registry.iter().filter(|(n, _)| meant(n)).map(|(n, f)| (n.into(), f.doc_text().into())).collect()
}

fn selected<'a>(registry: &'a Registry, word: &str) -> Vec<(&'a str, &'static Function)> {
    registry.iter().filter(|(name, _)| word.is_empty() || is_meant(name, word)).collect()
}

fn argspecs(registry: &Registry, word: &str) -> Map {
    selected(registry, word).into_iter().map(|(n, f)| (n.into(), f.argspec().into())).collect()
}

fn function_names(registry: &Registry, words: &[String]) -> Vec<String> {
    let meant = |name: &str, word: &str| match word.contains(['*', '.']) {
        true => fnmatch(name, word),
        false => name.split('.').next() == Some(word),
    };
    let names = registry.iter().map(|(name, _)| name);
    names.filter(|n| words.is_empty() || words.iter().any(|w| meant(n, w))).map(str::to_string).collect()
}

fn module_names(registry: &Registry, words: &[String]) -> Vec<String> {
    let meant = |function: &str, word: &str| match word.contains('*') {
        true => fnmatch(function, word),
        false => function.split('.').next() == Some(word),
    };
    let mut names: Vec<String> = registry
        .iter()
        .filter(|(name, _)| words.is_empty() || words.iter().any(|w| meant(name, w)))
        .map(|(_, function)| function.module().to_string())
        .collect();
    names.dedup();
    names
}

/// Every argument may be a truth value, a whole number, a number or a text (`salt/modules/sysmod.py`,
/// `_argspec_to_schema`).
fn schema(name: &str, function: &Function) -> Map {
    let mut properties = Map::new();
    for param in function.params {
        let kinds = ["boolean", "integer", "number", "string"].map(|kind| {
            let of = map! { "type" => kind, "title" => param.name, "description" => param.name };
            match param.default.value() {
                Some(default) => of.with("default", default),
                None => of,
            }
        });
        properties.insert(param.name, map! { "oneOf" => kinds });
    }
    let order: Vec<&str> = function.params.iter().map(|p| p.name).collect();
    map! {
        "$schema" => "http://json-schema.org/draft-04/schema#",
        "title" => name,
        "description" => name,
        "type" => "object",
        "properties" => properties,
        "x-ordering" => order,
        "additionalProperties" => false,
    }
}
