//! A running render: bounds, loaded templates, current context.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::args::Args;
use crate::environment::{Environment, TemplateInner};
use crate::error::{Error, ErrorKind, Result};
use crate::render::objects::Module;
use crate::render::scope::{Context, Scope, Vars};
use crate::repr::repr_str;
use crate::undefined::Undefined;
use crate::value::{Method, Value};

/// Loaded templates by name.
type Templates = HashMap<String, Arc<TemplateInner>>;
/// What macros stand in.
type Captured = (Vec<Arc<Context>>, Vec<Arc<Scope>>);

/// An address on the stack, to tell how much of it is in use.
#[inline(never)]
pub(crate) fn stack_mark() -> usize {
    let here = 0u8;
    std::hint::black_box(&here as *const u8 as usize)
}

/// After so many steps the host is asked whether to go on.
const WATCHED_STEPS: u64 = 1024;
/// After so many bytes of new values, too.
const WATCHED_BYTES: usize = 16 << 20;

/// A running render; filters, tests and functions get it.
pub struct State<'e> {
    pub(crate) env: &'e Environment,
    steps: Cell<u64>,
    depth: Cell<usize>,
    written: Cell<usize>,
    made: Cell<usize>,
    base: usize,
    pub(crate) modules: RefCell<HashMap<String, Arc<Module>>>,
    pub(crate) templates: RefCell<Templates>,
    pub(crate) contexts: RefCell<Vec<Arc<Context>>>,
    captured: RefCell<Captured>,
    globals: RefCell<Vars>,
    escaping: Cell<bool>,
}

/// Leaves a level of nesting when dropped.
pub(crate) struct Guard<'a>(&'a Cell<usize>);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Drop for State<'_> {
    /// Macros hold the scope they stand in: the circle is cut here.
    fn drop(&mut self) {
        let (contexts, scopes) = std::mem::take(&mut *self.captured.borrow_mut());
        contexts.iter().for_each(|c| c.clear());
        scopes.iter().for_each(|s| s.clear());
    }
}

impl<'e> State<'e> {
    pub(crate) fn new(env: &'e Environment) -> Self {
        Self {
            env,
            steps: Cell::new(0),
            depth: Cell::new(0),
            written: Cell::new(0),
            made: Cell::new(0),
            base: stack_mark(),
            modules: RefCell::default(),
            templates: RefCell::default(),
            contexts: RefCell::default(),
            captured: RefCell::default(),
            globals: RefCell::default(),
            escaping: Cell::new(env.settings.autoescape),
        }
    }

    /// The environment.
    pub fn environment(&self) -> &Environment {
        self.env
    }

    /// Counts work; an error when the budget is used up.
    pub fn step(&self) -> Result<()> {
        let n = self.steps.get() + 1;
        self.steps.set(n);
        if n.is_multiple_of(WATCHED_STEPS)
            && let Some(watch) = &self.env.watch
        {
            watch()?;
        }
        if n > self.env.settings.max_steps {
            return Err(Error::runtime(format!(
                "the template takes more than {} steps",
                self.env.settings.max_steps
            )));
        }
        Ok(())
    }

    /// Counts the memory of a new value: the host is asked early when much is made in few steps.
    pub(crate) fn count(&self, value: &Value) -> Result<()> {
        let size = match value {
            Value::Str(s) | Value::Markup(s) => s.len(),
            Value::Bytes(b) => b.len(),
            Value::List(l) => l.len() * size_of::<Value>(),
            Value::Tuple(t) => size_of_val(t.items()),
            _ => 0,
        };
        let made = self.made.get() + size;
        let early = made > WATCHED_BYTES;
        self.made.set(if early { 0 } else { made });
        match &self.env.watch {
            Some(watch) if early => watch(),
            _ => Ok(()),
        }
    }

    /// Whether what the running expression makes is escaped when it is printed (`eval_ctx.autoescape`).
    pub fn autoescape(&self) -> bool {
        self.escaping.get()
    }

    pub(crate) fn set_autoescape(&self, on: bool) {
        self.escaping.set(on);
    }

    /// Text made by a template: safe markup where its parts were escaped.
    pub(crate) fn made(&self, text: String) -> Value {
        if self.autoescape() { Value::Markup(text.into()) } else { Value::from(text) }
    }

