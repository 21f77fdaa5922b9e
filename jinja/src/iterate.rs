//! Iteration over any value.

use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::state::State;
use crate::value::{Dict, List, Value, View, bury};

type Make = Box<dyn FnOnce(&State<'_>, Value) -> Result<Vec<Value>> + Send>;

enum Stage {
    Waiting(Value, Make),
    Running(std::vec::IntoIter<Value>),
}

/// A generator: made at its first use, consumed once.
pub struct Lazy {
    class: &'static str,
    stage: Mutex<Stage>,
}

impl Drop for Lazy {
    fn drop(&mut self) {
        let stage = self.stage.get_mut().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(stage, Stage::Running(Vec::new().into_iter())) {
            Stage::Waiting(source, _) => bury(std::iter::once(source)),
            Stage::Running(items) => bury(items),
        }
    }
}

impl Lazy {
    pub(crate) fn new(
        class: &'static str,
        source: Value,
        make: impl FnOnce(&State<'_>, Value) -> Result<Vec<Value>> + Send + 'static,
    ) -> Self {
        Self { class, stage: Mutex::new(Stage::Waiting(source, Box::new(make))) }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        self.class
    }

    pub(crate) fn next(&self, state: &State<'_>) -> Result<Option<Value>> {
        let waiting = {
            let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *stage {
                Stage::Running(items) => return Ok(items.next()),
                Stage::Waiting(..) => std::mem::replace(&mut *stage, Stage::Running(Vec::new().into_iter())),
            }
        };
        let Stage::Waiting(source, make) = waiting else { return Ok(None) };
        let _guard = state.enter()?;
        let mut items = make(state, source)?.into_iter();
        let first = items.next();
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Running(items);
        Ok(first)
    }
}

/// A running iteration.
pub(crate) enum PyIter {
    List(List, usize),
    Dict(View, Dict, usize, usize),
    Items(std::vec::IntoIter<Value>),
    Lazy(std::sync::Arc<Lazy>),
    Range(std::sync::Arc<crate::value::Range>, usize),
    /// The items that fit the test of a loop, looked at one by one.
    Fitting(Box<PyIter>, std::sync::Arc<crate::ast::For>, Box<crate::render::Cx>),
}

impl PyIter {
    pub(crate) fn new(state: &State<'_>, value: &Value) -> Result<Self> {
        let items = |v: Vec<Value>| Ok(Self::Items(v.into_iter()));
        match value {
            Value::Undefined(u) if u.is_strict() => Err(u.error()),
            Value::Undefined(_) => items(Vec::new()),
            Value::List(l) => Ok(Self::List(l.clone(), 0)),
            Value::Dict(d) => Ok(Self::Dict(View::Keys, d.clone(), 0, d.len())),
            Value::View(view, d) => Ok(Self::Dict(*view, d.clone(), 0, d.len())),
            Value::Tuple(t) => items(t.items().to_vec()),
            Value::Set(s) => items(s.snapshot().into_iter().map(|k| k.0).collect()),
            Value::Str(s) | Value::Markup(s) => {
                items(s.chars().map(|c| Value::from(c.encode_utf8(&mut [0; 4]) as &str)).collect())
            }
            Value::Bytes(b) => items(b.iter().map(|b| Value::from(i64::from(*b))).collect()),
            Value::Range(r) => Ok(Self::Range(r.clone(), 0)),
            Value::Iterator(lazy) => Ok(Self::Lazy(lazy.clone())),
            Value::Object(o) => match o.iterate(state)? {
                Some(v) => items(v),
                None => Err(not_iterable(value)),
            },
            _ => Err(not_iterable(value)),
        }
    }

    pub(crate) fn next(&mut self, state: &State<'_>) -> Result<Option<Value>> {
        Ok(match self {
            Self::List(list, at) => {
                let item = list.with(|v| v.get(*at).cloned());
                *at += 1;
                item
            }
            Self::Dict(view, dict, at, len) => {
                if dict.len() != *len {
                    return Err(Error::python("RuntimeError", "dictionary changed size during iteration"));
                }
                let entry = dict.with(|m| m.get_index(*at).map(|(k, v)| (k.0.clone(), v.clone())));
                *at += 1;
                entry.map(|(k, v)| match view {
                    View::Keys => k,
                    View::Values => v,
                    View::Items => Value::tuple(vec![k, v]),
                })
            }
            Self::Items(items) => items.next(),
            Self::Lazy(lazy) => lazy.next(state)?,
            Self::Fitting(all, node, cx) => loop {
                match all.next(state)? {
                    Some(item) if !state.fits(node, &item, cx)? => {}
                    other => break other,
                }
            },
            Self::Range(range, at) => {
                let item = range.get(*at);
                *at += 1;
                item
            }
        })
    }
}

fn not_iterable(value: &Value) -> Error {
    Error::type_error(format!("'{}' object is not iterable", value.type_name()))
}
