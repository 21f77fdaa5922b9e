//! Files of options: one file, and what it includes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use salt::target::fnmatch;
use salt::{Map, Value, yaml};

use crate::Error;

/// How deep files may include files.
const MAX_DEPTH: usize = 20;

/// Options, and where each was said last.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) opts: Map,
    pub(crate) places: HashMap<String, String>,
}

/// Reads files and remembers which, and what was odd about them.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) warnings: Vec<Error>,
}

impl Layer {
    /// Takes over what another layer says, option by option.
    pub(crate) fn replace(&mut self, other: Layer) {
        self.opts.extend(other.opts);
        self.places.extend(other.places);
    }

    /// Merges another layer in: maps key by key, lists joined. So do files of one `include` (`salt/config/__init__.py`,
    /// `include_config`).
    fn merge(&mut self, other: Layer) {
        merge(&mut self.opts, other.opts);
        self.places.extend(other.places);
    }
}

fn merge(into: &mut Map, from: Map) {
    for (key, value) in from {
        match (into.get_key_mut(&key), value) {
            (Some(Value::Map(mine)), Value::Map(theirs)) => merge(mine, theirs),
            (Some(Value::List(mine)), Value::List(theirs)) => {
                for item in theirs {
                    if !mine.contains(&item) {
                        mine.push(item);
                    }
                }
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

impl Reader {
    /// The options of a file; none if there is no such file.
    pub(crate) fn file(&mut self, path: &Path) -> Result<Option<Layer>, Error> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::Read { file: path.into(), reason: e.to_string() }),
        };
        let name = path.display().to_string();
        let (value, lines) = match yaml::load_with_lines(&text, &name) {
            Ok(loaded) => loaded,
            Err(e) => {
                let error = Error::Syntax { file: path.into(), reason: e.to_string() };
                return self.broken(path, error).map(Some);
            }
        };
        let mut opts = match value {
            Value::Map(map) => map,
            empty if !empty.truthy() => Map::new(),
            other => return Err(Error::NoMap { file: path.into(), got: other.type_name() }),
        };
        opts.retain(|key, _| key.as_str().is_some());
        self.files.push(path.into());
        let places = lines.into_iter().map(|(key, line)| (key, format!("{name}:{line}"))).collect();
        Ok(Some(Layer { opts, places }))
    }

    /// A schedule is written by the minion itself: a broken one is put aside instead of keeping the minion down.
    fn broken(&mut self, path: &Path, error: Error) -> Result<Layer, Error> {
        let name = path.display().to_string();
        if !name.ends_with("_schedule.conf") {
            return Err(error);
        }
        self.warnings.push(error);
        if let Err(e) = fs::rename(path, format!("{name}YAMLError")) {
            self.warnings.push(Error::Read { file: path.into(), reason: e.to_string() });
        }
        Ok(Layer::default())
    }

    /// The options of all files that the patterns fit. Patterns are relative to `dir`.
    pub(crate) fn include(&mut self, patterns: &Value, dir: &Path, must_match: bool) -> Result<Layer, Error> {
        self.include_at(patterns, dir, must_match, 0)
    }

    fn include_at(&mut self, patterns: &Value, dir: &Path, must: bool, depth: usize) -> Result<Layer, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::Cycle { file: dir.into() });
        }
        let mut all = Layer::default();
        let one = [patterns.clone()];
        for pattern in patterns.as_list().unwrap_or(&one).iter().filter_map(Value::as_str) {
            let pattern = expand_home(pattern);
            let matches = glob(&dir.join(&pattern));
            if matches.is_empty() && must {
                self.warnings.push(Error::NoMatch { pattern });
            }
            for file in matches.into_iter().filter(|f| f.is_file()) {
                let Some(mut layer) = self.file(&file)? else { continue };
                let below = layer.opts.get("include").cloned().unwrap_or_default();
                if below.truthy() {
                    let dir = file.parent().unwrap_or(dir).to_path_buf();
                    let included = self.include_at(&below, &dir, true, depth + 1)?;
                    layer.replace(included);
                }
                all.merge(layer);
            }
        }
        Ok(all)
    }
}

fn expand_home(pattern: &str) -> String {
    match (pattern.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => pattern.to_string(),
    }
}

/// The paths that a pattern fits, in order. As in Python, a star does not find names that start with a dot.
pub(crate) fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part = part.as_os_str().to_string_lossy().into_owned();
        if !part.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|p| p.push(&part));
            continue;
        }
        found = found.iter().flat_map(|dir| matching(dir, &part)).collect();
    }
    found.retain(|p| p.exists());
    found.sort();
    found
}

fn matching(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (pattern.starts_with('.') || !name.starts_with('.')) && fnmatch(&name, pattern)
        })
        .map(|entry| entry.path())
        .collect()
}
