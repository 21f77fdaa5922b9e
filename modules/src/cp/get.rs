//! Files of the server, copied to where they are wanted.

use std::path::{Path, PathBuf};

use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

use super::cache::{below, cached, directory, empty_dirs};
use super::source::{Source, relative, text};

functions![get_dir, get_file, push, push_dir, recv];

/// Copies a file of the server to a place on this machine and gives that place.
///
/// Gives an empty text if there is no such file, and `False` if the directory it should go into is not there.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.get_file salt://path/to/file /minion/dest
/// salt '*' cp.get_file salt://path/to/file /minion/new/dest makedirs=True
/// ```
#[salt_fn]
async fn get_file(
    cx: &Context,
    /// The file.
    path: String,
    /// Where to put it. For a directory, or a path that ends in a slash, the file keeps its name.
    dest: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Make the directories that are missing.
    #[default(false)]
    makedirs: bool,
    /// Render the paths first. No engine does that here.
    template: Option<String>,
    /// How strongly to compress on the way. The channel decides.
    gzip: Option<i64>,
    #[kwargs] _kwargs: Map,
) -> Result<Value> {
    let _ = gzip;
    refuse_template(template.as_deref())?;
    let Source::Server { path: name, .. } = Source::of(cx, &path, saltenv.clone()) else {
        return Err(Error::exception("salt.exceptions.MinionError", format!("Unsupported path: {path}")));
    };
    let Some(place) = cached(cx, &path, saltenv).await? else { return Ok("".into()) };
    let name = name.rsplit('/').next().unwrap_or(&name).to_string();
    copy(&place, &dest, &name, makedirs).await
}

/// Copies a directory of the server with all that is in it, and gives the places of its files.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.get_dir salt://path/to/dir/ /minion/dest
/// ```
#[salt_fn]
async fn get_dir(
    cx: &Context,
    /// The directory.
    path: String,
    /// The directory of this machine that it becomes part of.
    dest: String,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Render the paths first. No engine does that here.
    template: Option<String>,
    /// How strongly to compress on the way. The channel decides.
    gzip: Option<i64>,
    #[kwargs] _kwargs: Map,
) -> Result<Vec<String>> {
    let _ = gzip;
    refuse_template(template.as_deref())?;
    let (dir, saltenv) = directory(cx, &path, saltenv)?;
    // The last part of the path comes along.
    let above = dir.rsplit_once('/').map_or("", |(above, _)| above);
    let place = |path: &str| -> Result<PathBuf> {
        Ok(Path::new(&dest).join(relative(path.strip_prefix(above).unwrap_or(path))?))
    };
    let mut places = Vec::new();
    for file in below(cx.files().list(saltenv.clone(), dir.clone()).await?, &dir) {
        let place = place(&file)?.to_string_lossy().into_owned();
        if let Some(cached) = cx.files().cache(file, saltenv.clone()).await? {
            copy(&cached, &place, "", true).await?;
            places.push(place);
        }
    }
    for empty in empty_dirs(cx, &dir, &saltenv).await? {
        let place = place(&empty)?;
        tokio::fs::create_dir_all(&place).await.map_err(Error::execution)?;
        places.push(place.to_string_lossy().into_owned());
    }
    places.sort_unstable();
    Ok(places)
}

/// Writes texts into files of this machine. `salt-cp` calls it.
///
/// Gives, by place, whether it went well, or `Destination unavailable`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.recv '{/tmp/a.txt: hello}' /tmp/b.txt
/// ```
#[salt_fn]
async fn recv(
    _cx: &Context,
    /// Texts by the paths that they come from.
    files: Map,
    /// A directory, or the name of the one file.
    dest: String,
) -> Result<Value> {
    let mut ret = Map::new();
    let dest = Path::new(&dest);
    for (path, content) in &files {
        let path = path.to_string();
        let name = Path::new(&path).file_name();
        let place = if dest.is_dir() {
            name.map_or_else(|| dest.to_path_buf(), |name| dest.join(name))
        } else if name == dest.file_name() || dest.parent().is_some_and(Path::is_dir) {
            dest.to_path_buf()
        } else {
            return Ok("Destination unavailable".into());
        };
        let content = content.as_bytes().unwrap_or_default();
        ret.insert(text(&place), tokio::fs::write(&place, content).await.is_ok());
    }
    Ok(ret.into())
}

/// Sends a file of this machine to the master, which keeps it in the minion's cache there.
///
/// The master's option `file_recv` must allow it, otherwise the result is `False`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.push /etc/fstab
/// salt '*' cp.push /etc/fstab upload_path=/new/path/fstab
/// ```
#[salt_fn]
async fn push(
    cx: &Context,
    /// The file: an absolute path.
    path: String,
    /// Send what is at the path given instead of what a link there leads to.
    #[default(false)]
    keep_symlinks: bool,
    /// Another path below the minion's cache on the master.
    upload_path: Option<String>,
    /// Remove the file when the master has it.
    #[default(false)]
    remove_source: bool,
) -> Result<Value> {
    pushed(cx, &path, keep_symlinks, upload_path, remove_source).await
}

