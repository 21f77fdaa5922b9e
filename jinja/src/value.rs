//! Python's values: shared mutable lists and dicts, ordered keys of any hashable kind.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::{IndexMap, IndexSet};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::args::Args;
use crate::error::{Error, Result};
use crate::iterate::{Lazy, PyIter};
use crate::state::State;
use crate::undefined::Undefined;

mod key;

pub use key::Key;

/// A value of a template.
#[derive(Clone)]
pub enum Value {
    /// A name or item that is not there.
    Undefined(Arc<Undefined>),
    /// `None`.
    None,
    /// `True` and `False`.
    Bool(bool),
    /// An integer of any size.
    Int(BigInt),
    /// A float.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Text marked as safe markup.
    Markup(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A shared mutable list.
    List(List),
    /// A tuple.
    Tuple(Tuple),
    /// A shared mutable dict.
    Dict(Dict),
    /// A shared mutable set.
    Set(Set),
    /// `dict.keys()`, `.values()` or `.items()`.
    View(View, Dict),
    /// `range(start, stop, step)`.
    Range(Arc<Range>),
    /// A generator: consumed once.
    Iterator(Arc<Lazy>),
    /// A method of a builtin value.
    Method(Arc<Method>),
    /// A host object, function, macro or module.
    Object(Arc<dyn Object>),
}

/// Which view of a dict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// `dict_keys`
    Keys,
    /// `dict_values`
    Values,
    /// `dict_items`
    Items,
}

/// The three numbers of a `range`; `step` is never 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Range {
    /// First number.
    pub start: i64,
    /// The end, not included.
    pub stop: i64,
    /// Distance.
    pub step: i64,
}

impl Range {
    /// How many numbers it has.
    pub fn len(&self) -> usize {
        let (a, b, s) = (i128::from(self.start), i128::from(self.stop), i128::from(self.step));
        let n = if s > 0 { (b - a + s - 1).div_euclid(s) } else { (a - b - s - 1).div_euclid(-s) };
        usize::try_from(n.max(0)).unwrap_or(usize::MAX)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at an index.
    pub fn get(&self, index: usize) -> Option<Value> {
        (index < self.len()).then(|| {
            let n = i128::from(self.start) + i128::from(self.step) * index as i128;
            Value::Int(BigInt::from(n))
        })
    }
}

/// A bound method of a builtin value.
pub struct Method {
    pub(crate) this: Value,
    pub(crate) name: &'static str,
}

impl Method {
    /// Whether the sandbox stands in for it, which shows in its type.
    pub(crate) fn is_wrapped(&self) -> bool {
        self.name.starts_with("format")
    }
}

/// An object of the host, or of the engine (macro, module, `loop`…).
///
/// All methods but [`Object::type_name`] have defaults that answer as a plain Python object does.
pub trait Object: Any + Send + Sync {
    /// `type(x).__name__`.
    fn type_name(&self) -> &str;
    /// The module of the class, `None` for a builtin: `'module.Name object' has no attribute…`.
    fn module(&self) -> Option<&str> {
        None
    }
    /// An attribute; `None` when there is none.
    fn get_attr(&self, state: &State<'_>, name: &str) -> Result<Option<Value>> {
        let _ = (state, name);
        Ok(None)
    }
    /// An item; `None` when there is none (`LookupError` and `TypeError` alike).
    fn get_item(&self, state: &State<'_>, key: &Value) -> Result<Option<Value>> {
        let _ = (state, key);
        Ok(None)
    }
    /// Whether calls are possible.
    fn is_callable(&self) -> bool {
        false
    }
    /// A call.
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        let _ = (state, args);
        Err(Error::type_error(format!("'{}' object is not callable", self.type_name())))
    }
    /// The items in order; `None` when it cannot be iterated.
    fn iterate(&self, state: &State<'_>) -> Result<Option<Vec<Value>>> {
        let _ = state;
        Ok(None)
    }
    /// `len(x)`, `None` when it has none.
    fn length(&self) -> Option<usize> {
        None
    }
    /// Truth.
    fn is_true(&self) -> bool {
        self.length() != Some(0)
    }
    /// Whether it counts as a mapping (`is mapping`, `**x`, dict methods are the host's).
    fn is_mapping(&self) -> bool {
        false
    }
    /// `x in self`; `None` to look through [`Object::iterate`].
    fn contains(&self, state: &State<'_>, item: &Value) -> Result<Option<bool>> {
        let _ = (state, item);
        Ok(None)
    }
    /// `repr(x)`.
    fn repr(&self) -> String {
        match self.module() {
            Some(m) => format!("<{m}.{} object at 0x7f0000000000>", self.type_name()),
            None => format!("<{} object at 0x7f0000000000>", self.type_name()),
        }
    }
    /// `str(x)`.
    fn str(&self) -> String {
        self.repr()
    }
}

