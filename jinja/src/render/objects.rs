//! Objects of a running template: macros, modules, blocks and `loop`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Cx;
use super::scope::{Context, Scope, Vars};
use crate::args::Args;
use crate::ast::{For, Macro as MacroDef};
use crate::environment::TemplateInner;
use crate::error::{Error, Frame, Result};
use crate::iterate::PyIter;
use crate::repr::repr_str;
use crate::state::State;
use crate::undefined::Undefined;
use crate::value::{Object, Tuple, Value};

const RUNTIME: Option<&str> = Some("jinja2.runtime");

/// A macro, or the body of a call block.
pub(crate) struct Macro {
    def: Arc<MacroDef>,
    template: Arc<TemplateInner>,
    context: Arc<Context>,
    scope: Option<Arc<Scope>>,
    escape: bool,
}

impl Macro {
    pub(super) fn new(def: &Arc<MacroDef>, cx: &Cx) -> Self {
        Self {
            def: def.clone(),
            template: cx.template.clone(),
            context: cx.context.clone(),
            scope: cx.scope.clone(),
            escape: cx.escape,
        }
    }

    fn name(&self) -> String {
        self.def.name.as_ref().map_or_else(|| "None".to_owned(), |n| repr_str(n))
    }

    fn bind(&self, state: &State<'_>, mut args: Args, scope: &Arc<Scope>) -> Result<()> {
        let def = &self.def;
        let kind = state.env.settings.undefined;
        let count = def.args.len();
        let extra = if args.positional.len() > count { args.positional.split_off(count) } else { Vec::new() };
        let given = args.positional.len();
        let mut found_caller = given == count && def.args.iter().any(|(a, _)| &**a == "caller");
        let mut values: Vec<Option<Value>> = args.positional.drain(..).map(Some).collect();
        for (name, _) in &def.args[given..] {
            values.push(args.take(name));
            found_caller |= &**name == "caller";
        }
        if def.uses_caller && !found_caller {
            let caller = match args.take("caller") {
                None | Some(Value::None) => Undefined::hint(kind, "No caller defined"),
                Some(v) => v,
            };
            scope.set(&Arc::from("caller"), caller);
        }
        if def.uses_kwargs {
            let kwargs = Value::dict(args.named.drain(..));
            scope.set(&Arc::from("kwargs"), kwargs);
        } else if let Some((first, _)) = args.named.first() {
            if args.named.iter().any(|(k, _)| &**k == "caller") {
                return Err(Error::type_error(format!(
                    "macro {} was invoked with two values for the special caller argument. This is most likely a bug.",
                    self.name()
                )));
            }
            return Err(Error::type_error(format!(
                "macro {} takes no keyword argument {}",
                self.name(),
                repr_str(first)
            )));
        }
        if def.uses_varargs {
            scope.set(&Arc::from("varargs"), Value::tuple(extra));
        } else if !extra.is_empty() {
            return Err(Error::type_error(format!(
                "macro {} takes not more than {count} argument(s)",
                self.name()
            )));
        }
        let cx = Cx::root(&self.template, &self.context, Some(scope.clone()), Frame::Macro, self.escape);
        // A default sees all parameters, and one that has no value yet hides what there is outside.
        for ((name, _), value) in def.args.iter().zip(&values) {
            scope.set(name, value.clone().unwrap_or_else(|| Undefined::name(kind, name)));
        }
        for ((name, default), value) in def.args.iter().zip(values) {
            let value = match (value, default) {
                (Some(_), _) => continue,
                (None, Some(default)) => {
                    let value = state.eval(default, &cx);
                    value.map_err(|e| e.within(&self.template.name, def.line, &Frame::Macro).leave())?
                }
                (None, None) => {
                    Undefined::hint(kind, format!("parameter {} was not provided", repr_str(name)))
                }
            };
            scope.set(name, value);
        }
        Ok(())
    }
}

