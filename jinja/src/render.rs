//! Runs statements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::args::Args;
use crate::ast::{Block, Expr, ExprKind, For, Piece, Stmt, StmtKind, Target};
use crate::environment::TemplateInner;
use crate::error::{Error, ErrorKind, Frame, Result};
use crate::iterate::PyIter;
use crate::repr::{repr_str, to_str};
use crate::state::State;
use crate::undefined::Undefined;
use crate::value::Value;

mod expression;
pub(crate) mod objects;
pub(crate) mod scope;

use objects::{BlockReference, Loop, Macro, Module};
use scope::{Context, Scope, Vars};

/// Where a statement runs.
#[derive(Clone)]
pub(crate) struct Cx {
    pub template: Arc<TemplateInner>,
    pub context: Arc<Context>,
    /// `None` at the top level of a template.
    pub scope: Option<Arc<Scope>>,
    /// What is printed goes to the template's output, which a parent template replaces.
    pub direct: bool,
    pub parent: Arc<Mutex<Option<Arc<TemplateInner>>>>,
    pub frame: Frame,
    /// What is printed is escaped.
    pub escape: bool,
}

impl Cx {
    pub(crate) fn root(
        template: &Arc<TemplateInner>,
        context: &Arc<Context>,
        scope: Option<Arc<Scope>>,
        frame: Frame,
        escape: bool,
    ) -> Self {
        let direct = scope.is_none();
        let (template, context) = (template.clone(), context.clone());
        Self { template, context, scope, direct, parent: Arc::default(), frame, escape }
    }

    /// Notes where an error came up.
    fn note(&self, error: Error, line: usize) -> Error {
        error.within(&self.template.name, line, &self.frame)
    }

    fn inner(&self) -> Self {
        Self { scope: Some(Scope::new(self.scope.clone())), ..self.clone() }
    }

    fn captured(&self) -> Self {
        Self { direct: false, ..self.inner() }
    }

    fn extended(&self) -> Option<Arc<TemplateInner>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn locals(&self) -> Vars {
        self.scope.as_deref().map(Scope::all).unwrap_or_default()
    }

    pub(crate) fn set(&self, name: &Arc<str>, value: Value) {
        match &self.scope {
            Some(scope) => scope.set(name, value),
            None => self.context.set(name, value, true),
        }
    }
}

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
}

