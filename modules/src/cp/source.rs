//! What a path means: a file on the server, one on this machine, or one elsewhere.

use std::path::{Component, Path, PathBuf};

use salt::{Context, Error, Result, Value};

/// Where a file is.
#[derive(Debug, PartialEq)]
pub enum Source {
    /// On the file server.
    Server {
        /// The path below the roots.
        path: String,
        /// The environment.
        saltenv: String,
    },
    /// On this machine.
    Local(PathBuf),
    /// At a URL of another kind.
    Remote(String),
}

impl Source {
    /// Reads a path or URL. `salt://path?saltenv=dev` names its environment itself.
    pub fn of(cx: &Context, path: &str, saltenv: Option<String>) -> Source {
        if let Some(rest) = path.strip_prefix("salt://") {
            let (path, named) = match rest.split_once("?saltenv=") {
                Some((path, saltenv)) => (path, Some(saltenv.to_string())),
                None => (rest.split_once("?env=").map_or(rest, |(path, _)| path), None),
            };
            let path = path.trim_start_matches('|').trim_start_matches('/').to_string();
            return Source::Server { path, saltenv: saltenv_of(cx, named.or(saltenv)) };
        }
        match path.split_once("://") {
            Some(("file", local)) => Source::Local(local.into()),
            Some(_) => Source::Remote(path.into()),
            None => Source::Local(path.into()),
        }
    }
}

/// The environment given, else that of the minion, else `base`.
pub fn saltenv_of(cx: &Context, saltenv: Option<String>) -> String {
    let configured = || cx.opts().get_str("saltenv").map(str::to_string);
    let named = |env: &String| !env.is_empty();
    saltenv.filter(named).or_else(|| configured().filter(named)).unwrap_or_else(|| "base".into())
}

/// What to say about URLs of other kinds.
pub fn not_served(url: &str) -> Error {
    let scheme = url.split("://").next().unwrap_or_default();
    Error::execution(format!(
        "'{scheme}' is not served: a file is on the file server (salt://) or on this machine"
    ))
}

/// The directory of the cache that holds an environment's files.
pub fn cached_env(cx: &Context, saltenv: &str) -> Result<PathBuf> {
    Ok(crate::saltutil::cachedir(cx)?.join("files").join(relative(saltenv)?))
}

/// A path that stays below where it is put.
pub fn relative(path: &str) -> Result<&Path> {
    let relative = Path::new(path.trim_start_matches(['|', '/']));
    let below = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if below { Ok(relative) } else { Err(Error::execution(format!("'{path}' leads out of its directory"))) }
}

/// Text of a path.
pub fn text(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}
