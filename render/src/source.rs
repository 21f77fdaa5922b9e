//! What a text is rendered with.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jinja::Value as Object;
use salt::Map;

/// What a text is rendered with, beside the context of the call.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The environment of files.
    pub saltenv: String,
    /// The dotted name of the SLS file, empty for what is none; `None` where templates know no `sls` at all.
    pub sls: Option<String>,
    /// The file on this machine, or `:string:` for a text that is in no file.
    pub path: Option<String>,
    /// Further variables. They win over Salt's own.
    pub context: Map,
    /// Imports come from these directories instead of the file server: a pillar is rendered.
    pub pillar_roots: Option<Vec<PathBuf>>,
    /// The pipe of a text whose first line names none; the option `renderer` without it.
    pub renderer: Option<String>,
    /// What the files of one run share.
    pub shared: Shared,
}

/// Grains, pillar and options as templates see them. Python's templates share them too: what one of a run changes in the
/// pillar, the next one sees.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<(&'static str, Object)>>>);

impl Shared {
    /// The object of a name, made at the first use.
    pub(crate) fn get(&self, name: &'static str, make: impl FnOnce() -> Object) -> Object {
        let mut known = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, object)) = known.iter().find(|(other, _)| *other == name) {
            return object.clone();
        }
        let object = make();
        known.push((name, object.clone()));
        object
    }
}

impl std::fmt::Debug for Shared {
    /// Without the content: a pillar has secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

/// The path of what is in no file.
pub(crate) const STRING: &str = ":string:";
