//! The master's file server (`salt/fileclient.py`, `RemoteClient`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use salt::context::{FileHash, Files};
use salt::function::BoxFuture;
use salt::{Error, Map, Result, Value, map};
use tokio::io::AsyncWriteExt;
use tracing::{debug, warn};

use super::{below, hash_file};
use crate::link::{Link, exception};

/// How often a download that does not fit its hash is begun anew.
const DOWNLOADS: u32 = 3;
/// No file of a state is larger; a master that goes on sending is broken or evil.
const LARGEST: u64 = 64 << 30;

/// The files of the master, with a cache of what was fetched.
pub struct RemoteFiles {
    link: Arc<Link>,
    cache: PathBuf,
    counter: AtomicU64,
}

impl RemoteFiles {
    /// Files over a link, cached below `cachedir`.
    pub fn new(link: Arc<Link>, cachedir: &Path) -> RemoteFiles {
        RemoteFiles { link, cache: cachedir.join("files"), counter: AtomicU64::new(0) }
    }

    async fn names(&self, load: Map) -> Result<Vec<String>> {
        match self.link.request(load, None).await.map_err(exception)? {
            Value::List(names) => Ok(names.iter().map(Value::to_string).collect()),
            // An empty map or text is how a master says that it has none.
            other if !other.truthy() => Ok(vec![]),
            other => Err(unexpected("a list of names", &other)),
        }
    }

    async fn hash_of(&self, path: &str, saltenv: &str) -> Result<Option<FileHash>> {
        let load = map! { "path" => path, "saltenv" => saltenv, "cmd" => "_file_hash" };
        let reply = self.link.request(load, None).await.map_err(exception)?;
        match (reply.get("hash_type").and_then(Value::as_str), reply.get("hsum").and_then(Value::as_str)) {
            (Some(hash_type), Some(hsum)) => {
                Ok(Some(FileHash { hash_type: hash_type.into(), hsum: hsum.to_lowercase() }))
            }
            _ if !reply.truthy() => Ok(None),
            _ => Err(unexpected("a hash", &reply)),
        }
    }

    async fn fetch(&self, path: &str, saltenv: &str) -> Result<Option<PathBuf>> {
        let place = below(&self.cache, saltenv, path)?;
        let Some(wanted) = self.hash_of(path, saltenv).await? else { return Ok(None) };
        if hash_file(place.clone(), &wanted.hash_type).await.as_ref() == Some(&wanted) {
            debug!("the cached salt://{path} is up to date");
            return Ok(Some(place));
        }
        for attempt in 1..=DOWNLOADS {
            let part = self.part(&place);
            let fetched = self.download(path, saltenv, &part).await;
            let fits = match &fetched {
                Ok(true) => {
                    let got = hash_file(part.clone(), &wanted.hash_type).await;
                    // A kind of hash that is not known here can't be compared.
                    got.is_none_or(|got| got == wanted)
                }
                _ => false,
            };
            if fits {
                tokio::fs::rename(&part, &place).await.map_err(|e| on_disk(&place, &e))?;
                return Ok(Some(place));
            }
            // It may never have been made.
            let _ = tokio::fs::remove_file(&part).await;
            match fetched {
                Ok(false) => return Ok(None),
                Err(e) if attempt == DOWNLOADS => return Err(e),
                Err(e) => warn!("Data transport is broken, got: {e}, retry attempt {attempt}"),
                Ok(true) => warn!("The file salt://{path} does not fit its hash, retry attempt {attempt}"),
            }
        }
        Err(Error::Execution(format!("the file salt://{path} arrived broken {DOWNLOADS} times")))
    }

    /// Asks for chunks until there are no more. False: the master does not have the file.
    async fn download(&self, path: &str, saltenv: &str, part: &Path) -> Result<bool> {
        if let Some(directory) = part.parent() {
            tokio::fs::create_dir_all(directory).await.map_err(|e| on_disk(directory, &e))?;
        }
        let mut file = tokio::fs::File::create(part).await.map_err(|e| on_disk(part, &e))?;
        let mut loc: u64 = 0;
        loop {
            let load = map! { "path" => path, "saltenv" => saltenv, "cmd" => "_serve_file", "loc" => loc };
            let reply = self.link.request_bytes(load).await.map_err(exception)?;
            let Some(data) = reply.get("data").and_then(Value::as_bytes) else {
                return Err(unexpected("a chunk of a file", &reply));
            };
            if data.is_empty() {
                let there =
                    loc > 0 || reply.get("dest").and_then(Value::as_bytes).is_some_and(|d| !d.is_empty());
                file.flush().await.map_err(|e| on_disk(part, &e))?;
                return Ok(there);
            }
            file.write_all(data).await.map_err(|e| on_disk(part, &e))?;
            loc += data.len() as u64;
            if loc > LARGEST {
                return Err(Error::Execution(format!("the file salt://{path} does not end")));
            }
        }
    }

    fn part(&self, place: &Path) -> PathBuf {
        let mut name = place.file_name().unwrap_or_default().to_os_string();
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".{}.{number}.part", std::process::id()));
        place.with_file_name(name)
    }
}

fn on_disk(path: &Path, error: &std::io::Error) -> Error {
    Error::Execution(format!("{}: {error}", path.display()))
}

fn unexpected(what: &str, got: &Value) -> Error {
    Error::exception(
        "salt.exceptions.SaltClientError",
        format!("the master was asked for {what} and gave a {}", got.type_name()),
    )
}

impl Files for RemoteFiles {
    fn envs(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(self.names(map! { "cmd" => "_file_envs" }))
    }

    fn list(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(self.names(map! { "saltenv" => saltenv, "prefix" => prefix, "cmd" => "_file_list" }))
    }

    fn list_dirs(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(self.names(map! { "saltenv" => saltenv, "prefix" => prefix, "cmd" => "_dir_list" }))
    }

    fn hash(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<FileHash>>> {
        Box::pin(async move { self.hash_of(&path, &saltenv).await })
    }

    fn cache(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<PathBuf>>> {
        Box::pin(async move { self.fetch(&path, &saltenv).await })
    }

    fn master_opts(&self) -> BoxFuture<'_, Result<Map>> {
        Box::pin(async move {
            match self.link.request(map! { "cmd" => "_master_opts" }, None).await.map_err(exception)? {
                Value::Map(opts) => Ok(opts),
                other => Err(unexpected("its options", &other)),
            }
        })
    }
}