thread_local! {
    static GRAVE: RefCell<(bool, Vec<Value>)> = const { RefCell::new((false, Vec::new())) };
}

fn holds_values(value: &Value) -> bool {
    !matches!(
        value,
        Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Markup(_)
            | Value::Bytes(_)
            | Value::Range(_)
    )
}

/// Drops values one after the other, so that deep nesting cannot exhaust the stack.
pub(crate) fn bury(values: impl Iterator<Item = Value>) {
    let mut deep: Vec<Value> = values.filter(holds_values).collect();
    if deep.is_empty() {
        return;
    }
    let busy = GRAVE.try_with(|g| {
        let mut g = g.borrow_mut();
        g.1.append(&mut deep);
        std::mem::replace(&mut g.0, true)
    });
    if busy != Ok(false) {
        return;
    }
    loop {
        let next = GRAVE.with(|g| {
            let mut g = g.borrow_mut();
            let next = g.1.pop();
            if next.is_none() {
                g.0 = false;
            }
            next
        });
        match next {
            Some(value) => drop(value),
            None => return,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! shared {
    ($(#[$doc:meta])* $name:ident, $cell:ident, $inner:ty, $drain:expr) => {
        struct $cell(Mutex<$inner>);

        impl Drop for $cell {
            fn drop(&mut self) {
                let inner = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
                let drain: fn($inner) -> Vec<Value> = $drain;
                bury(drain(inner).into_iter());
            }
        }

        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Arc<$cell>);

        impl $name {
            /// A new one.
            pub fn new(inner: $inner) -> Self {
                Self(Arc::new($cell(Mutex::new(inner))))
            }
            /// Looks at or changes the content. The closure must not touch other values' content.
            pub fn with<T>(&self, f: impl FnOnce(&mut $inner) -> T) -> T {
                f(&mut lock(&self.0.0))
            }
            /// A shallow copy of the content.
            pub fn snapshot(&self) -> $inner {
                lock(&self.0.0).clone()
            }
            /// The number of items.
            pub fn len(&self) -> usize {
                lock(&self.0.0).len()
            }
            /// Whether there is no item.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
            /// Whether both are the same object.
            pub fn same(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0)
            }
            pub(crate) fn id(&self) -> usize {
                Arc::as_ptr(&self.0) as *const u8 as usize
            }
        }
    };
}

shared!(
    /// A shared mutable list.
    List, ListCell, Vec<Value>, |v| v
);
shared!(
    /// A shared mutable dict in order of insertion.
    Dict, DictCell, IndexMap<Key, Value>, |m| m.into_iter().flat_map(|(k, v)| [k.0, v]).collect()
);
shared!(
    /// A shared mutable set in order of insertion.
    Set, SetCell, IndexSet<Key>, |m| m.into_iter().map(|k| k.0).collect()
);

impl Dict {
    /// The value of a text key.
    pub fn get_str(&self, key: &str) -> Option<Value> {
        self.with(|m| m.get(&Key(Value::from(key))).cloned())
    }

    /// Sets a text key.
    pub fn set_str(&self, key: &str, value: Value) {
        let old = self.with(|m| m.insert(Key(Value::from(key)), value));
        drop(old);
    }
}

struct TupleCell(Vec<Value>);

impl Drop for TupleCell {
    fn drop(&mut self) {
        bury(std::mem::take(&mut self.0).into_iter());
    }
}

/// A tuple; the second part names its fields if it is a named one.
#[derive(Clone)]
pub struct Tuple(Arc<TupleCell>, &'static [&'static str]);

impl Tuple {
    /// A tuple of the items.
    pub fn new(items: Vec<Value>) -> Self {
        Self(Arc::new(TupleCell(items)), &[])
    }
    pub(crate) fn named(items: Vec<Value>, fields: &'static [&'static str]) -> Self {
        Self(Arc::new(TupleCell(items)), fields)
    }
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.1.iter().position(|f| *f == name).and_then(|i| self.0.0.get(i))
    }
    /// Whether it is a named one, a class of its own.
    pub fn is_named(&self) -> bool {
        !self.1.is_empty()
    }
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as *const u8 as usize
    }
    /// The items.
    pub fn items(&self) -> &[Value] {
        &self.0.0
    }
}

