//! The environment: settings, loader and what is registered.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use crate::args::Args;
use crate::ast::{Block, Body};
use crate::error::Result;
use crate::settings::Settings;
use crate::state::State;
use crate::value::Value;

pub(crate) type FilterFn = Arc<dyn Fn(&State<'_>, Value, Args) -> Result<Value> + Send + Sync>;
pub(crate) type TestFn = Arc<dyn Fn(&State<'_>, Value, Args) -> Result<bool> + Send + Sync>;
type FinalizeFn = Arc<dyn Fn(&State<'_>, Value) -> Result<Value> + Send + Sync>;
type WatchFn = Arc<dyn Fn() -> Result<()> + Send + Sync>;
type TimedFn = Arc<dyn Fn(&str, &Value, Duration) + Send + Sync>;

/// Finds templates by name.
pub trait Loader: Send + Sync {
    /// The source of a template, `None` if there is none of that name. A render asks once for a name.
    fn load(&self, state: &State<'_>, name: &str) -> Result<Option<String>>;
}

impl<F: Fn(&State<'_>, &str) -> Result<Option<String>> + Send + Sync> Loader for F {
    fn load(&self, state: &State<'_>, name: &str) -> Result<Option<String>> {
        self(state, name)
    }
}

/// A tag of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// `{% tag as target %}…{% end %}`: the rendered body goes through the filter, the answer is assigned.
    Load {
        /// The filter.
        filter: String,
        /// The closing tag as `name:endload`.
        end: &'static str,
    },
    /// `{% tag "template" as name [with context] %}`: the module goes through the filter (`str()` of it is its text).
    Import {
        /// The filter.
        filter: String,
    },
    /// `{% tag as label %}…{% end %}`: the body is rendered in place, the time it took is told.
    Timed {
        /// The closing tag as `name:endprofile`.
        end: &'static str,
    },
}

/// Settings, loader, filters, tests, globals and tags.
#[derive(Clone)]
pub struct Environment {
    /// Delimiters, whitespace, bounds.
    pub settings: Settings,
    pub(crate) loader: Option<Arc<dyn Loader>>,
    pub(crate) filters: HashMap<String, FilterFn>,
    pub(crate) tests: HashMap<String, TestFn>,
    pub(crate) globals: IndexMap<Arc<str>, Value>,
    pub(crate) tags: HashMap<String, Tag>,
    pub(crate) finalize: Option<FinalizeFn>,
    pub(crate) timed: Option<TimedFn>,
    pub(crate) watch: Option<WatchFn>,
}

impl Default for Environment {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Environment {
    /// An environment with Jinja2's own filters, tests and globals.
    pub fn new(settings: Settings) -> Self {
        let mut env = Self {
            settings,
            loader: None,
            filters: HashMap::new(),
            tests: HashMap::new(),
            globals: IndexMap::new(),
            tags: HashMap::new(),
            finalize: None,
            timed: None,
            watch: None,
        };
        crate::filters::register(&mut env);
        crate::tests::register(&mut env);
        crate::globals::register(&mut env);
        env
    }

    /// Sets the loader of imports, includes and parents.
    pub fn set_loader(&mut self, loader: impl Loader + 'static) {
        self.loader = Some(Arc::new(loader));
    }

    /// Registers a filter.
    pub fn add_filter(
        &mut self,
        name: &str,
        f: impl Fn(&State<'_>, Value, Args) -> Result<Value> + Send + Sync + 'static,
    ) {
        self.filters.insert(name.to_owned(), Arc::new(f));
    }

    /// Registers a test.
    pub fn add_test(
        &mut self,
        name: &str,
        f: impl Fn(&State<'_>, Value, Args) -> Result<bool> + Send + Sync + 'static,
    ) {
        self.tests.insert(name.to_owned(), Arc::new(f));
    }

    /// Registers a global value.
    pub fn add_global(&mut self, name: &str, value: Value) {
        self.globals.insert(Arc::from(name), value);
    }

    /// Registers a global function.
    pub fn add_function(
        &mut self,
        name: &str,
        f: impl Fn(&State<'_>, Args) -> Result<Value> + Send + Sync + 'static,
    ) {
        self.add_global(name, Value::function(name, f));
    }

    /// Registers a tag.
    pub fn add_tag(&mut self, name: &str, tag: Tag) {
        self.tags.insert(name.to_owned(), tag);
    }

    /// Registers `load_x`, `import_x` (to the filters `load_x`) for each name, and the tag `profile`.
    pub fn add_serializer_tags(&mut self, names: &[&str]) {
        for name in names {
            let filter = format!("load_{name}");
            self.add_tag(&filter, Tag::Load { filter: filter.clone(), end: "name:endload" });
            self.add_tag(&format!("import_{name}"), Tag::Import { filter });
        }
        self.add_tag("profile", Tag::Timed { end: "name:endprofile" });
    }

    /// Sets what is done to each printed value before `str()`.
    pub fn set_finalize(&mut self, f: impl Fn(&State<'_>, Value) -> Result<Value> + Send + Sync + 'static) {
        self.finalize = Some(Arc::new(f));
    }

    /// Sets who is told the tag, label and duration of timed tags.
    pub fn set_timed(&mut self, f: impl Fn(&str, &Value, Duration) + Send + Sync + 'static) {
        self.timed = Some(Arc::new(f));
    }

    /// Sets what is asked now and then whether a render may go on; its error ends the render.
    pub fn set_watch(&mut self, f: impl Fn() -> Result<()> + Send + Sync + 'static) {
        self.watch = Some(Arc::new(f));
    }

    /// Reads a template from its source.
    pub fn template(&self, name: Option<&str>, source: &str) -> Result<Template> {
        let name: Option<Arc<str>> = name.map(Arc::from);
        let parsed = crate::parser::parse(self, source, name.clone())?;
        Ok(Template { inner: Arc::new(TemplateInner { name, body: parsed.body, blocks: parsed.blocks }) })
    }

    /// Reads and renders a source.
    pub fn render_str(&self, name: Option<&str>, source: &str, context: &[(&str, Value)]) -> Result<String> {
        self.template(name, source)?.render(self, context)
    }
}

pub(crate) struct TemplateInner {
    pub name: Option<Arc<str>>,
    pub body: Body,
    pub blocks: Vec<Arc<Block>>,
}

/// A template that has been read.
#[derive(Clone)]
pub struct Template {
    pub(crate) inner: Arc<TemplateInner>,
}

impl Template {
    /// The name given to it.
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Renders with the given variables above the globals.
    pub fn render(&self, env: &Environment, context: &[(&str, Value)]) -> Result<String> {
        State::new(env).render(&self.inner, context)
    }
}