impl State<'_> {
    pub(crate) fn render(
        &self,
        template: &Arc<TemplateInner>,
        variables: &[(&str, Value)],
    ) -> Result<String> {
        let given = variables.iter().map(|(k, v)| (Arc::from(*k), v.clone())).collect();
        let context = Arc::new(Context::new(template, given));
        let mut out = String::new();
        self.root(template, &context, &mut out)?;
        Ok(out)
    }

    /// Runs a template in a context, and its parent after it.
    pub(crate) fn root(
        &self,
        template: &Arc<TemplateInner>,
        context: &Arc<Context>,
        out: &mut String,
    ) -> Result<()> {
        let _guard = self.enter()?;
        self.keep_context(context);
        self.within(context, || {
            let mut template = template.clone();
            loop {
                let cx = Cx::root(&template, context, None, Frame::Top, self.env.settings.autoescape);
                self.exec(&template.body, &cx, out)?;
                match cx.extended() {
                    Some(parent) => template = parent,
                    None => return Ok(()),
                }
                self.step()?;
            }
        })
    }

    /// Makes a context the current one for the host's functions.
    pub(crate) fn within<T>(&self, context: &Arc<Context>, f: impl FnOnce() -> Result<T>) -> Result<T> {
        self.contexts.borrow_mut().push(context.clone());
        let done = f();
        self.contexts.borrow_mut().pop();
        done.map_err(Error::leave)
    }

    pub(crate) fn exec(&self, body: &[Stmt], cx: &Cx, out: &mut String) -> Result<Flow> {
        for stmt in body {
            let flow = self.statement(stmt, cx, out).map_err(|e| cx.note(e, stmt.line))?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&self, stmt: &Stmt, cx: &Cx, out: &mut String) -> Result<Flow> {
        self.step()?;
        self.check_stack()?;
        match &stmt.kind {
            StmtKind::Output(pieces) => {
                if !(cx.direct && cx.extended().is_some()) {
                    self.output(pieces, cx, out)?;
                }
            }
            StmtKind::For(node) => return self.exec_for(node, cx, out),
            StmtKind::If(branches, otherwise) => {
                for (line, test, body) in branches {
                    let hit = self.eval(test, cx).and_then(|v| v.truth()).map_err(|e| cx.note(e, *line))?;
                    if hit {
                        return self.exec(body, cx, out);
                    }
                }
                return self.exec(otherwise, cx, out);
            }
            StmtKind::With(values, body) => {
                let inner = cx.inner();
                for (target, value) in values {
                    let value = self.eval(value, cx)?;
                    self.assign(target, value, &inner)?;
                }
                return self.exec(body, &inner, out);
            }
            StmtKind::Scope(value, body) => {
                let escape = self.eval(value, cx)?.truth()?;
                return self.exec(body, &Cx { escape, ..cx.inner() }, out);
            }
            StmtKind::Macro(def) => {
                if let Some(name) = &def.name {
                    let value = Value::object(Macro::new(def, cx));
                    if let Some(scope) = &cx.scope {
                        self.keep_scope(scope);
                    }
                    cx.set(name, value);
                }
            }
            StmtKind::CallBlock(def, call) => {
                let caller = Value::object(Macro::new(def, cx));
                let ExprKind::Call(callee, args) = &call.kind else { return Ok(Flow::Next) };
                let callee = self.eval(callee, cx)?;
                let mut args = self.arguments(args, cx)?;
                args.named.push((Arc::from("caller"), caller));
                self.set_autoescape(cx.escape);
                let value = self.call(&callee, args)?;
                let text = self.text_of(&value, cx)?;
                self.write(out, &text)?;
            }
            StmtKind::FilterBlock(filter, body) => {
                let inner = cx.inner();
                let mut text = String::new();
                let flow = self.exec(body, &inner, &mut text)?;
                self.set_autoescape(cx.escape);
                let value = self.filter_body(filter, &self.made(text), &inner)?;
                let text = self.text_of(&value, cx)?;
                self.write(out, &text)?;
                return Ok(flow);
            }
            StmtKind::Set(target, value) => {
                let value = self.eval(value, cx)?;
                self.check_namespaces(target, cx)?;
                self.assign(target, value, cx)?;
            }
            StmtKind::SetBlock(target, filter, body) => {
                let inner = cx.captured();
                let mut text = String::new();
                let flow = self.exec(body, &inner, &mut text)?;
                self.set_autoescape(cx.escape);
                let mut value = self.made(text);
                if let Some(filter) = filter {
                    value = self.filter_body(filter, &value, &inner)?;
                }
                self.check_namespaces(target, cx)?;
                self.assign(target, value, cx)?;
                return Ok(flow);
            }
            StmtKind::Do(value) => {
                self.eval(value, cx)?;
            }
            StmtKind::Break => return Ok(Flow::Break),
            StmtKind::Continue => return Ok(Flow::Continue),
            StmtKind::Block(block) => self.exec_block_tag(block, cx, out)?,
            StmtKind::Extends(name) => {
                if cx.extended().is_some() {
                    return Err(Error::runtime("extended multiple times"));
                }
                let name = self.eval(name, cx)?;
                let parent = self.load(&name)?;
                cx.context.add_blocks(&parent);
                *cx.parent.lock().unwrap_or_else(PoisonError::into_inner) = Some(parent);
            }
            StmtKind::Include { template, ignore_missing, with_context } => {
                let names = self.eval(template, cx)?;
                match self.select(&names) {
                    Err(e) if *ignore_missing && matches!(e.kind(), ErrorKind::NotFound { .. }) => {}
                    Err(e) => return Err(e),
                    Ok(template) if *with_context => {
                        let mut given = cx.context.all();
                        given.extend(cx.locals());
                        let context = Arc::new(Context::new(&template, given));
                        let mut text = String::new();
                        self.root(&template, &context, &mut text)?;
                        self.write(out, &text)?;
                    }
                    Ok(template) => {
                        let module = self.module(&template)?;
                        self.write(out, &module.body)?;
                    }
                }
            }
            StmtKind::Import { template, target, with_context } => {
                let module = self.import(template, *with_context, cx)?;
                let value = Value::Object(module);
                match &cx.scope {
                    Some(scope) => scope.set(target, value),
                    None => cx.context.set(target, value, false),
                }
            }
            StmtKind::FromImport { template, names, with_context } => {
                let module = self.import(template, *with_context, cx)?;
                for (name, alias) in names {
                    let value = module.exports.get(name).cloned().unwrap_or_else(|| {
                        let mut position = format!("line {}", stmt.line);
                        if let Some(n) = &cx.template.name {
                            position = format!("{position} in {}", repr_str(n));
                        }
                        let hint = format!(
                            "the template {} (imported on {position}) does not export the requested name {}",
                            repr_str(&module.name),
                            repr_str(name)
                        );
                        Undefined::hint(self.env.settings.undefined, hint)
                    });
                    match &cx.scope {
                        Some(scope) => scope.set(alias, value),
                        None => cx.context.set(alias, value, false),
                    }
                }
            }
            StmtKind::Load { target, filter, body } => {
                let inner = cx.captured();
                let mut text = String::new();
                self.exec(body, &inner, &mut text)?;
                let value = self.filter(filter, Value::from(text), Args::default())?;
                self.assign(target, value, cx)?;
            }
            StmtKind::Timed { tag, label, body } => {
                let label = self.eval(label, cx)?;
                let start = Instant::now();
                let flow = self.exec(body, cx, out)?;
                if let Some(timed) = &self.env.timed {
                    timed(tag, &label, start.elapsed());
                }
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn output(&self, pieces: &[Piece], cx: &Cx, out: &mut String) -> Result<()> {
        for piece in pieces {
            match piece {
                Piece::Data(text) => self.write(out, text)?,
                Piece::Expr(expr) => {
                    let text = self.printed(expr, cx).map_err(|e| cx.note(e, expr.line))?;
                    self.write(out, &text)?;
                }
            }
        }
        Ok(())
    }

    fn printed(&self, expr: &Expr, cx: &Cx) -> Result<String> {
        let mut value = self.eval(expr, cx)?;
        if let Some(finalize) = &self.env.finalize {
            value = finalize(self, value)?;
        }
        self.text_of(&value, cx)
    }

    /// What is printed for a value.
    fn text_of(&self, value: &Value, cx: &Cx) -> Result<String> {
        match cx.escape {
            true => to_str(&crate::filters::text::escaped(value)?),
            false => to_str(value),
        }
    }

    /// Attributes can be set on namespaces only; this is looked at before anything is assigned.
    fn check_namespaces(&self, target: &Target, cx: &Cx) -> Result<()> {
        match target {
            Target::Name(_) => Ok(()),
            Target::Tuple(targets) => targets.iter().try_for_each(|t| self.check_namespaces(t, cx)),
            Target::Ns(name, _) => match self.variable(name, cx) {
                Some(v) if crate::globals::as_namespace(&v).is_some() => Ok(()),
                _ => Err(Error::runtime("cannot assign attribute on non-namespace object")),
            },
        }
    }

    pub(crate) fn assign(&self, target: &Target, value: Value, cx: &Cx) -> Result<()> {
        match target {
            Target::Name(name) => cx.set(name, value),
            Target::Ns(name, attr) => {
                if let Some(dict) = self.variable(name, cx).as_ref().and_then(crate::globals::as_namespace) {
                    dict.set_str(attr, value);
                }
            }
            Target::Tuple(targets) => {
                let mut iter = match PyIter::new(self, &value) {
                    Err(e) if e.class() == "TypeError" => {
                        return Err(Error::type_error(format!(
                            "cannot unpack non-iterable {} object",
                            value.type_name()
                        )));
                    }
                    other => other?,
                };
                let wanted = targets.len();
                let mut items = Vec::with_capacity(wanted);
                while let Some(item) = iter.next(self)? {
                    if items.len() == wanted {
                        return Err(Error::value_error(format!(
                            "too many values to unpack (expected {wanted})"
                        )));
                    }
                    items.push(item);
                }
                if items.len() < wanted {
                    let got = items.len();
                    return Err(Error::value_error(format!(
                        "not enough values to unpack (expected {wanted}, got {got})"
                    )));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item, cx)?;
                }
            }
        }
        Ok(())
    }

    fn exec_for(&self, node: &Arc<For>, cx: &Cx, out: &mut String) -> Result<Flow> {
        let items = self.eval(&node.iter, cx)?;
        if node.recursive {
            let mut text = String::new();
            self.run_loop(node, &items, cx, &mut text, 0)?;
            self.write(out, &text)?;
        } else {
            self.run_loop(node, &items, cx, out, 0)?;
        }
        Ok(Flow::Next)
    }

    /// Runs a loop over the items; `depth` counts recursive loops.
    pub(crate) fn run_loop(
        &self,
        node: &Arc<For>,
        items: &Value,
        cx: &Cx,
        out: &mut String,
        depth: usize,
    ) -> Result<()> {
        let _guard = self.enter()?;
        let mut iter = PyIter::new(self, items)?;
        let mut length = items.length().ok();
        if node.test.is_some() {
            length = None;
            iter = PyIter::Fitting(Box::new(iter), node.clone(), Box::new(cx.clone()));
        }
        let looped =
            node.extended.then(|| Arc::new(Loop::new(node, iter_take(&mut iter), items, length, cx, depth)));
        let name: Arc<str> = Arc::from("loop");
        let mut ran = false;
        loop {
            self.step()?;
            let item = match &looped {
                Some(l) => l.advance(self)?,
                None => iter.next(self)?,
            };
            let Some(item) = item else { break };
            let inner = cx.inner();
            if let Some(l) = &looped {
                inner.set(&name, Value::Object(l.clone()));
            }
            self.assign(&node.target, item, &inner)?;
            match self.exec(&node.body, &inner, out)? {
                // As in Jinja2, a round counts against `else` only if it gets to its end.
                Flow::Next => ran = true,
                Flow::Continue => {}
                Flow::Break => break,
            }
        }
        if !ran {
            self.exec(&node.otherwise, &cx.inner(), out)?;
        }
        Ok(())
    }

    /// Whether an item fits the test of a loop.
    pub(crate) fn fits(&self, node: &For, item: &Value, cx: &Cx) -> Result<bool> {
        self.step()?;
        let Some(test) = &node.test else { return Ok(true) };
        let inner = cx.inner();
        self.assign(&node.target, item.clone(), &inner)?;
        self.eval(test, &inner)?.truth()
    }

    fn exec_block_tag(&self, block: &Arc<Block>, cx: &Cx, out: &mut String) -> Result<()> {
        if cx.scope.is_none() && cx.extended().is_some() {
            return Ok(());
        }
        if block.required && cx.context.block_count(&block.name) <= 1 {
            return Err(Error::runtime(format!("Required block {} not found", repr_str(&block.name))));
        }
        let context = if block.scoped {
            let derived = Arc::new(cx.context.derived(cx.locals()));
            self.keep_context(&derived);
            derived
        } else {
            cx.context.clone()
        };
        self.run_block(&block.name, 0, &context, out)
    }

    /// Runs a block of a context: the `index`th definition, counted from the innermost child.
    pub(crate) fn run_block(
        &self,
        name: &Arc<str>,
        index: usize,
        context: &Arc<Context>,
        out: &mut String,
    ) -> Result<()> {
        let Some(at) = context.block(name, index) else { return Ok(()) };
        let _guard = self.enter()?;
        let scope = Scope::new(None);
        let upper = if index + 1 < context.block_count(name) {
            Value::object(BlockReference { name: name.clone(), context: context.clone(), index: index + 1 })
        } else {
            self.undefined(format!("there is no parent block called {}.", repr_str(name)))
        };
        scope.set(&Arc::from("super"), upper);
        let cx = Cx::root(
            &at.template,
            context,
            Some(scope),
            Frame::Block(name.clone()),
            self.env.settings.autoescape,
        );
        self.within(context, || self.exec(&at.block.body, &cx, out).map(|_| ()))
    }

    /// The template of an include: one name or the first found of several.
    fn select(&self, names: &Value) -> Result<Arc<TemplateInner>> {
        match names {
            Value::List(_) | Value::Tuple(_) => {
                let items = names.items(self)?;
                if items.is_empty() {
                    return Err(Error::new(
                        ErrorKind::NotFound { several: true },
                        "Tried to select from an empty list of templates.",
                    ));
                }
                let mut shown = Vec::new();
                for name in &items {
                    if let Value::Undefined(u) = name {
                        shown.push(u.message());
                        continue;
                    }
                    match self.load(name) {
                        Err(e) if matches!(e.kind(), ErrorKind::NotFound { .. }) => shown.push(to_str(name)?),
                        other => return other,
                    }
                }
                let text = format!("none of the templates given were found: {}", shown.join(", "));
                Err(Error::new(ErrorKind::NotFound { several: true }, text))
            }
            one => self.load(one),
        }
    }

    fn import(&self, name: &Expr, with_context: bool, cx: &Cx) -> Result<Arc<Module>> {
        let name = self.eval(name, cx)?;
        let template = self.load(&name)?;
        if !with_context {
            return self.module(&template);
        }
        let mut given = cx.context.all();
        given.extend(cx.locals());
        self.make_module(&template, given)
    }

    /// The module of a template without context, made once per render.
    fn module(&self, template: &Arc<TemplateInner>) -> Result<Arc<Module>> {
        let name = template.name.as_deref().unwrap_or_default().to_owned();
        if let Some(found) = self.modules.borrow().get(&name) {
            return Ok(found.clone());
        }
        let module = self.make_module(template, self.set_globals())?;
        self.modules.borrow_mut().insert(name, module.clone());
        Ok(module)
    }

    fn make_module(&self, template: &Arc<TemplateInner>, given: Vars) -> Result<Arc<Module>> {
        let context = Arc::new(Context::new(template, given));
        let mut body = String::new();
        self.root(template, &context, &mut body)?;
        let name = template.name.as_deref().unwrap_or("<template>").to_owned();
        Ok(Arc::new(Module { name, exports: context.exports(), body }))
    }
}

fn iter_take(iter: &mut PyIter) -> PyIter {
    std::mem::replace(iter, PyIter::Items(Vec::new().into_iter()))
}