impl Value {
    /// A list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(List::new(items))
    }
    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Self {
        Self::Tuple(Tuple::new(items))
    }
    /// A dict with text keys.
    pub fn dict<K: AsRef<str>>(items: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Dict(Dict::new(items.into_iter().map(|(k, v)| (Key(Value::from(k.as_ref())), v)).collect()))
    }
    /// An object.
    pub fn object(object: impl Object) -> Self {
        Self::Object(Arc::new(object))
    }
    /// A host function under a name (for messages).
    pub fn function(
        name: &str,
        f: impl Fn(&State<'_>, Args) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        Self::object(crate::function::Function::new(name, f))
    }
    /// A generator of a class: made at its first use from what it is given.
    pub fn generator(
        name: &'static str,
        source: Value,
        make: impl FnOnce(&State<'_>, Value) -> Result<Vec<Value>> + Send + 'static,
    ) -> Self {
        Self::Iterator(Arc::new(Lazy::new(name, source, make)))
    }

    /// The text of a `Str` or `Markup`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) | Self::Markup(s) => Some(s),
            _ => None,
        }
    }

    /// An integer that fits (also of a bool).
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => i.to_i64(),
            Self::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<BigInt> {
        match self {
            Self::Int(i) => Some(i.clone()),
            Self::Bool(b) => Some(BigInt::from(u8::from(*b))),
            _ => None,
        }
    }

    /// Whether it is an undefined value.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined(_))
    }

    /// `type(x).__name__`.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Undefined(u) => u.class(),
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Markup(_) => "Markup",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(t) if t.is_named() => "_GroupTuple",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Set(_) => "set",
            Self::View(View::Keys, _) => "dict_keys",
            Self::View(View::Values, _) => "dict_values",
            Self::View(View::Items, _) => "dict_items",
            Self::Range(_) => "range",
            Self::Iterator(i) => i.type_name(),
            Self::Method(m) if m.is_wrapped() => "function",
            Self::Method(_) => "builtin_function_or_method",
            Self::Object(o) => o.type_name(),
        }
    }

    /// Python's truth; an undefined value of the strict kind is an error.
    pub fn truth(&self) -> Result<bool> {
        Ok(match self {
            Self::Undefined(u) if u.is_strict() => return Err(u.error()),
            Self::Undefined(_) | Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != BigInt::ZERO,
            Self::Float(f) => *f != 0.0,
            Self::Str(s) | Self::Markup(s) => !s.is_empty(),
            Self::Bytes(b) => !b.is_empty(),
            Self::List(l) => !l.is_empty(),
            Self::Tuple(t) => !t.items().is_empty(),
            Self::Dict(d) | Self::View(_, d) => !d.is_empty(),
            Self::Set(s) => !s.is_empty(),
            Self::Range(r) => !r.is_empty(),
            Self::Iterator(_) | Self::Method(_) => true,
            Self::Object(o) => o.is_true(),
        })
    }

    /// `len(x)`.
    pub fn length(&self) -> Result<usize> {
        Ok(match self {
            Self::Undefined(u) if u.is_strict() => return Err(u.error()),
            Self::Undefined(_) => 0,
            Self::Str(s) | Self::Markup(s) => s.chars().count(),
            Self::Bytes(b) => b.len(),
            Self::List(l) => l.len(),
            Self::Tuple(t) => t.items().len(),
            Self::Dict(d) | Self::View(_, d) => d.len(),
            Self::Set(s) => s.len(),
            Self::Range(r) => r.len(),
            Self::Object(o) if o.length().is_some() => o.length().unwrap_or_default(),
            _ => {
                return Err(Error::type_error(format!("object of type '{}' has no len()", self.type_name())));
            }
        })
    }

    /// The items, as `list(x)` gives them.
    pub fn items(&self, state: &State<'_>) -> Result<Vec<Value>> {
        let mut iter = PyIter::new(state, self)?;
        let mut items = Vec::new();
        while let Some(item) = iter.next(state)? {
            state.step()?;
            items.push(item);
        }
        Ok(items)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::repr::repr(self).unwrap_or_else(|e| e.to_string()))
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(Arc::from(s))
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(Arc::from(s))
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(BigInt::from(i))
    }
}
impl From<usize> for Value {
    fn from(i: usize) -> Self {
        Self::Int(BigInt::from(i))
    }
}
impl From<BigInt> for Value {
    fn from(i: BigInt) -> Self {
        Self::Int(i)
    }
}
impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Self::Float(f)
    }
}
