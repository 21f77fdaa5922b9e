//! The beacons of a minion as functions see them.

use std::path::{Path, PathBuf};

use crate::{Map, Value};

/// The beacons of a minion. Those of the pillar stay as they are, whatever is asked for: the error is the sentence that
/// says so.
pub trait Beacons: Send + Sync {
    /// The configuration by name, with the setting `enabled` that is for all of them beside it. What the options say wins.
    fn list(&self, pillar: bool, opts: bool) -> Map;

    /// The kinds of beacons that there are.
    fn available(&self) -> Vec<String>;

    /// Whether a beacon could run with this configuration; if not, why.
    ///
    /// # Errors
    /// What is wrong with it.
    fn validate(&self, name: &str, config: &Value) -> Result<(), String>;

    /// Puts a beacon in, in place of one with the same name.
    ///
    /// # Errors
    /// It is the pillar's. `verb` stands in the sentence.
    fn put(&self, name: &str, config: Value, verb: &str) -> Result<(), String>;

    /// Takes a beacon out.
    ///
    /// # Errors
    /// It is the pillar's.
    fn remove(&self, name: &str) -> Result<(), String>;

    /// Switches one beacon on or off.
    ///
    /// # Errors
    /// It is the pillar's.
    fn switch(&self, name: &str, enabled: bool) -> Result<(), String>;

    /// Switches all of them on or off.
    fn switch_all(&self, enabled: bool);

    /// Takes all out.
    fn reset(&self);
}

/// The options of a beacon as one map: it is written as a list of maps, and was once written as one.
pub fn options(config: &Value) -> Map {
    match config {
        Value::Map(options) => options.clone(),
        Value::List(items) => items
            .iter()
            .filter_map(Value::as_map)
            .flatten()
            .map(|(option, value)| (option.clone(), value.clone()))
            .collect(),
        _ => Map::new(),
    }
}

/// The file of saved beacons: beside those that the minion reads with its configuration.
pub fn file(opts: &Map) -> PathBuf {
    let schedule = crate::schedule::file(opts);
    schedule.parent().unwrap_or(Path::new("/etc/salt/proxy.d")).join("beacons.conf")
}
