//! Files in the minion's cache.

use std::path::{Path, PathBuf};

use salt::target::{Pattern, fnmatch};
use salt::{Context, Error, Result, Value, Words, functions, salt_fn};

use super::source::{Source, cached_env, not_served, relative, saltenv_of, text};
use crate::saltutil::cachedir;

functions![
    cache_dest,
    cache_dir,
    cache_file,
    cache_files,
    cache_local_file,
    cache_master,
    get_file_str,
    is_cached,
    list_minion,
];

/// Brings a file of the server into the minion's cache and gives its place there, or `False` if there is no such file.
///
/// A path of this machine is given back as it is.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_file salt://path/to/file
/// salt '*' cp.cache_file 'salt://path/to/file?saltenv=dev'
/// ```
#[salt_fn]
async fn cache_file(
    cx: &Context,
    /// The file.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// For URLs of other kinds, which are not served.
    source_hash: Option<String>,
    /// For URLs of other kinds, which are not served.
    #[default(true)]
    verify_ssl: bool,
    /// For URLs of other kinds, which are not served.
    #[default(false)]
    use_etag: bool,
) -> Result<Value> {
    let _ = (source_hash, verify_ssl, use_etag);
    Ok(cached(cx, &path, saltenv).await?.map_or(false.into(), |place| text(&place)))
}

