//! What SLS files need: merging, texts, and paths of the file server.
//!
//! Facts: `salt/modules/slsutil.py` and `salt/utils/dictupdate.py` of Salt 3007.17.

mod banner;
mod renderer;

use salt::yaml::{self, Style};
use salt::{Context, Error, Function, Map, Result, Value, functions, list, salt_fn};

use crate::dictupdate;

functions![
    boolstr,
    deserialize,
    dir_exists,
    file_exists,
    findup,
    merge,
    merge_all,
    path_exists,
    serialize,
    update,
];

/// The tables of this module.
pub const TABLES: [&[Function]; 3] = [FUNCTIONS, banner::FUNCTIONS, renderer::FUNCTIONS];

/// Merges a map over another.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.update '{foo: Foo}' '{bar: Bar}'
/// ```
#[salt_fn]
async fn update(
    _cx: &Context,
    /// The map below.
    dest: Map,
    /// The map above: it wins.
    upd: Map,
    /// Merge the maps inside of them too.
    #[default(true)]
    recursive_update: bool,
    /// Join lists instead of replacing them.
    #[default(false)]
    merge_lists: bool,
) -> Result<Map> {
    Ok(match recursive_update {
        true => dictupdate::update(dest, upd, merge_lists),
        false => overwritten(dest, upd),
    })
}

/// Merges a map over another by a strategy.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.merge '{foo: Foo}' '{bar: Bar}'
/// salt '*' slsutil.merge '{foo: [1]}' '{foo: [2]}' strategy=list
/// ```
#[salt_fn]
async fn merge(
    _cx: &Context,
    /// The map below.
    obj_a: Map,
    /// The map above: it wins.
    obj_b: Map,
    /// `smart`, `recurse`, `aggregate`, `overwrite`, `list` or `none`.
    #[default("smart")]
    strategy: String,
    /// The renderer that `smart` chooses by.
    #[default("yaml")]
    renderer: String,
    /// Join lists instead of replacing them.
    #[default(false)]
    merge_lists: bool,
) -> Result<Map> {
    Ok(merged(obj_a, obj_b, &strategy, &renderer, merge_lists))
}

/// Merges the maps of a list by a strategy, each over those before it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.merge_all '[{foo: Foo}, {foo: Bar}]'
/// ```
#[salt_fn]
async fn merge_all(
    _cx: &Context,
    /// The maps.
    lst: Vec<Map>,
    /// `smart`, `recurse`, `aggregate`, `overwrite`, `list` or `none`.
    #[default("smart")]
    strategy: String,
    /// The renderer that `smart` chooses by.
    #[default("yaml")]
    renderer: String,
    /// Join lists instead of replacing them.
    #[default(false)]
    merge_lists: bool,
) -> Result<Map> {
    let over = |below, above| merged(below, above, &strategy, &renderer, merge_lists);
    Ok(lst.into_iter().fold(Map::new(), over))
}

/// Writes a value as text: `json` or `yaml`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.serialize 'json' '{foo: Foo!}'
/// ```
#[salt_fn]
async fn serialize(
    _cx: &Context,
    /// `json` or `yaml`.
    serializer: String,
    /// The value.
    obj: Value,
    #[kwargs] kwargs: Map,
) -> Result<String> {
    crate::no_more_keywords(&crate::clean_kwargs(kwargs))?;
    match serializer.as_str() {
        "json" => Ok(python_json(&obj.to_json())),
        "yaml" => Ok(yaml::dump(&obj, Style::default()).trim_end_matches(['\n', '.']).to_string()),
        other => Err(no_serializer(other)),
    }
}

/// Reads a value from text: `json` or `yaml`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.deserialize 'json' '{"foo": "Foo!"}'
/// ```
#[salt_fn]
async fn deserialize(
    _cx: &Context,
    /// `json` or `yaml`.
    serializer: String,
    /// The text. What a command line has read already is given back.
    stream_or_string: Value,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    crate::no_more_keywords(&crate::clean_kwargs(kwargs))?;
    let text = match stream_or_string {
        Value::Str(text) => text,
        read => return Ok(read),
    };
    let wrong = |error: String| Error::exception("salt.serializers.DeserializationError", error);
    match serializer.as_str() {
        "json" => serde_json::from_str(&text).map(Value::from_json).map_err(|error| wrong(error.to_string())),
        "yaml" => yaml::load(&text).map_err(|error| wrong(error.to_string())),
        other => Err(no_serializer(other)),
    }
}

/// Gives one of two texts: the first for a value that is true in Python's sense.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.boolstr True 'yes' 'no'
/// ```
#[salt_fn]
async fn boolstr(
    _cx: &Context,
    /// The value. Any text but the empty one is true.
    value: Value,
    /// The text for true.
    #[default("true")]
    true_: Value,
    /// The text for false.
    #[default("false")]
    false_: Value,
) -> Result<Value> {
    Ok(if value.truthy() { true_ } else { false_ })
}