/// Sends the files of a directory of this machine to the master, as `cp.push` does with one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.push_dir /usr/lib/mysql
/// salt '*' cp.push_dir /etc/modprobe.d/ glob='*.conf'
/// ```
#[salt_fn]
async fn push_dir(
    cx: &Context,
    /// The directory: an absolute path.
    path: String,
    /// Only files whose names fit this pattern.
    glob: Option<String>,
    /// Another path below the minion's cache on the master.
    upload_path: Option<String>,
) -> Result<Value> {
    if path.contains("../") || !Path::new(&path).is_absolute() {
        return Ok(false.into());
    }
    let Ok(root) = std::fs::canonicalize(&path) else { return Ok(false.into()) };
    if root.is_file() {
        return pushed(cx, &path, false, upload_path, false).await;
    }
    let mut files = Vec::new();
    super::cache::walk(&root, &mut files);
    let name =
        |file: &PathBuf| file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    files.retain(|file| glob.as_ref().is_none_or(|glob| salt::target::fnmatch(&name(file), glob)));
    let mut ret = Value::Bool(false);
    for file in files {
        let upload = upload_path.as_ref().map(|upload| {
            let below = file.strip_prefix(&root).unwrap_or(&file);
            Path::new("/").join(upload.trim_matches('/')).join(below).to_string_lossy().into_owned()
        });
        ret = pushed(cx, &file.to_string_lossy(), false, upload, false).await?;
        if !ret.truthy() {
            break;
        }
    }
    Ok(ret)
}

/// Bytes of a file in one message, unless `file_buffer_size` says otherwise.
const BUFFER: u64 = 1 << 20;

async fn pushed(
    cx: &Context,
    path: &str,
    keep_symlinks: bool,
    upload_path: Option<String>,
    remove_source: bool,
) -> Result<Value> {
    let climbs = |path: &str| path.contains("../");
    if climbs(path) || !Path::new(path).is_absolute() || upload_path.as_deref().is_some_and(climbs) {
        return Ok(false.into());
    }
    let source =
        if keep_symlinks { PathBuf::from(path) } else { Path::new(path).canonicalize().unwrap_or_default() };
    if !source.is_file() {
        return Ok(false.into());
    }
    let target = upload_path.unwrap_or_else(|| source.to_string_lossy().into_owned());
    let parts: Vec<&str> = target.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let content = tokio::fs::read(&source).await.map_err(Error::execution)?;
    let opts = cx.opts();
    let buffer = opts.get("file_buffer_size").and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
    let buffer = usize::try_from(buffer.filter(|n| *n > 0).unwrap_or(BUFFER)).unwrap_or(usize::MAX);
    let mut at = 0;
    // An empty file is sent too, as one empty piece.
    loop {
        let piece = &content[at..content.len().min(at + buffer)];
        let load = map! {
            "cmd" => "_file_recv",
            "id" => cx.id(),
            "path" => parts.clone(),
            "size" => content.len(),
            "loc" => at,
            "data" => Value::Bytes(piece.to_vec()),
        };
        let answer = cx.master().request(load).await?;
        if !answer.truthy() {
            tracing::error!("the master did not take {path}: its option file_recv may forbid it");
            return Ok(answer);
        }
        at += piece.len();
        if at >= content.len() {
            break;
        }
    }
    if remove_source {
        tokio::fs::remove_file(&source).await.map_err(Error::execution)?;
    }
    Ok(true.into())
}

/// Copies a cached file. The new one takes the place of the old one at once, so that nobody reads half of it.
pub async fn copy(from: &Path, dest: &str, name: &str, makedirs: bool) -> Result<Value> {
    let mut to = PathBuf::from(dest);
    if to.is_dir() || dest.ends_with('/') {
        to.push(name);
    }
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.is_dir() {
        if !makedirs {
            return Ok(false.into());
        }
        tokio::fs::create_dir_all(dir).await.map_err(Error::execution)?;
    }
    let mut beside = to.clone().into_os_string();
    beside.push(".salt-new");
    tokio::fs::copy(from, &beside).await.map_err(Error::execution)?;
    tokio::fs::rename(&beside, &to).await.map_err(Error::execution)?;
    Ok(text(&to))
}

fn refuse_template(template: Option<&str>) -> Result<()> {
    match template.filter(|template| !template.is_empty()) {
        None => Ok(()),
        Some(engine) => {
            Err(Error::execution(format!("Attempted to render file paths with unavailable engine {engine}")))
        }
    }
}
