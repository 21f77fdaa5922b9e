//! Jobs, caches and refreshes of the minion.
//!
//! Facts: `salt/modules/saltutil.py` of Salt 3007.17.

mod job;
mod sync;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use salt::{Context, Error, Function, Map, Result, Value, functions, map, salt_fn};

functions![
    clear_cache,
    clear_job_cache,
    list_extmods,
    pillar_refresh,
    refresh_beacons,
    refresh_grains,
    refresh_matchers,
    refresh_modules,
    refresh_pillar,
    regen_keys,
    revoke_auth,
];

/// The tables of this module.
pub const TABLES: [&[Function]; 4] = [FUNCTIONS, job::FUNCTIONS, sync::TABLES[0], sync::TABLES[1]];

/// Fetches the pillar from the master into memory.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.refresh_pillar
/// salt '*' saltutil.refresh_pillar wait=True timeout=60
/// ```
#[salt_fn]
async fn refresh_pillar(
    cx: &Context,
    /// Wait until it is there.
    #[default(false)]
    wait: bool,
    /// The most whole seconds to wait.
    #[default(30)]
    timeout: u64,
    /// Let the master drop its cached pillar.
    #[default(true)]
    clean_cache: bool,
) -> Result<bool> {
    cx.master().refresh_pillar(wait.then(|| Duration::from_secs(timeout)), clean_cache).await
}

/// Fetches the pillar from the master into memory: another name of `saltutil.refresh_pillar`.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.pillar_refresh
/// ```
#[salt_fn]
async fn pillar_refresh(
    cx: &Context,
    /// Wait until it is there.
    #[default(false)]
    wait: bool,
    /// The most whole seconds to wait.
    #[default(30)]
    timeout: u64,
    /// Let the master drop its cached pillar.
    #[default(true)]
    clean_cache: bool,
) -> Result<bool> {
    cx.master().refresh_pillar(wait.then(|| Duration::from_secs(timeout)), clean_cache).await
}

/// Computes the grains anew and fetches the pillar for them.
///
/// The keyword `refresh_pillar=False` leaves the pillar as it is, `clean_pillar_cache=True` lets the master drop its
/// cached one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.refresh_grains
/// salt '*' saltutil.refresh_grains refresh_pillar=False
/// ```
#[salt_fn]
async fn refresh_grains(cx: &Context, #[kwargs] kwargs: Map) -> Result<bool> {
    let mut kwargs = crate::clean_kwargs(kwargs);
    let refresh_pillar = kwargs.remove("refresh_pillar").is_none_or(|v| v.truthy());
    let clean = kwargs.remove("clean_pillar_cache").is_some_and(|v| v.truthy());
    crate::no_more_keywords(&kwargs)?;
    cx.master().refresh_grains().await?;
    if refresh_pillar {
        cx.master().refresh_pillar(None, clean).await?;
    }
    Ok(true)
}

/// Says that the modules are loaded. They are part of the program, so there is nothing to load anew.
///
/// The keyword `async` is taken and has nothing to wait for.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.refresh_modules
/// ```
#[salt_fn]
async fn refresh_modules(_cx: &Context, #[kwargs] _kwargs: Map) -> Result<bool> {
    Ok(true)
}

