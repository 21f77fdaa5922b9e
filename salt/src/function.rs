//! The one declaration of a function that users can call. Everything that speaks of it (`sys.doc`, `sys.argspec`,
//! binding, `vsalt docs`, the README's reference) is derived from this.

use std::pin::Pin;

use crate::args::{Args, Bound};
use crate::plan::Outcome;
use crate::{Context, Map, Result, Value, map};

/// A boxed future that may borrow what it works on.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A function as its attribute macro (`#[salt_fn]`, `#[salt_state]`) declares it.
#[derive(Clone, Copy)]
pub struct Function {
    /// `module_path!()` of the declaration; the Salt module is its first segment below the crate.
    pub path: &'static str,
    /// The name of the Rust function. A trailing underscore is not part of Salt's name.
    pub ident: &'static str,
    /// Salt's name where it can't be derived from the identifier.
    pub rename: Option<&'static str>,
    /// The doc comment.
    pub doc: &'static str,
    /// The parameters in order.
    pub params: &'static [Param],
    /// The function takes any further positional arguments (`*args`).
    pub varargs: bool,
    /// The function takes any further keywords (`**kwargs`), `__pub_*` among them.
    pub kwargs: bool,
    /// The outputter that the CLI is told to use (`out`).
    pub out: Option<&'static str>,
    /// The proxy types that the function runs on; empty: on all.
    pub proxies: &'static [&'static str],
    /// The source file of the declaration.
    pub file: &'static str,
    /// The line of the declaration.
    pub line: u32,
    /// What it does.
    pub call: Call,
}

/// How a function is run.
#[derive(Clone, Copy)]
pub enum Call {
    /// An execution function gives a value.
    Execution(for<'a> fn(&'a Context, Bound) -> BoxFuture<'a, Result<Value>>),
    /// A state function says what it wants; the engine decides whether it happens.
    State(for<'a> fn(&'a Context, Bound) -> BoxFuture<'a, Result<Outcome<'a>>>),
}

/// One parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name, as users write it.
    pub name: &'static str,
    /// The doc comment of the parameter.
    pub doc: &'static str,
    /// What it is without a word from the user.
    pub default: Default,
    /// It stands after `*args`, so that only a keyword reaches it.
    pub keyword_only: bool,
}

/// The default of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// There is none: the user must give it.
    Required,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(&'static str),
    /// A list of texts, or `[]`.
    Texts(&'static [&'static str]),
    /// `{}`.
    EmptyMap,
    /// `salt.defaults.NOT_SET`: not even `None` was given.
    NotSet,
}

/// `salt.defaults.NOT_SET` as it travels: extension type 79 around the packed `["NOT_SET", None]` (`salt/payload.py`).
pub fn not_set() -> Value {
    Value::Ext(79, b"\x92\xa7NOT_SET\xc0".to_vec())
}

impl Default {
    /// The default as a value; none if the parameter is required.
    pub fn value(self) -> Option<Value> {
        Some(match self {
            Default::Required => return None,
            Default::None => Value::None,
            Default::Bool(b) => b.into(),
            Default::Int(n) => n.into(),
            Default::Float(x) => x.into(),
            Default::Str(s) => s.into(),
            Default::Texts(texts) => texts.to_vec().into(),
            Default::EmptyMap => Value::Map(Map::new()),
            Default::NotSet => not_set(),
        })
    }
}

impl Function {
    /// The Salt module: `vmware_vm` of `vmware_vm.list`.
    pub fn module(&self) -> &'static str {
        let below = self.path.split_once("::").map_or(self.path, |(_, rest)| rest);
        let first = below.split("::").next().unwrap_or(below);
        first.strip_suffix('_').unwrap_or(first)
    }

    /// The name within the module: `list` of `vmware_vm.list`.
    pub fn name(&self) -> &'static str {
        self.rename.unwrap_or_else(|| self.ident.strip_suffix('_').unwrap_or(self.ident))
    }

    /// The name that users call: `vmware_vm.list`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.module(), self.name())
    }

    /// True for a state function.
    pub fn is_state(&self) -> bool {
        matches!(self.call, Call::State(_))
    }

    /// Binds the arguments and runs an execution function.
    pub async fn run(&'static self, cx: &Context, args: Args) -> Result<Value> {
        crate::connection::supports_proxy(cx, self)?;
        let bound = args.bind(self)?;
        match self.call {
            Call::Execution(call) => call(cx, bound).await,
            Call::State(_) => {
                Err(crate::Error::NotAvailable(format!("'{}' is not available.", self.full_name())))
            }
        }
    }

    /// What `sys.argspec` says of it (`salt/utils/args.py`, `argspec_report`).
    pub fn argspec(&self) -> Map {
        let names: Vec<Value> = self.params.iter().map(|p| p.name.into()).collect();
        let defaults: Vec<Value> = self.params.iter().filter_map(|p| p.default.value()).collect();
        let list_or_none = |v: Vec<Value>| if v.is_empty() { Value::None } else { Value::List(v) };
        map! {
            "args" => list_or_none(names),
            "defaults" => list_or_none(defaults),
            "varargs" => self.varargs.then_some(true),
            "kwargs" => self.kwargs.then_some(true),
        }
    }

    /// What `sys.doc` says of it: the doc comment, then the arguments.
    pub fn doc_text(&self) -> String {
        let mut text = without_fences(self.doc.trim_end());
        for param in self.params.iter().filter(|p| !p.doc.is_empty()) {
            text.push_str(&format!("\n\n{}\n", param.name));
            for line in param.doc.lines() {
                text.push_str(&format!("    {line}\n"));
            }
            text.truncate(text.trim_end().len());
        }
        if !self.proxies.is_empty() {
            text.push_str(&format!("\n\nProxy types: {}", self.proxies.join(", ")));
        }
        text.push('\n');
        text
    }

    /// The first sentence of the doc comment.
    pub fn summary(&self) -> &'static str {
        let paragraph = self.doc.split("\n\n").next().unwrap_or("");
        paragraph.split_inclusive(". ").next().unwrap_or(paragraph).trim()
    }

    /// The call as a signature: `list(datacenter_name=None, …)`.
    pub fn usage(&self) -> String {
        let word = |p: &Param| match (p.default, p.default.value()) {
            (Default::NotSet, _) => format!("{}=NOT_SET", p.name),
            (_, None) => p.name.to_string(),
            (_, Some(value)) => format!("{}={}", p.name, value.repr()),
        };
        let mut words: Vec<String> = self.params.iter().filter(|p| !p.keyword_only).map(word).collect();
        if self.varargs {
            words.push("*args".into());
        }
        words.extend(self.params.iter().filter(|p| p.keyword_only).map(word));
        if self.kwargs {
            words.push("**kwargs".into());
        }
        format!("{}({})", self.full_name(), words.join(", "))
    }
}

/// Code is set off by four blanks, as Salt's own texts have it, instead of by fences.
fn without_fences(doc: &str) -> String {
    let mut lines = Vec::new();
    let mut in_code = false;
    for line in doc.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code && !line.is_empty() {
            lines.push(format!("    {line}"));
        } else {
            lines.push(line.to_string());
        }
    }
    lines.join("\n")
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}:{}", self.usage(), self.file, self.line)
    }
}

/// The table of contents of a module's file: declares `FUNCTIONS` from the functions named, in that order.
///
/// A private function with `#[salt_fn]` that is not named here is dead code, and so does not compile.
#[macro_export]
macro_rules! functions {
    ($($name:ident),+ $(,)?) => {
        /// The functions of this file.
        pub const FUNCTIONS: &[$crate::Function] = &[$($name::FUNCTION),+];
    };
}
