//! Where things are: what gets the id behind it, and what is put into `root_dir`.

use std::path::{Component, Path, PathBuf};

use salt::{Map, Value};

use crate::files::glob;

/// Puts the id behind the paths that `append_minionid_config_dirs` names. The id has been checked.
pub(crate) fn append_id(opts: &mut Map, id: &str) {
    let dirs = opts.get("append_minionid_config_dirs").and_then(Value::as_list).unwrap_or_default().to_vec();
    let has = |dir: &str| dirs.iter().any(|d| d.as_str() == Some(dir));
    for dir in ["pki_dir", "cachedir", "extension_modules"].into_iter().filter(|d| has(d)) {
        if let Some(path) = opts.get_str(dir) {
            let path = Path::new(path).join(id).display().to_string();
            opts.insert(dir, path);
        }
    }
    for (option, between) in [("default_include", ""), ("pidfile", "salt")] {
        if let Some(path) = opts.get_str(option).filter(|p| has(option) && !p.is_empty()) {
            let path = Path::new(path);
            let dir = path.parent().unwrap_or(Path::new("")).join(between).join(id);
            let name = path.file_name().map(PathBuf::from).unwrap_or_default();
            let path = dir.join(name).display().to_string();
            opts.insert(option, path);
        }
    }
}

/// Settles the paths: defaults that hang on others, and `root_dir` in front.
pub(crate) fn settle(opts: &mut Map) {
    let text = |opts: &Map, option: &str| opts.get_str(option).unwrap_or("").to_string();
    let cachedir = text(opts, "cachedir");
    // A socket's path has room for about a hundred characters.
    if text(opts, "sock_dir").len() > cachedir.len() + 10 {
        opts.insert("sock_dir", Path::new(&cachedir).join(".salt-unix").display().to_string());
    }
    if text(opts, "extension_modules").is_empty() {
        opts.insert("extension_modules", Path::new(&cachedir).join("extmods").display().to_string());
    }
    if !opts.get("utils_dirs").is_some_and(Value::truthy) {
        let utils = Path::new(&text(opts, "extension_modules")).join("utils").display().to_string();
        opts.insert("utils_dirs", [utils]);
    }
    let root = normal(Path::new(&text(opts, "root_dir")));
    for option in
        ["pki_dir", "cachedir", "sock_dir", "extension_modules", "pidfile", "log_file", "key_logfile"]
    {
        let path = text(opts, option);
        // A log may go to `udp://host` or `file:///dev/log`.
        if !path.is_empty() && !path.contains("://") {
            opts.insert(option, inside(&root, Path::new(&path)).display().to_string());
        }
    }
    for option in ["file_roots", "pillar_roots"] {
        let base = if option == "file_roots" { "/srv/salt" } else { "/srv/pillar" };
        let roots = match opts.get(option) {
            Some(Value::Map(roots)) => normal_roots(roots),
            _ => salt::map! { "base" => [base] },
        };
        opts.insert(option, roots);
    }
}

/// A path within the root; one that is there already stays.
fn inside(root: &Path, path: &Path) -> PathBuf {
    if root != Path::new("/") && path.starts_with(root) {
        return path.into();
    }
    let relative: PathBuf = path.components().filter(|c| !matches!(c, Component::RootDir)).collect();
    root.join(relative)
}

/// An absolute path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from("/"));
    let mut out = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

/// Environments by text, each with a list of directories; patterns are expanded.
fn normal_roots(roots: &Map) -> Map {
    let mut normal = Map::new();
    for (env, dirs) in roots {
        let dirs = dirs.as_list().unwrap_or_default();
        let expanded: Vec<Value> = dirs
            .iter()
            .flat_map(|dir| match dir.as_str() {
                Some(path) if path.contains(['*', '?', '[']) => {
                    glob(Path::new(path)).iter().map(|p| p.display().to_string().into()).collect()
                }
                _ => vec![dir.clone()],
            })
            .collect();
        normal.insert(env.to_string(), Value::List(expanded));
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_into_the_root_once() {
        let to = |root: &str, path: &str| inside(Path::new(root), Path::new(path)).display().to_string();
        assert_eq!(to("/", "/etc/salt"), "/etc/salt");
        assert_eq!(to("/tmp/x", "/etc/salt"), "/tmp/x/etc/salt");
        assert_eq!(to("/tmp/x", "/tmp/x/etc"), "/tmp/x/etc");
        assert_eq!(to("/tmp/x", "cache"), "/tmp/x/cache");
        assert_eq!(normal(Path::new("/a/../b/./c")), Path::new("/b/c"));
    }
}