/// Says that the beacons are loaded. They are part of the program, so there is nothing to load anew.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.refresh_beacons
/// ```
#[salt_fn]
async fn refresh_beacons(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Says that the matchers are loaded. They are part of the program, so there is nothing to load anew.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.refresh_matchers
/// ```
#[salt_fn]
async fn refresh_matchers(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Lists the modules that were synchronised, by kind. None can be loaded, so there are none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.list_extmods
/// ```
#[salt_fn]
async fn list_extmods(_cx: &Context) -> Result<Map> {
    Ok(Map::new())
}

/// Removes the files of the minion's cache. Directories stay, and so do returns that the master has not taken yet.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.clear_cache
/// ```
#[salt_fn]
async fn clear_cache(cx: &Context) -> Result<bool> {
    let dir = cachedir(cx)?;
    blocking(move || remove_files(&dir)).await
}

/// Removes the jobs from the minion's cache that are older than some hours.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.clear_job_cache hours=12
/// ```
#[salt_fn]
async fn clear_job_cache(
    cx: &Context,
    /// The age from which jobs are removed.
    #[default(24)]
    hours: u64,
) -> Result<bool> {
    let dir = cachedir(cx)?.join("minion_jobs");
    let oldest = SystemTime::now().checked_sub(Duration::from_secs(hours.saturating_mul(3600)));
    blocking(move || oldest.is_none_or(|oldest| remove_older(&dir, oldest))).await
}

/// Makes a new key pair of this minion, which it shows at its next authentication. The master takes it for that of somebody
/// else until the old key is deleted there. What the minion knows of the master's keys stays.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.regen_keys
/// ```
#[salt_fn]
async fn regen_keys(cx: &Context) -> Result<Value> {
    cx.master().regen_keys().await.map(|()| Value::None)
}

/// Asks the master to forget the key of this minion. From then on the minion is a stranger to it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.revoke_auth
/// ```
#[salt_fn]
async fn revoke_auth(
    cx: &Context,
    /// Let the master keep what it has cached of this minion.
    #[default(false)]
    preserve_minion_cache: bool,
) -> Result<bool> {
    let load =
        map! { "cmd" => "revoke_auth", "id" => cx.id(), "preserve_minion_cache" => preserve_minion_cache };
    match cx.master().request(load).await {
        Ok(answer) => Ok(answer.truthy()),
        Err(error) => {
            tracing::error!("the master did not revoke the key: {error}");
            Ok(false)
        }
    }
}

/// The option `cachedir`.
///
/// # Errors
/// [`Error::Execution`] if it is not set.
pub fn cachedir(cx: &Context) -> Result<PathBuf> {
    match cx.opts().get_str("cachedir") {
        Some(dir) if !dir.is_empty() => Ok(PathBuf::from(dir)),
        _ => Err(Error::execution("The option cachedir is not set")),
    }
}

/// Runs work on files where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::execution)
}

/// Removes all files below a directory; links are removed, not followed.
fn remove_files(dir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return true };
    entries.flatten().all(|entry| match entry.file_type() {
        // What waits here for the master is no cache.
        Ok(kind) if kind.is_dir() && matches!(entry.file_name().to_str(), Some("spool" | "proc")) => true,
        Ok(kind) if kind.is_dir() => remove_files(&entry.path()),
        // Keys are never part of a cache that may be cleared.
        _ if entry.path().extension().is_some_and(|e| e == "pem" || e == "pub") => true,
        _ => done(std::fs::remove_file(entry.path())),
    })
}

fn remove_older(dir: &Path, oldest: SystemTime) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return true };
    entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).all(|entry| {
        match entry.metadata().and_then(|m| m.modified()) {
            Ok(time) if time < oldest => done(std::fs::remove_dir_all(entry.path())),
            _ => true,
        }
    })
}

fn done(result: std::io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::error!("the cache could not be cleared: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_cache_keeps_directories_keys_and_returns() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        std::fs::write(dir.path().join("files/a"), "a").unwrap();
        std::fs::write(dir.path().join("minion.pem"), "key").unwrap();
        std::fs::create_dir(dir.path().join("spool")).unwrap();
        std::fs::write(dir.path().join("spool/return.p"), "return").unwrap();
        assert!(remove_files(dir.path()));
        assert!(dir.path().join("spool/return.p").exists());
        assert!(dir.path().join("files").is_dir());
        assert!(!dir.path().join("files/a").exists());
        assert!(dir.path().join("minion.pem").exists());
        assert!(remove_files(&dir.path().join("nosuch")));
    }

    #[test]
    fn only_old_jobs_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("job")).unwrap();
        let now = SystemTime::now();
        assert!(remove_older(dir.path(), now - Duration::from_secs(60)));
        assert!(dir.path().join("job").exists());
        assert!(remove_older(dir.path(), now + Duration::from_secs(60)));
        assert!(!dir.path().join("job").exists());
    }
}
