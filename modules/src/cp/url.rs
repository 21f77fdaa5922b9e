//! Single files by URL, and files that come in pieces.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use salt::{Context, Error, Result, Value, functions, salt_fn};

use super::cache::cached;
use super::get::copy;
use super::source::{Source, not_served, text};

functions![get_url, recv_chunked];

/// The most that a compressed piece may become.
const PIECE: u64 = 256 << 20;

/// Copies a file to a place on this machine and gives that place; `False` if there is no such file.
///
/// The file is one of the server (`salt://`), or one of this machine, whose own place is given.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.get_url salt://my/file /tmp/this_file_is_mine
/// salt '*' cp.get_url salt://my/file None
/// ```
#[salt_fn]
async fn get_url(
    cx: &Context,
    /// The URL.
    path: String,
    /// Where to put it: a file, or a directory. An empty text leaves it in the cache; `None` gives the text of the file
    /// instead of a place.
    #[default("")]
    dest: Option<String>,
    /// The environment; that of the minion, or `base`, without it.
    saltenv: Option<String>,
    /// Make the directories that are missing.
    #[default(false)]
    makedirs: bool,
    /// For URLs of other kinds, which are not served.
    source_hash: Option<String>,
) -> Result<Value> {
    let _ = source_hash;
    let name = match Source::of(cx, &path, saltenv.clone()) {
        Source::Remote(url) => return Err(not_served(&url)),
        Source::Local(place) if !place.is_absolute() => {
            return Err(Error::Execution(format!("Path '{}' is not absolute", place.display())));
        }
        // The place itself, whether or not there is something.
        Source::Local(place) if dest.is_some() => return Ok(text(&place)),
        Source::Local(_) => String::new(),
        Source::Server { path, .. } => path.rsplit('/').next().unwrap_or_default().to_string(),
    };
    let Some(place) = cached(cx, &path, saltenv).await? else {
        tracing::error!("Unable to fetch file {path}.");
        return Ok(false.into());
    };
    match dest.as_deref() {
        None => {
            let content = tokio::fs::read(&place).await.map_err(Error::execution)?;
            Ok(String::from_utf8(content).map_or_else(|e| Value::Bytes(e.into_bytes()), Value::from))
        }
        Some("") => Ok(text(&place)),
        Some(dest) => copy(&place, dest, &name, makedirs).await,
    }
}

/// Writes a piece of a file on this machine. `salt-cp` calls it.
///
/// Gives `True`, or what is wrong.
///
/// CLI Example:
///
/// ```bash
/// salt '*' cp.recv_chunked /tmp/a.txt aGVsbG8K compressed=False
/// ```
#[salt_fn]
async fn recv_chunked(
    cx: &Context,
    /// The file, or without a piece the directory to make.
    dest: String,
    /// The piece as base64.
    #[required]
    chunk: Option<String>,
    /// The piece is not the first one.
    #[default(false)]
    append: bool,
    /// The piece was compressed by gzip before.
    #[default(true)]
    compressed: bool,
    /// The mode of the file, as a number.
    mode: Option<u64>,
) -> Result<Value> {
    let written = tokio::task::spawn_blocking(move || match chunk {
        None => directory(Path::new(&dest)),
        Some(chunk) => piece(Path::new(&dest), &chunk, append, compressed, mode),
    });
    Ok(match written.await.map_err(Error::execution)? {
        Ok(()) => true.into(),
        Err(Refusal::Kept(message)) => message.into(),
        Err(Refusal::Failed(message)) => {
            cx.set_retcode(1);
            message.into()
        }
    })
}

/// Why nothing was written.
enum Refusal {
    /// There is a file where a directory was to be: the original calls that no failure.
    Kept(String),
    Failed(String),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        Refusal::Failed(error.to_string())
    }
}

fn directory(dest: &Path) -> Result<(), Refusal> {
    if dest.is_file() {
        return Err(Refusal::Kept("Path exists and is a file".into()));
    }
    Ok(std::fs::create_dir_all(dest)?)
}

fn piece(dest: &Path, chunk: &str, append: bool, compressed: bool, mode: Option<u64>) -> Result<(), Refusal> {
    let compact: Vec<u8> = chunk.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mut bytes = STANDARD.decode(compact).map_err(|e| Refusal::Failed(e.to_string()))?;
    if compressed {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).take(PIECE + 1).read_to_end(&mut plain)?;
        if plain.len() as u64 > PIECE {
            return Err(Refusal::Failed(format!("the piece becomes larger than {PIECE} bytes")));
        }
        bytes = plain;
    }
    if let Some(dir) = dest.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut file =
        std::fs::OpenOptions::new().create(true).write(true).append(append).truncate(!append).open(dest)?;
    file.write_all(&bytes)?;
    if let Some(mode) = mode.filter(|_| !append).and_then(|mode| u32::try_from(mode).ok()) {
        file.set_permissions(std::fs::Permissions::from_mode(mode & 0o7777))?;
    }
    Ok(())
}
