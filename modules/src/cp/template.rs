//! Files of the server as templates.

use std::path::Path;

use ::render::Source as Text;
use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use super::cache::cached;
use super::source::saltenv_of;

functions![get_template];

/// Renders a file of the server as a Jinja template, puts the outcome on this machine and gives its place.
///
/// Gives an empty text if there is no such file, if the directory it should go into is not there, or if the file can't be
/// rendered; the log says which.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.get_template salt://path/to/template /minion/dest
/// ```
#[salt_fn]
async fn get_template(
    cx: &Context,
    /// The file.
    path: String,
    /// Where to put it; empty for a place in the cache.
    dest: String,
    /// The engine: `jinja`.
    #[default("jinja")]
    template: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Make the directories that are missing.
    #[default(false)]
    makedirs: bool,
    #[kwargs] kwargs: Map,
) -> Result<String> {
    let Some(place) = cached(cx, &path, saltenv.clone()).await? else { return Ok(String::new()) };
    if template != "jinja" {
        tracing::error!("Attempted to render template with unavailable engine {template}");
        return Ok(String::new());
    }
    let saltenv = saltenv_of(cx, saltenv);
    let mut variables = crate::clean_kwargs(kwargs);
    if let Some(Value::Map(context)) = variables.remove("context") {
        variables.extend(context);
    }
    let bytes = tokio::fs::read(&place).await.map_err(Error::execution)?;
    let source = Text { saltenv: saltenv.clone(), context: variables, ..Text::default() };
    let output = ::render::template(cx, &bytes, &source).await?;
    let (dest, makedirs) = match dest.is_empty() {
        true => {
            let name = path.split_once("://").map_or(path.as_str(), |(_, rest)| rest);
            let cache = crate::saltutil::cachedir(cx)?;
            (cache.join("extrn_files").join(&saltenv).join(super::source::relative(name)?), true)
        }
        false => (Path::new(&dest).to_path_buf(), makedirs),
    };
    let directory = dest.parent().unwrap_or(Path::new("/"));
    if !directory.as_os_str().is_empty() && !directory.is_dir() {
        if !makedirs {
            return Ok(String::new());
        }
        tokio::fs::create_dir_all(directory).await.map_err(Error::execution)?;
    }
    tokio::fs::write(&dest, output).await.map_err(Error::execution)?;
    Ok(dest.to_string_lossy().into_owned())
}