/// Brings several files of the server into the minion's cache and gives their places there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_files salt://pathto/file1,salt://pathto/file2
/// ```
#[salt_fn]
async fn cache_files(
    cx: &Context,
    /// The files.
    paths: Words,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Vec<Value>> {
    let mut places = Vec::new();
    for path in &paths.0 {
        places.push(cached(cx, path, saltenv.clone()).await?.map_or(false.into(), |place| text(&place)));
    }
    Ok(places)
}

/// Brings all files of an environment into the minion's cache and gives their places there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_master
/// ```
#[salt_fn]
async fn cache_master(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Vec<Value>> {
    let saltenv = saltenv_of(cx, saltenv);
    let mut places = Vec::new();
    for path in cx.files().list(saltenv.clone(), String::new()).await? {
        places.extend(cx.files().cache(path, saltenv.clone()).await?.map(|place| text(&place)));
    }
    Ok(places)
}

/// Brings the files of a directory into the minion's cache and gives their places there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_dir salt://path/to/dir
/// salt '*' cp.cache_dir salt://path/to/dir include_pat='E@*.py$'
/// ```
#[salt_fn]
async fn cache_dir(
    cx: &Context,
    /// The directory.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Make the directories that have no files too.
    #[default(false)]
    include_empty: bool,
    /// Only files that fit this shell pattern, or a regular expression after `E@`.
    include_pat: Option<String>,
    /// No files that fit this shell pattern, or a regular expression after `E@`.
    exclude_pat: Option<String>,
) -> Result<Vec<Value>> {
    let (dir, saltenv) = directory(cx, &path, saltenv)?;
    let mut places = Vec::new();
    for file in below(cx.files().list(saltenv.clone(), dir.clone()).await?, &dir) {
        if wanted(&file, include_pat.as_deref(), exclude_pat.as_deref())? {
            places.extend(cx.files().cache(file, saltenv.clone()).await?.map(|place| text(&place)));
        }
    }
    if include_empty {
        let cache = cached_env(cx, &saltenv)?;
        for empty in empty_dirs(cx, &dir, &saltenv).await? {
            let place = cache.join(relative(&empty)?);
            tokio::fs::create_dir_all(&place).await.map_err(Error::execution)?;
            places.push(text(&place));
        }
    }
    Ok(places)
}

/// Gives the text of a file of the server, or `False` if there is no such file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.get_file_str salt://my/file
/// ```
#[salt_fn]
async fn get_file_str(
    cx: &Context,
    /// The file.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Value> {
    let Some(place) = cached(cx, &path, saltenv).await? else { return Ok(false.into()) };
    Ok(match tokio::fs::read(&place).await {
        Ok(content) => String::from_utf8(content).map_or_else(|e| Value::Bytes(e.into_bytes()), Value::from),
        Err(_) => false.into(),
    })
}

/// Gives the place of a file in the minion's cache, or an empty text if it is not there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.is_cached salt://path/to/file
/// ```
#[salt_fn]
async fn is_cached(
    cx: &Context,
    /// The file, of the server or of this machine.
    path: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Value> {
    Ok(match in_cache(cx, &path, saltenv)? {
        Some(place) => text(&place),
        None => "".into(),
    })
}

/// Gives the place that a file has, or would have, in the minion's cache.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_dest salt://my/file
/// ```
#[salt_fn]
async fn cache_dest(
    cx: &Context,
    /// The file.
    url: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Value> {
    match Source::of(cx, &url, saltenv) {
        Source::Server { path, saltenv } => Ok(text(&cached_env(cx, &saltenv)?.join(relative(&path)?))),
        Source::Local(path) => Ok(text(&path)),
        Source::Remote(url) => Err(not_served(&url)),
    }
}

/// Copies a file of this machine into the minion's cache and gives its place there, or an empty text if there is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.cache_local_file /etc/hosts
/// ```
#[salt_fn]
async fn cache_local_file(
    cx: &Context,
    /// The file.
    path: String,
) -> Result<Value> {
    if !Path::new(&path).is_file() {
        return Ok("".into());
    }
    let place = cachedir(cx)?.join("localfiles").join(relative(&path)?);
    if let Some(dir) = place.parent() {
        tokio::fs::create_dir_all(dir).await.map_err(Error::execution)?;
    }
    tokio::fs::copy(&path, &place).await.map_err(Error::execution)?;
    Ok(text(&place))
}

/// Lists the files in the minion's cache.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.list_minion
/// ```
#[salt_fn]
async fn list_minion(
    cx: &Context,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
) -> Result<Vec<Value>> {
    let mut files = Vec::new();
    walk(&cached_env(cx, &saltenv_of(cx, saltenv))?, &mut files);
    walk(&cachedir(cx)?.join("localfiles"), &mut files);
    files.sort();
    Ok(files.iter().map(|path| text(path)).collect())
}

/// The place of a file: in the cache for one of the server, its own for one of this machine.
pub async fn cached(cx: &Context, path: &str, saltenv: Option<String>) -> Result<Option<PathBuf>> {
    match Source::of(cx, path, saltenv) {
        Source::Server { path, saltenv } => {
            let place = cx.files().cache(path.clone(), saltenv.clone()).await?;
            if place.is_none() {
                tracing::error!("Unable to cache file 'salt://{path}' from saltenv '{saltenv}'.");
            }
            Ok(place)
        }
        Source::Local(path) => Ok(path.is_file().then_some(path)),
        Source::Remote(url) => Err(not_served(&url)),
    }
}

/// A directory of the server and its environment.
pub fn directory(cx: &Context, path: &str, saltenv: Option<String>) -> Result<(String, String)> {
    match Source::of(cx, path, saltenv) {
        Source::Server { path, saltenv } => Ok((path.trim_end_matches('/').to_string(), saltenv)),
        _ => Err(Error::exception("salt.exceptions.MinionError", format!("Unsupported path: {path}"))),
    }
}

/// The paths that are in a directory, not only beside it under a name that begins alike.
pub fn below(paths: Vec<String>, dir: &str) -> Vec<String> {
    let inside =
        |path: &String| dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    paths.into_iter().filter(inside).collect()
}

/// The directories of the server below another that have nothing in them.
pub async fn empty_dirs(cx: &Context, dir: &str, saltenv: &str) -> Result<Vec<String>> {
    let dirs = below(cx.files().list_dirs(saltenv.into(), dir.into()).await?, dir);
    let files = cx.files().list(saltenv.into(), dir.into()).await?;
    let used = |dir: &str| {
        let prefix = format!("{dir}/");
        files.iter().chain(&dirs).any(|path| path.starts_with(&prefix))
    };
    Ok(dirs.iter().filter(|dir| !used(dir)).cloned().collect())
}

/// Where a file is in the cache, if it is.
fn in_cache(cx: &Context, path: &str, saltenv: Option<String>) -> Result<Option<PathBuf>> {
    let (path, saltenv) = match Source::of(cx, path, saltenv.clone()) {
        Source::Server { path, saltenv } => (path, saltenv),
        Source::Local(path) => (path.to_string_lossy().into_owned(), saltenv_of(cx, saltenv)),
        Source::Remote(_) => return Ok(None),
    };
    let places = [
        cached_env(cx, &saltenv)?.join(relative(&path)?),
        cachedir(cx)?.join("localfiles").join(relative(&path)?),
    ];
    Ok(places.into_iter().find(|place| place.exists()))
}

/// Whether a path is included and not excluded (`salt/utils/stringutils.py`, `check_include_exclude`).
fn wanted(path: &str, include: Option<&str>, exclude: Option<&str>) -> Result<bool> {
    let fits = |pattern: &str| match pattern.strip_prefix("E@") {
        Some(regex) => {
            let found = Pattern::new(regex).map_err(Error::invocation)?.regex().is_match(path);
            found.map_err(Error::invocation)
        }
        None => Ok(fnmatch(path, pattern)),
    };
    let included = include.filter(|p| !p.is_empty()).map(fits).transpose()?.unwrap_or(true);
    let excluded = exclude.filter(|p| !p.is_empty()).map(fits).transpose()?.unwrap_or(false);
    Ok(included && !excluded)
}

/// All files below a directory.
pub fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), files),
            Ok(_) => files.push(entry.path()),
            Err(_) => {}
        }
    }
}