impl Object for Macro {
    fn type_name(&self) -> &str {
        "Macro"
    }
    fn module(&self) -> Option<&str> {
        RUNTIME
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        let def = &self.def;
        Ok(Some(match name {
            "name" => def.name.as_ref().map_or(Value::None, |n| Value::from(&**n)),
            "arguments" => Value::tuple(def.args.iter().map(|(a, _)| Value::from(&**a)).collect()),
            "catch_kwargs" => Value::Bool(def.uses_kwargs),
            "catch_varargs" => Value::Bool(def.uses_varargs),
            "caller" => Value::Bool(def.uses_caller),
            "explicit_caller" => Value::Bool(def.args.iter().any(|(a, _)| &**a == "caller")),
            _ => return Ok(None),
        }))
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        let escape = state.autoescape();
        let scope = Scope::new(self.scope.clone());
        self.bind(state, args, &scope)?;
        let cx = Cx::root(&self.template, &self.context, Some(scope), Frame::Macro, self.escape);
        let mut out = String::new();
        state.within(&self.context, || state.exec(&self.def.body, &cx, &mut out).map(|_| ()))?;
        state.set_autoescape(escape);
        Ok(state.made(out))
    }
    fn repr(&self) -> String {
        match &self.def.name {
            Some(name) => format!("<Macro {}>", repr_str(name)),
            None => "<Macro anonymous>".to_owned(),
        }
    }
}

/// An imported template.
pub(crate) struct Module {
    pub name: String,
    pub exports: Vars,
    pub body: String,
}

impl Object for Module {
    fn type_name(&self) -> &str {
        "TemplateModule"
    }
    fn module(&self) -> Option<&str> {
        Some("jinja2.environment")
    }
    fn get_attr(&self, _: &State<'_>, name: &str) -> Result<Option<Value>> {
        Ok(self.exports.get(name).cloned())
    }
    fn repr(&self) -> String {
        format!("<TemplateModule {}>", repr_str(&self.name))
    }
    fn str(&self) -> String {
        self.body.clone()
    }
}

/// `self` in templates.
pub(crate) struct TemplateReference {
    pub context: Arc<Context>,
}

impl Object for TemplateReference {
    fn type_name(&self) -> &str {
        "TemplateReference"
    }
    fn module(&self) -> Option<&str> {
        RUNTIME
    }
    fn get_item(&self, _: &State<'_>, key: &Value) -> Result<Option<Value>> {
        let Some(name) = key.as_str().filter(|n| self.context.block_count(n) > 0) else { return Ok(None) };
        Ok(Some(Value::object(BlockReference {
            name: Arc::from(name),
            context: self.context.clone(),
            index: 0,
        })))
    }
    fn repr(&self) -> String {
        let name = self.context.name.as_ref().map_or_else(|| "None".to_owned(), |n| repr_str(n));
        format!("<TemplateReference {name}>")
    }
}

/// `self.block` and `super`.
pub(crate) struct BlockReference {
    pub name: Arc<str>,
    pub context: Arc<Context>,
    pub index: usize,
}

impl Object for BlockReference {
    fn type_name(&self) -> &str {
        "BlockReference"
    }
    fn module(&self) -> Option<&str> {
        RUNTIME
    }
    fn get_attr(&self, state: &State<'_>, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "name" => Some(Value::from(&*self.name)),
            "super" if self.index + 1 < self.context.block_count(&self.name) => Some(Value::object(Self {
                name: self.name.clone(),
                context: self.context.clone(),
                index: self.index + 1,
            })),
            "super" => {
                Some(state.undefined(format!("there is no parent block called {}.", repr_str(&self.name))))
            }
            _ => None,
        })
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        args.bind("BlockReference.__call__", 1, &[], 0)?;
        let mut out = String::new();
        let escape = state.autoescape();
        state.run_block(&self.name, self.index, &self.context, &mut out)?;
        state.set_autoescape(escape);
        Ok(state.made(out))
    }
}

struct Round {
    iter: PyIter,
    index: usize,
    length: Option<usize>,
    before: Option<Value>,
    current: Option<Value>,
    after: Option<Value>,
    changed: Option<Value>,
}

/// The variable `loop`.
pub(crate) struct Loop {
    round: Mutex<Round>,
    depth: usize,
    sized: Option<Value>,
    node: Option<(Arc<For>, Cx)>,
    me: Mutex<Weak<Loop>>,
}

impl Loop {
    pub(super) fn new(
        node: &Arc<For>,
        iter: PyIter,
        items: &Value,
        length: Option<usize>,
        cx: &Cx,
        depth: usize,
    ) -> Self {
        let round =
            Round { iter, index: 0, length: None, before: None, current: None, after: None, changed: None };
        Self {
            round: Mutex::new(round),
            depth,
            sized: length.map(|_| items.clone()),
            node: node.recursive.then(|| (node.clone(), cx.clone())),
            me: Mutex::default(),
        }
    }

