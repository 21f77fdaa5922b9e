//! Variables: contexts of templates and scopes within them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use crate::ast::Block;
use crate::environment::TemplateInner;
use crate::value::Value;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) type Vars = IndexMap<Arc<str>, Value>;

/// A block and the template it stands in.
#[derive(Clone)]
pub(crate) struct BlockAt {
    pub block: Arc<Block>,
    pub template: Arc<TemplateInner>,
}

type Blocks = IndexMap<Arc<str>, Vec<BlockAt>>;

/// The variables of a template: given ones, set ones and which of these are exported.
pub(crate) struct Context {
    pub name: Option<Arc<str>>,
    given: Mutex<Vars>,
    vars: Mutex<Vars>,
    exported: Mutex<HashSet<Arc<str>>>,
    blocks: Mutex<Blocks>,
}

impl Context {
    pub(crate) fn new(template: &Arc<TemplateInner>, given: Vars) -> Self {
        let context = Self {
            name: template.name.clone(),
            given: Mutex::new(given),
            vars: Mutex::default(),
            exported: Mutex::default(),
            blocks: Mutex::default(),
        };
        context.add_blocks(template);
        context
    }

    /// Adds the blocks of a template behind those there are.
    pub(crate) fn add_blocks(&self, template: &Arc<TemplateInner>) {
        let mut blocks = lock(&self.blocks);
        for block in &template.blocks {
            blocks
                .entry(block.name.clone())
                .or_default()
                .push(BlockAt { block: block.clone(), template: template.clone() });
        }
    }

    pub(crate) fn block(&self, name: &str, index: usize) -> Option<BlockAt> {
        lock(&self.blocks).get(name).and_then(|b| b.get(index)).cloned()
    }

    pub(crate) fn block_count(&self, name: &str) -> usize {
        lock(&self.blocks).get(name).map_or(0, Vec::len)
    }

    pub(crate) fn resolve(&self, name: &str) -> Option<Value> {
        if let Some(v) = lock(&self.vars).get(name) {
            return Some(v.clone());
        }
        lock(&self.given).get(name).cloned()
    }

    /// Whether the template itself has set a variable.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        lock(&self.vars).contains_key(name)
    }

    pub(crate) fn set(&self, name: &Arc<str>, value: Value, export: bool) {
        let old = lock(&self.vars).insert(name.clone(), value);
        drop(old);
        let mut exported = lock(&self.exported);
        if !export {
            exported.remove(name);
        } else if !name.starts_with('_') {
            exported.insert(name.clone());
        }
    }

    pub(crate) fn all(&self) -> Vars {
        let mut all = lock(&self.given).clone();
        all.extend(lock(&self.vars).iter().map(|(k, v)| (k.clone(), v.clone())));
        all
    }

    pub(crate) fn exports(&self) -> Vars {
        let exported = lock(&self.exported);
        lock(&self.vars)
            .iter()
            .filter(|(k, _)| exported.contains(*k))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }

    /// A context that knows all variables and the locals, with the same blocks.
    pub(crate) fn derived(&self, locals: Vars) -> Self {
        let mut given = self.all();
        given.extend(locals);
        Self {
            name: self.name.clone(),
            given: Mutex::new(given),
            vars: Mutex::default(),
            exported: Mutex::default(),
            blocks: Mutex::new(lock(&self.blocks).clone()),
        }
    }

    pub(crate) fn clear(&self) {
        let vars = std::mem::take(&mut *lock(&self.vars));
        let given = std::mem::take(&mut *lock(&self.given));
        drop((vars, given));
    }
}

/// The variables of a loop, macro, block or `with`.
pub(crate) struct Scope {
    vars: Mutex<Vec<(Arc<str>, Value)>>,
    parent: Option<Arc<Scope>>,
}

impl Scope {
    pub(crate) fn new(parent: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { vars: Mutex::default(), parent })
    }

    pub(crate) fn set(&self, name: &Arc<str>, value: Value) {
        let mut vars = lock(&self.vars);
        let old = match vars.iter_mut().find(|(k, _)| k == name) {
            Some(slot) => std::mem::replace(&mut slot.1, value),
            None => {
                vars.push((name.clone(), value));
                Value::None
            }
        };
        drop(vars);
        drop(old);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = Some(self);
        while let Some(s) = scope {
            if let Some((_, v)) = lock(&s.vars).iter().find(|(k, _)| &**k == name) {
                return Some(v.clone());
            }
            scope = s.parent.as_deref();
        }
        None
    }

    /// All variables, the inner ones on top.
    pub(crate) fn all(&self) -> Vars {
        let mut all = self.parent.as_deref().map(Self::all).unwrap_or_default();
        all.extend(lock(&self.vars).iter().map(|(k, v)| (k.clone(), v.clone())));
        all
    }

    pub(crate) fn clear(&self) {
        let vars = std::mem::take(&mut *lock(&self.vars));
        drop(vars);
    }
}
