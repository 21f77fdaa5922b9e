//! Imports and includes: files of the file server (`SaltCacheLoader`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jinja::{Error, Result, State, Value};

use super::context::{directory, template_variables};
use crate::bridge::Bridge;
use crate::source::Source;

/// Finds the templates that a template imports.
pub(crate) struct Loader {
    bridge: Arc<Bridge>,
    saltenv: String,
    pillar_roots: Option<Vec<PathBuf>>,
    /// Where each template that was loaded lies.
    places: Mutex<HashMap<String, PathBuf>>,
}

impl Loader {
    /// A loader for the imports of one text.
    pub fn new(bridge: Arc<Bridge>, source: &Source) -> Loader {
        let (saltenv, pillar_roots) = (source.saltenv.clone(), source.pillar_roots.clone());
        Loader { bridge, saltenv, pillar_roots, places: Mutex::default() }
    }

    /// The source of a template. Names with `./` and `../` are looked up from the directory `tpldir`, which is that of the
    /// template which was loaded last by a name from the top.
    pub fn load(&self, state: &State<'_>, name: &str) -> Result<Option<String>> {
        let relative = matches!(name.split('/').next(), Some("." | ".."));
        let global = |name: &str| state.global(name).as_ref().and_then(|v| v.as_str().map(str::to_string));
        let mut path = name.to_string();
        if relative {
            let Some(dir) = global("tpldir") else { return Ok(None) };
            let Some(normal) = normalized(&format!("{dir}/{name}")) else {
                tracing::warn!("Discarded template path \"{name}\": attempts to ascend outside of salt://");
                return Ok(None);
            };
            path = normal;
        }
        let place = self.place(&path)?;
        let (file, dir) = match relative {
            true => (name.to_string(), global("tpldir").unwrap_or_default()),
            false => (path.clone(), directory(&path)),
        };
        for (variable, text) in template_variables(&file, &dir) {
            state.set_global(variable, Value::from(text));
        }
        let Some(place) = place else { return Ok(None) };
        let bytes = match std::fs::read(&place) {
            Ok(bytes) => bytes,
            Err(_) => return Ok(None),
        };
        let source = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let text =
                format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: invalid start byte");
            Error::python("UnicodeDecodeError", text)
        })?;
        self.places.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), place);
        Ok(Some(source))
    }

    /// Where a template that was loaded lies.
    pub fn place_of(&self, name: &str) -> Option<PathBuf> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn place(&self, path: &str) -> Result<Option<PathBuf>> {
        // A name must not lead out of the roots.
        let inside = |part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir);
        if path.is_empty() || !Path::new(path).components().all(inside) {
            return Ok(None);
        }
        if let Some(roots) = &self.pillar_roots {
            return Ok(roots.iter().map(|root| root.join(path)).find(|place| place.is_file()));
        }
        let files = self.bridge.cx.files();
        let cached = self.bridge.wait(files.cache(path.to_string(), self.saltenv.clone()))?;
        cached.map_err(|error| Error::python(error.kind(), error.message()))
    }
}

/// `os.path.normpath`, none for a path that leads upwards.
fn normalized(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