/// Says whether the file server has a file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.file_exists path/to/file
/// ```
#[salt_fn]
async fn file_exists(
    cx: &Context,
    /// The path below the roots.
    path: String,
    /// The environment.
    #[default("base")]
    saltenv: String,
) -> Result<bool> {
    has_file(cx, &path, &saltenv).await
}

/// Says whether the file server has a directory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.dir_exists path/to/dir
/// ```
#[salt_fn]
async fn dir_exists(
    cx: &Context,
    /// The path below the roots.
    path: String,
    /// The environment.
    #[default("base")]
    saltenv: String,
) -> Result<bool> {
    has_dir(cx, &path, &saltenv).await
}

/// Says whether the file server has a file or a directory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.path_exists path/to/existing
/// ```
#[salt_fn]
async fn path_exists(
    cx: &Context,
    /// The path below the roots.
    path: String,
    /// The environment.
    #[default("base")]
    saltenv: String,
) -> Result<bool> {
    Ok(has_file(cx, &path, &saltenv).await? || has_dir(cx, &path, &saltenv).await?)
}

/// Gives the first of some names that the file server has in a directory, or in the one above it, and so on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.findup formulas/shared/nginx map.jinja
/// ```
#[salt_fn]
async fn findup(
    cx: &Context,
    /// The directory to begin in.
    startpath: String,
    /// The name, or a list of them.
    filenames: Value,
    /// The environment.
    #[default("base")]
    saltenv: String,
) -> Result<String> {
    let names: Vec<String> = match filenames {
        Value::Str(name) => vec![name],
        Value::List(names) => names.iter().map(Value::to_string).collect(),
        _ => return Err(Error::invocation("Filenames argument must be a string or list of strings")),
    };
    let files = cx.files().list(saltenv.clone(), String::new()).await?;
    let dirs = cx.files().list_dirs(saltenv, String::new()).await?;
    let there = |path: &str| files.iter().chain(&dirs).any(|known| known == path);
    let start: Vec<&str> = startpath.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if !start.is_empty() && !there(&start.join("/")) {
        let start = start.join("/");
        return Err(Error::invocation(format!("Starting path not found in the state tree: {start}")));
    }
    for depth in (0..=start.len()).rev() {
        for name in &names {
            let path = start[..depth].iter().copied().chain([name.as_str()]).collect::<Vec<_>>().join("/");
            if there(&path) {
                return Ok(path);
            }
        }
    }
    Err(Error::execution("File pattern(s) not found in path ancestry"))
}

async fn has_file(cx: &Context, path: &str, saltenv: &str) -> Result<bool> {
    Ok(cx.files().list(saltenv.into(), path.into()).await?.iter().any(|known| known == path))
}

async fn has_dir(cx: &Context, path: &str, saltenv: &str) -> Result<bool> {
    Ok(cx.files().list_dirs(saltenv.into(), path.into()).await?.iter().any(|known| known == path))
}

fn merged(below: Map, above: Map, strategy: &str, renderer: &str, merge_lists: bool) -> Map {
    let yamlex = renderer.rsplit('|').next() == Some("yamlex") || renderer.starts_with("yamlex_");
    match strategy {
        "smart" if yamlex => overwritten(below, above),
        // On the topmost level, which is all that is given here, aggregates are replaced.
        "aggregate" => overwritten(below, above),
        "overwrite" => overwritten(below, above),
        "list" => {
            let paired = |(key, value): (Value, Value)| {
                let value = match above.get_key(&key) {
                    Some(other) => list![value, other],
                    None => value,
                };
                (key, value)
            };
            below.into_iter().map(paired).collect()
        }
        "smart" | "recurse" => dictupdate::update(below, above, merge_lists),
        "none" => dictupdate::update(below, above, false),
        other => {
            tracing::warn!("Unknown merging strategy '{other}', fallback to recurse");
            dictupdate::update(below, above, false)
        }
    }
}

fn overwritten(mut below: Map, above: Map) -> Map {
    below.extend(above);
    below
}

fn no_serializer(name: &str) -> Error {
    Error::execution(format!("Serializer '{name}' not found."))
}

/// JSON with a blank after each comma and colon, as Python's `json.dumps` writes it.
fn python_json(value: &serde_json::Value) -> String {
    use serde_json::Value as J;
    match value {
        J::Array(items) => {
            let items: Vec<String> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        J::Object(map) => {
            let pair =
                |(key, value): (&String, &J)| format!("{}: {}", J::from(key.as_str()), python_json(value));
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
