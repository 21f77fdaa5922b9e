//! Files of the master's file server.
//!
//! Facts: `salt/modules/cp.py` and `salt/fileclient.py` of Salt 3007.17.

mod cache;
mod get;
pub(crate) mod source;
mod template;
mod url;

use std::path::Path;

use salt::{Context, Error, Function, Map, Result, Value, functions, map, salt_fn};

use crate::digest::Hash;
pub use cache::cached;
use source::{Source, saltenv_of};

functions![envs, hash_file, list_master, list_master_dirs, list_master_symlinks, list_states, stat_file];

/// The tables of this module.
pub const TABLES: [&[Function]; 5] =
    [FUNCTIONS, cache::FUNCTIONS, get::FUNCTIONS, template::FUNCTIONS, url::FUNCTIONS];

/// Lists the environments of the file server.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.envs
/// ```
#[salt_fn]
async fn envs(cx: &Context) -> Result<Vec<String>> {
    cx.files().envs().await
}

/// Lists the files of an environment.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.list_master
/// salt '*' cp.list_master prefix=web
/// ```
#[salt_fn]
async fn list_master(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Only files whose paths begin so.
    #[default("")]
    prefix: String,
) -> Result<Vec<String>> {
    cx.files().list(saltenv_of(cx, saltenv), prefix).await
}

/// Lists the directories of an environment.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.list_master_dirs
/// ```
#[salt_fn]
async fn list_master_dirs(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Only directories whose paths begin so.
    #[default("")]
    prefix: String,
) -> Result<Vec<String>> {
    cx.files().list_dirs(saltenv_of(cx, saltenv), prefix).await
}

/// Lists the symbolic links of an environment and what they lead to.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.list_master_symlinks
/// ```
#[salt_fn]
async fn list_master_symlinks(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Only links whose paths begin so.
    #[default("")]
    prefix: String,
) -> Result<Value> {
    let saltenv = saltenv_of(cx, saltenv);
    cx.master().request(map! { "saltenv" => saltenv, "prefix" => prefix, "cmd" => "_symlink_list" }).await
}

/// Lists the SLS files of an environment by the names that states go by.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.list_states
/// ```
#[salt_fn]
async fn list_states(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Vec<String>> {
    let files = cx.files().list(saltenv_of(cx, saltenv), String::new()).await?;
    let name = |path: &String| {
        let name = path.strip_suffix("/init.sls").or_else(|| path.strip_suffix(".sls"))?;
        Some(name.replace('/', "."))
    };
    let mut names: Vec<String> = files.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Gives the hash of a file: of one on the server by its `salt://` path, of one on this machine by its own.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.hash_file salt://path/to/file
/// ```
#[salt_fn]
async fn hash_file(
    cx: &Context,
    /// The file.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Value> {
    let hash = match Source::of(cx, &path, saltenv) {
        Source::Server { path, saltenv } => match cx.files().hash(path, saltenv).await? {
            Some(hash) => map! { "hash_type" => hash.hash_type, "hsum" => hash.hsum },
            None => return Ok("".into()),
        },
        Source::Local(path) if path.is_file() => local_hash(cx, &path)?,
        Source::Local(_) => Map::new(),
        Source::Remote(url) => return Err(source::not_served(&url)),
    };
    Ok(hash.into())
}

/// Gives the mode of a file on the server.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.stat_file salt://path/to/file octal=True
/// ```
#[salt_fn]
async fn stat_file(
    cx: &Context,
    /// The file.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Give text such as `0644` instead of the number.
    #[default(true)]
    octal: bool,
) -> Result<Value> {
    let Source::Server { path, saltenv } = Source::of(cx, &path, saltenv) else {
        return Err(Error::invocation(format!("'{path}' is no file of the server: salt:// is missing")));
    };
    let load = map! { "cmd" => "_file_find", "path" => path, "saltenv" => saltenv };
    let found = cx.master().request(load).await?;
    let mode = found.get("stat").and_then(Value::as_list).and_then(|stat| stat.first()?.as_i64());
    Ok(match mode {
        None => Value::None,
        Some(mode) if octal => format!("0{:o}", mode & 0o7777).into(),
        Some(mode) => mode.into(),
    })
}

fn local_hash(cx: &Context, path: &Path) -> Result<Map> {
    let kind = Hash::configured(cx);
    let file = std::fs::File::open(path).map_err(Error::execution)?;
    let hsum = Hash::named(&kind)?.hex_of_reader(file).map_err(Error::execution)?;
    Ok(map! { "hsum" => hsum, "hash_type" => kind })
}
