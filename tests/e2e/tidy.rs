//! The invariants of the house, read from the manifests and the sources.

use std::fs;
use std::path::{Path, PathBuf};

use lab::provision::workspace;

/// Files of the tree, by ending, without what is built or not ours.
fn files(below: &str, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![workspace().join(below)];
    while let Some(path) = open.pop() {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name == "target" || name == ".git" {
                continue;
            }
            let entries = fs::read_dir(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            open.extend(entries.flatten().map(|e| e.path()));
        } else if endings.iter().any(|e| name.ends_with(e))
            && let Ok(text) = fs::read_to_string(&path)
        {
            let short = path.strip_prefix(workspace()).unwrap_or(&path).to_owned();
            found.push((short, text));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing below {below}");
    found
}

/// Lines with one of these words, as `file:line: text`.
fn lines_with(files: &[(PathBuf, String)], found: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    for (path, text) in files {
        for (n, line) in text.lines().enumerate() {
            if found(path, line) {
                out.push(format!("{}:{}: {}", path.display(), n + 1, line.trim()));
            }
        }
    }
    out
}

/// The identifiers of a line, `a_b` and `AB` as one each.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}

#[test]
fn the_vcenter_crate_knows_nothing_of_salt() {
    let salt = ["salt", "minion", "pillar", "grains", "sls", "jid", "salt_fn", "salt_state"];
    let found = lines_with(&files("vcenter", &[".rs", ".toml"]), |_, line| {
        words(line).any(|w| salt.contains(&w.to_lowercase().as_str()))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_transports_open_sockets() {
    let sockets =
        ["TcpStream", "TcpListener", "TcpSocket", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram"];
    let mut all = Vec::new();
    for member in ["salt", "vcenter", "config", "modules", "states", "minion", "jinja", "render"] {
        all.extend(files(&format!("{member}/src"), &[".rs"]));
    }
    // A test may well listen itself, and so may a file that only tests see.
    let mut doubles: Vec<String> = vec!["tests".to_owned()];
    for (_, text) in &mut all {
        let only = text.split("#[cfg(test)]\n").skip(1).filter_map(|t| t.lines().next()?.strip_suffix(';'));
        doubles.extend(only.filter_map(|l| l.rsplit_once("mod ")).map(|(_, name)| name.to_owned()));
        text.truncate(text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len()));
    }
    all.retain(|(path, _)| !path.file_stem().is_some_and(|s| doubles.iter().any(|d| **d == *s)));
    let found = lines_with(&all, |path, line| {
        let path = path.to_string_lossy();
        let transport = path.starts_with("vcenter/src/transport") || path.starts_with("minion/src/transport");
        let opens = words(line).any(|w| sockets.contains(&w))
            || line.contains("reqwest::")
            || line.contains("zeromq::");
        !transport && !line.trim_start().starts_with("//") && opens
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Which of ours a member may depend on, as the house draws it.
const MAY: [(&str, &[&str]); 11] = [
    ("vcenter", &[]),
    ("jinja", &[]),
    ("salt/macros", &[]),
    ("salt", &["salt-macros", "vcenter"]),
    ("config", &["salt"]),
    ("render", &["jinja", "salt"]),
    ("modules", &["render", "salt", "vcenter"]),
    ("states", &["render", "salt", "vcenter"]),
    ("minion", &["config", "modules", "salt", "states", "vcenter"]),
    ("tests", &["config", "minion", "modules", "salt", "states", "vcenter"]),
    ("bench", &["tests", "vcenter"]),
];

#[test]
fn dependencies_point_down() {
    let ours = [
        "salt",
        "salt-macros",
        "vcenter",
        "config",
        "modules",
        "states",
        "minion",
        "tests",
        "jinja",
        "render",
        "bench",
    ];
    let root = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let members = root.lines().find(|l| l.starts_with("members")).unwrap_or_default();
    assert_eq!(members.matches('"').count(), 2 * MAY.len(), "every member has its place: {members}");
    for (member, may) in MAY {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} has the workspace's lints");
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.contains("dependencies") {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
                assert!(!ours.contains(&name) || may.contains(&name), "{member} depends on {name}");
                assert!(
                    name.is_empty() || name.starts_with('#') || line.contains("workspace"),
                    "{member}: {line}: versions stand in the root"
                );
            }
        }
    }
}

#[test]
fn functions_hold_no_soap() {
    let mut all = files("modules/src", &[".rs"]);
    all.extend(files("states/src", &[".rs"]));
    let found = lines_with(&all, |_, line| {
        let line = line.trim_start();
        !line.starts_with("//")
            && (line.contains("vcenter::soap")
                || line.contains("vcenter::transport")
                || line.contains("vcenter::rest"))
    });
    assert!(found.is_empty(), "a verb goes down into vcenter/src/ops: {}", found.join("\n"));
}

/// The names in the lists at the head of a file.
fn listed(text: &str, list: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in text.split(&format!("{list}![")).skip(1) {
        let inside = part.split(']').next().unwrap_or_default();
        let inside: String = inside.lines().map(|l| l.split("//").next().unwrap_or_default()).collect();
        names.extend(inside.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()));
    }
    names
}

/// The functions a file declares with this attribute.
fn declared(text: &str, attribute: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut wanted = false;
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with(&format!("#[{attribute}]")) || line.starts_with(&format!("#[{attribute}(")) {
            wanted = true;
        } else if wanted
            && !line.starts_with("//")
            && let Some(rest) = line.split("fn ").nth(1)
        {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            wanted = false;
        }
    }
    names
}

#[test]
fn every_function_is_in_its_files_list() {
    let mut seen = 0;
    for folder in ["modules/src", "states/src"] {
        for (path, text) in files(folder, &[".rs"]) {
            for (attribute, list) in [("salt_fn", "functions"), ("salt_state", "states")] {
                let declared = declared(&text, attribute);
                seen += declared.len();
                let mut listed = listed(&text, list);
                listed.extend(if attribute == "salt_state" {
                    self::listed(&text, "functions")
                } else {
                    vec![]
                });
                for name in &declared {
                    let count = listed.iter().filter(|l| l.rsplit("::").next() == Some(name)).count();
                    assert_eq!(count, 1, "{}: {name} is in the list {count} times", path.display());
                }
            }
        }
    }
    assert!(seen > 20, "{seen} functions");
}

#[test]
fn no_file_knows_this_machine() {
    let mut all = files("", &[".rs", ".toml", ".md", ".py", ".sh", ".go", ".example", ".service"]);
    all.retain(|(p, _)| !p.starts_with("target"));
    let here = format!("{}/", workspace().display());
    // Joined here, or this very file would be found.
    let homes = [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"]].map(|h| h.concat());
    let found = lines_with(&all, |_, line| {
        let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-".contains(c));
        line.contains(&here) || homes.iter().any(|h| line.match_indices(h).any(|(at, _)| begins(at)))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn nothing_is_put_off() {
    let all = files("", &[".rs", ".go", ".py", ".sh"]);
    // Joined here, or this very file would be found.
    let later = [["to", "do!("], ["unimplemen", "ted!("], ["#[ig", "nore"]].map(|h| h.concat());
    let notes = [["FIX", "ME"], ["TO", "DO"]].map(|n| n.concat());
    let found = lines_with(&all, |_, line| {
        later.iter().any(|l| line.contains(l)) || words(line).any(|w| notes.iter().any(|n| n == w))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn files_stay_small() {
    for (path, text) in files("", &[".rs"]) {
        let generated = text.lines().take(3).any(|l| l.contains("enerated"));
        assert!(
            generated || text.lines().count() <= 600,
            "{} has {} lines: split it by noun",
            path.display(),
            text.lines().count()
        );
    }
}
