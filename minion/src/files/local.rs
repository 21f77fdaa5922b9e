//! Files of this machine, for a minion without a master (`salt/fileserver/roots.py`).

use std::path::{Path, PathBuf};

use salt::context::{FileHash, Files};
use salt::function::BoxFuture;
use salt::{Map, Result, Value};

use super::{hash_file, plain};
use crate::settings::Settings;

/// The options that a master would have sent (`_master_opts`), as far as states look at them.
const MASTER_OPTS: &[&str] = &[
    "top_file_merging_strategy",
    "env_order",
    "default_top",
    "renderer",
    "failhard",
    "state_top",
    "state_top_saltenv",
    "nodegroups",
    "state_auto_order",
    "state_events",
    "state_aggregate",
    "jinja_env",
    "jinja_sls_env",
    "jinja_lstrip_blocks",
    "jinja_trim_blocks",
];

/// The directories of `file_roots`.
pub struct LocalFiles {
    roots: Vec<(String, Vec<PathBuf>)>,
    hash_type: String,
    master_opts: Map,
}

impl LocalFiles {
    /// The files that these options name.
    pub fn new(opts: &Map) -> LocalFiles {
        let environments = opts.get("file_roots").and_then(Value::as_map);
        let roots = environments.into_iter().flatten().map(|(saltenv, directories)| {
            let directories = match directories {
                Value::List(list) => list.iter().map(|d| PathBuf::from(d.to_string())).collect(),
                Value::Str(one) => vec![PathBuf::from(one)],
                _ => vec![],
            };
            (saltenv.to_string(), directories)
        });
        let mut master_opts = Map::new();
        master_opts
            .insert("file_roots", opts.get("file_roots").cloned().unwrap_or_else(|| Map::new().into()));
        for option in MASTER_OPTS {
            if let Some(value) = opts.get(option) {
                master_opts.insert(*option, value.clone());
            }
        }
        LocalFiles {
            roots: roots.collect(),
            hash_type: opts.text("hash_type").unwrap_or("sha256").into(),
            master_opts,
        }
    }

    fn directories(&self, saltenv: &str) -> &[PathBuf] {
        self.roots.iter().find(|(env, _)| env == saltenv).map_or(&[], |(_, directories)| directories)
    }

    /// The first root that has the file.
    fn find(&self, path: &str, saltenv: &str) -> Option<PathBuf> {
        let path = plain(path)?;
        self.directories(saltenv).iter().map(|root| root.join(path)).find(|file| file.is_file())
    }

    async fn walk(&self, saltenv: &str, prefix: &str, directories: bool) -> Vec<String> {
        let roots = self.directories(saltenv).to_vec();
        let prefix = prefix.trim_start_matches('/').to_string();
        let walked = tokio::task::spawn_blocking(move || {
            let mut names = vec![];
            for root in &roots {
                collect(root, root, directories, 0, &mut names);
            }
            names.retain(|name| name.starts_with(&prefix));
            names.sort_unstable();
            names.dedup();
            names
        });
        walked.await.unwrap_or_default()
    }
}

/// Symbolic links are followed; the depth ends what links make endless.
fn collect(root: &Path, directory: &Path, directories: bool, depth: u32, names: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    if depth > 64 {
        return;
    }
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_directory = path.is_dir();
        if let (true, Some(name)) =
            (is_directory == directories, path.strip_prefix(root).ok().and_then(Path::to_str))
        {
            names.push(name.to_string());
        }
        if is_directory {
            collect(root, &path, directories, depth + 1, names);
        }
    }
}

impl Files for LocalFiles {
    fn envs(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move { Ok(self.roots.iter().map(|(env, _)| env.clone()).collect()) })
    }

    fn list(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move { Ok(self.walk(&saltenv, &prefix, false).await) })
    }

    fn list_dirs(&self, saltenv: String, prefix: String) -> BoxFuture<'_, Result<Vec<String>>> {
        Box::pin(async move { Ok(self.walk(&saltenv, &prefix, true).await) })
    }

    fn hash(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<FileHash>>> {
        Box::pin(async move {
            match self.find(&path, &saltenv) {
                Some(file) => Ok(hash_file(file, &self.hash_type).await),
                None => Ok(None),
            }
        })
    }

    /// The file itself: there is nothing to fetch.
    fn cache(&self, path: String, saltenv: String) -> BoxFuture<'_, Result<Option<PathBuf>>> {
        Box::pin(async move { Ok(self.find(&path, &saltenv)) })
    }

    fn master_opts(&self) -> BoxFuture<'_, Result<Map>> {
        Box::pin(async move { Ok(self.master_opts.clone()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[tokio::test]
    async fn roots_are_searched_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        std::fs::create_dir_all(one.join("sub")).unwrap();
        std::fs::create_dir_all(&two).unwrap();
        std::fs::write(one.join("top.sls"), "1").unwrap();
        std::fs::write(one.join("sub/a"), "1").unwrap();
        std::fs::write(two.join("top.sls"), "2").unwrap();
        std::fs::write(directory.path().join("secret"), "x").unwrap();
        let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
        let files = LocalFiles::new(
            &map! { "file_roots" => map! { "base" => list![one, two], "dev" => list![two] } },
        );
        let text = |file: Option<PathBuf>| file.map(|f| std::fs::read_to_string(f).unwrap());
        assert_eq!(files.envs().await.unwrap(), ["base", "dev"]);
        assert_eq!(text(files.cache("top.sls".into(), "base".into()).await.unwrap()).as_deref(), Some("1"));
        assert_eq!(text(files.cache("top.sls".into(), "dev".into()).await.unwrap()).as_deref(), Some("2"));
        assert_eq!(files.cache("../secret".into(), "base".into()).await.unwrap(), None);
        assert_eq!(files.list("base".into(), String::new()).await.unwrap(), ["sub/a", "top.sls"]);
        assert_eq!(files.list("base".into(), "sub".into()).await.unwrap(), ["sub/a"]);
        assert_eq!(files.list_dirs("base".into(), String::new()).await.unwrap(), ["sub"]);
        assert!(files.hash("top.sls".into(), "base".into()).await.unwrap().is_some());
        assert_eq!(files.list("prod".into(), String::new()).await.unwrap(), [""; 0]);
    }
}
