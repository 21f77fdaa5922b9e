//! From a name to its function.

use std::collections::BTreeMap;

use crate::{Error, Function};

/// All functions of one kind (execution or state), by full name.
#[derive(Debug, Default)]
pub struct Registry {
    functions: BTreeMap<String, &'static Function>,
}

impl Registry {
    /// Gathers tables of functions.
    ///
    /// # Errors
    /// The sentence that names both places of a name that is declared twice.
    pub fn new(tables: impl IntoIterator<Item = &'static [Function]>) -> Result<Registry, String> {
        let mut registry = Registry::default();
        for function in tables.into_iter().flatten() {
            if let Some(other) = registry.functions.insert(function.full_name(), function) {
                return Err(format!("a function is declared twice: {other:?} and {function:?}"));
            }
        }
        Ok(registry)
    }

    /// The function of a full name.
    pub fn get(&self, fun: &str) -> Option<&'static Function> {
        self.functions.get(fun).copied()
    }

    /// The function of a full name, or Salt's sentence for one that is not there.
    ///
    /// # Errors
    /// [`Error::NotAvailable`].
    pub fn find(&self, fun: &str) -> Result<&'static Function, Error> {
        self.get(fun).ok_or_else(|| Error::NotAvailable(format!("'{fun}' is not available.")))
    }

    /// All functions, sorted by full name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'static Function)> {
        self.functions.iter().map(|(name, function)| (name.as_str(), *function))
    }

    /// Keeps the modules that the predicate likes (`disable_modules`, `whitelist_modules`): the functions of the others
    /// are not available.
    pub fn retain_modules(&mut self, keep: impl Fn(&str) -> bool) {
        self.functions.retain(|_, function| keep(function.module()));
    }

    /// The names of the modules, sorted.
    pub fn modules(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.functions.values().map(|f| f.module()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