    /// Counts a level of nesting and looks at the stack.
    pub(crate) fn enter(&self) -> Result<Guard<'_>> {
        self.check_stack()?;
        let n = self.depth.get() + 1;
        if n > self.env.settings.max_depth {
            return Err(Error::recursion());
        }
        self.depth.set(n);
        Ok(Guard(&self.depth))
    }

    /// Runs something one level of nesting down.
    pub fn nested<T>(&self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let _guard = self.enter()?;
        f()
    }

    pub(crate) fn check_stack(&self) -> Result<()> {
        if stack_mark().abs_diff(self.base) > self.env.settings.max_stack {
            return Err(Error::recursion());
        }
        Ok(())
    }

    pub(crate) fn write(&self, out: &mut String, text: &str) -> Result<()> {
        let n = self.written.get() + text.len();
        self.written.set(n);
        if n > self.env.settings.max_output {
            return Err(Error::runtime(format!(
                "the template writes more than {} bytes",
                self.env.settings.max_output
            )));
        }
        out.push_str(text);
        Ok(())
    }

    pub(crate) fn keep_context(&self, context: &Arc<Context>) {
        self.captured.borrow_mut().0.push(context.clone());
    }

    pub(crate) fn keep_scope(&self, scope: &Arc<Scope>) {
        self.captured.borrow_mut().1.push(scope.clone());
    }

    /// The value of a variable of the running template, or of a global.
    pub fn lookup(&self, name: &str) -> Option<Value> {
        let context = self.contexts.borrow().last().cloned();
        context.and_then(|c| c.resolve(name)).or_else(|| self.global(name))
    }

    /// A global: one that was set while rendering, or of the environment.
    pub fn global(&self, name: &str) -> Option<Value> {
        let set = self.globals.borrow().get(name).cloned();
        set.or_else(|| self.env.globals.get(name).cloned())
    }

    /// Sets a global for the rest of this render. Templates whose context is made already do not see it.
    pub fn set_global(&self, name: &str, value: Value) {
        let old = self.globals.borrow_mut().insert(Arc::from(name), value);
        drop(old);
    }

    /// The globals that were set while rendering.
    pub(crate) fn set_globals(&self) -> Vars {
        self.globals.borrow().clone()
    }

    /// All variables of the running template, globals included.
    pub fn context(&self) -> IndexMap<Arc<str>, Value> {
        let mut all = self.env.globals.clone();
        all.extend(self.globals.borrow().clone());
        if let Some(context) = self.contexts.borrow().last() {
            all.extend(context.all());
        }
        all
    }

    /// An undefined value that says `hint` when used.
    pub fn undefined(&self, hint: impl Into<String>) -> Value {
        Undefined::hint(self.env.settings.undefined, hint)
    }

    /// Calls a value.
    pub fn call(&self, callee: &Value, args: Args) -> Result<Value> {
        self.step()?;
        match callee {
            Value::Undefined(u) => Err(u.error()),
            Value::Method(m) => {
                let _guard = self.enter()?;
                crate::methods::call(self, m, args)
            }
            Value::Object(o) => {
                let _guard = self.enter()?;
                o.call(self, args)
            }
            _ => Err(Error::type_error(format!("'{}' object is not callable", callee.type_name()))),
        }
    }

    /// Calls a method of a builtin value by name, as `value.name(args)` does.
    pub fn call_method(&self, value: &Value, name: &str, args: Args) -> Result<Value> {
        match crate::methods::find(value, name) {
            Some(name) => crate::methods::call(self, &Method { this: value.clone(), name }, args),
            None => {
                let method = crate::attr::getattr(self, value, name)?;
                self.call(&method, args)
            }
        }
    }

    /// Applies a filter.
    pub fn filter(&self, name: &str, value: Value, args: Args) -> Result<Value> {
        match self.env.filters.get(name) {
            Some(f) => f(self, value, args),
            None => Err(Error::runtime(format!("No filter named {}.", repr_str(name)))),
        }
    }

    /// Applies a test.
    pub fn test(&self, name: &str, value: Value, args: Args) -> Result<bool> {
        match self.env.tests.get(name) {
            Some(f) => f(self, value, args),
            None => Err(Error::runtime(format!("No test named {}.", repr_str(name)))),
        }
    }

    /// Loads a template.
    pub(crate) fn load(&self, name: &Value) -> Result<Arc<TemplateInner>> {
        if let Value::Undefined(u) = name {
            return Err(u.error());
        }
        let name = crate::repr::to_str(name)?;
        if let Some(found) = self.templates.borrow().get(&name) {
            return Ok(found.clone());
        }
        let source = match &self.env.loader {
            Some(loader) => loader.load(self, &name)?,
            None => return Err(Error::type_error("no loader for this environment specified")),
        };
        let source =
            source.ok_or_else(|| Error::new(ErrorKind::NotFound { several: false }, name.as_str()))?;
        let template = self.env.template(Some(&name), &source)?.inner;
        self.templates.borrow_mut().insert(name, template.clone());
        Ok(template)
    }
}