    fn round(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next item without the lock held, for generators may look at this loop.
    fn pull(&self, state: &State<'_>) -> Result<Option<Value>> {
        let mut iter = std::mem::replace(&mut self.round().iter, PyIter::Items(Vec::new().into_iter()));
        let item = iter.next(state);
        self.round().iter = iter;
        item
    }

    pub(super) fn advance(self: &Arc<Self>, state: &State<'_>) -> Result<Option<Value>> {
        *self.me.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(self);
        let waiting = self.round().after.take();
        let item = match waiting {
            Some(v) => Some(v),
            None => self.pull(state)?,
        };
        if let Some(item) = &item {
            let mut round = self.round();
            round.index += 1;
            round.before = round.current.replace(item.clone());
        }
        Ok(item)
    }

    fn peek(&self, state: &State<'_>) -> Result<Option<Value>> {
        if let Some(v) = self.round().after.clone() {
            return Ok(Some(v));
        }
        let item = self.pull(state)?;
        self.round().after = item.clone();
        Ok(item)
    }

    fn count(&self, state: &State<'_>) -> Result<usize> {
        if let Some(n) = self.round().length {
            return Ok(n);
        }
        let n = match &self.sized {
            Some(items) => items.length()?,
            None => {
                let mut rest = Vec::new();
                while let Some(item) = self.pull(state)? {
                    state.step()?;
                    rest.push(item);
                }
                let mut round = self.round();
                let n = rest.len() + round.index + usize::from(round.after.is_some());
                round.iter = PyIter::Items(rest.into_iter());
                n
            }
        };
        self.round().length = Some(n);
        Ok(n)
    }

    fn method(&self, name: &'static str) -> Option<Value> {
        let me = self.me.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        Some(Value::function(name, move |_, args| {
            if name == "cycle" {
                let index = me.round().index.saturating_sub(1);
                let n = args.positional.len();
                if n == 0 {
                    return Err(Error::type_error("no items for cycling given"));
                }
                return Ok(args.positional[index % n].clone());
            }
            let value = Value::Tuple(Tuple::new(args.positional));
            let last = me.round().changed.clone();
            let changed = match last {
                Some(last) => !crate::ops::eq(&last, &value)?,
                None => true,
            };
            if changed {
                me.round().changed = Some(value);
            }
            Ok(Value::Bool(changed))
        }))
    }
}

impl Object for Loop {
    fn type_name(&self) -> &str {
        "LoopContext"
    }
    fn module(&self) -> Option<&str> {
        RUNTIME
    }
    fn get_attr(&self, state: &State<'_>, name: &str) -> Result<Option<Value>> {
        let index = self.round().index;
        let minus = |a: usize, b: usize| Value::from(a as i64 - b as i64);
        Ok(Some(match name {
            "index" => Value::from(index),
            "index0" => minus(index, 1),
            "length" => Value::from(self.count(state)?),
            "revindex" => minus(self.count(state)? + 1, index),
            "revindex0" => minus(self.count(state)?, index),
            "first" => Value::Bool(index == 1),
            "last" => Value::Bool(self.peek(state)?.is_none()),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => {
                let before = self.round().before.clone().filter(|_| index > 1);
                before.unwrap_or_else(|| state.undefined("there is no previous item"))
            }
            "nextitem" => self.peek(state)?.unwrap_or_else(|| state.undefined("there is no next item")),
            "cycle" => return Ok(self.method("cycle")),
            "changed" => return Ok(self.method("changed")),
            _ => return Ok(None),
        }))
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn length(&self) -> Option<usize> {
        self.sized.as_ref().and_then(|s| s.length().ok())
    }
    fn is_true(&self) -> bool {
        true
    }
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        let Some((node, cx)) = &self.node else {
            return Err(Error::type_error(
                "The loop must have the 'recursive' marker to be called recursively.",
            ));
        };
        let mut args = args.bind("LoopContext.__call__", 1, &["iterable"], 1)?;
        let items = args.remove(0).unwrap_or(Value::None);
        let mut out = String::new();
        let escape = state.autoescape();
        state.run_loop(node, &items, cx, &mut out, self.depth + 1)?;
        state.set_autoescape(escape);
        Ok(state.made(out))
    }
    fn repr(&self) -> String {
        let length = self.length().or(self.round().length).unwrap_or_default();
        format!("<LoopContext {}/{length}>", self.round().index)
    }
}
