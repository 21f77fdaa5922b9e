//! Evaluates expressions.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Cx;
use super::objects::TemplateReference;
use crate::args::Args;
use crate::ast::{Call, Expr, ExprKind};
use crate::error::{Error, Result};
use crate::ops;
use crate::repr::{repr_str, to_str};
use crate::state::State;
use crate::undefined::{Undefined, UndefinedKind};
use crate::value::{Dict, Key, Value};

impl State<'_> {
    /// The value of a variable.
    pub(super) fn variable(&self, name: &Arc<str>, cx: &Cx) -> Option<Value> {
        if let Some(v) = cx.scope.as_deref().and_then(|s| s.get(name)) {
            return Some(v);
        }
        if &**name == "self" && !cx.context.is_set(name) {
            return Some(Value::object(TemplateReference { context: cx.context.clone() }));
        }
        cx.context.resolve(name).or_else(|| self.global(name))
    }

    fn pair(&self, pair: &(Expr, Expr), cx: &Cx) -> Result<(Value, Value)> {
        Ok((self.eval(&pair.0, cx)?, self.eval(&pair.1, cx)?))
    }

    fn many(&self, items: &[Expr], cx: &Cx) -> Result<Vec<Value>> {
        items.iter().map(|e| self.eval(e, cx)).collect()
    }

    pub(crate) fn eval(&self, expr: &Expr, cx: &Cx) -> Result<Value> {
        self.step()?;
        self.check_stack()?;
        Ok(match &expr.kind {
            ExprKind::Const(v) => v.clone(),
            ExprKind::Name(name) => {
                self.variable(name, cx).unwrap_or_else(|| Undefined::name(self.env.settings.undefined, name))
            }
            ExprKind::NsRef(..) => Value::None,
            ExprKind::Tuple(items) => Value::tuple(self.many(items, cx)?),
            ExprKind::List(items) => Value::list(self.many(items, cx)?),
            ExprKind::Dict(items) => {
                let mut map = IndexMap::with_capacity(items.len());
                for (k, v) in items {
                    let k = self.eval(k, cx)?;
                    let v = self.eval(v, cx)?;
                    map.insert(Key::new(k)?, v);
                }
                Value::Dict(Dict::new(map))
            }
            ExprKind::Binary(op, pair) => {
                let (a, b) = self.pair(pair, cx)?;
                let made = ops::binary(self, *op, &a, &b)?;
                self.count(&made)?;
                made
            }
            ExprKind::And(pair) => {
                let left = self.eval(&pair.0, cx)?;
                if left.truth()? { self.eval(&pair.1, cx)? } else { left }
            }
            ExprKind::Or(pair) => {
                let left = self.eval(&pair.0, cx)?;
                if left.truth()? { left } else { self.eval(&pair.1, cx)? }
            }
            ExprKind::Not(inner) => Value::Bool(!self.eval(inner, cx)?.truth()?),
            ExprKind::Sign(minus, inner) => ops::unary(*minus, &self.eval(inner, cx)?)?,
            ExprKind::Concat(parts) => {
                let mut text = String::new();
                let values = self.many(parts, cx)?;
                let markup = cx.escape && values.iter().any(|v| matches!(v, Value::Markup(_)));
                for value in values {
                    let value = if markup { crate::filters::text::escaped(&value)? } else { value };
                    text.push_str(&to_str(&value)?);
                    if text.len() > 64 << 20 {
                        return Err(ops::memory());
                    }
                }
                let made = if markup { Value::Markup(text.into()) } else { Value::from(text) };
                self.count(&made)?;
                made
            }
            ExprKind::Compare(first, rest) => self.comparison(first, rest, cx)?,
            ExprKind::Cond(parts) => {
                let (test, then, otherwise) = &**parts;
                if self.eval(test, cx)?.truth()? {
                    self.eval(then, cx)?
                } else if let Some(otherwise) = otherwise {
                    self.eval(otherwise, cx)?
                } else {
                    let place = cx
                        .template
                        .name
                        .as_ref()
                        .map_or_else(String::new, |n| format!(" in {}", repr_str(n)));
                    let hint = format!(
                        "the inline if-expression on line {}{place} evaluated to false and no else section was defined.",
                        expr.line
                    );
                    Undefined::hint(UndefinedKind::Default, hint)
                }
            }
            ExprKind::Filter(..) => self.filter_body(expr, &Value::None, cx)?,
            ExprKind::Test(inner, name, call) => {
                let Some(test) = self.env.tests.get(&**name) else {
                    return Err(Error::runtime(format!("No test named {} found.", repr_str(name))));
                };
                let value = self.eval(inner, cx)?;
                let args = self.arguments(call, cx)?;
                Value::Bool(test(self, value, args)?)
            }
            ExprKind::Call(callee, call) => {
                let callee = self.eval(callee, cx)?;
                let args = self.arguments(call, cx)?;
                self.set_autoescape(cx.escape);
                let made = self.call(&callee, args)?;
                self.count(&made)?;
                made
            }
            ExprKind::Attr(inner, name) => {
                let value = self.eval(inner, cx)?;
                crate::attr::getattr(self, &value, name)?
            }
            ExprKind::Item(inner, key) => {
                let value = self.eval(inner, cx)?;
                if let ExprKind::Slice(parts) = &key.kind {
                    let part = |e: &Option<Expr>| e.as_ref().map_or(Ok(Value::None), |e| self.eval(e, cx));
                    return crate::attr::slice(
                        &value,
                        &[part(&parts[0])?, part(&parts[1])?, part(&parts[2])?],
                    );
                }
                let key = self.eval(key, cx)?;
                crate::attr::getitem(self, &value, &key)?
            }
            ExprKind::Slice(_) => {
                return Err(Error::type_error("slices are supported as a single subscript only"));
            }
        })
    }

    fn comparison(&self, first: &Expr, rest: &[(&'static str, Expr)], cx: &Cx) -> Result<Value> {
        let mut left = self.eval(first, cx)?;
        for (op, right) in rest {
            let right = self.eval(right, cx)?;
            let holds = match *op {
                "==" => ops::eq(&left, &right)?,
                "!=" => !ops::eq(&left, &right)?,
                "in" => ops::contains(self, &right, &left)?,
                "not in" => !ops::contains(self, &right, &left)?,
                op => ops::compare(op, &left, &right)?,
            };
            if !holds {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// A chain of filters; the innermost one without an operand gets `body`.
    pub(super) fn filter_body(&self, expr: &Expr, body: &Value, cx: &Cx) -> Result<Value> {
        let ExprKind::Filter(inner, name, call) = &expr.kind else { return self.eval(expr, cx) };
        self.check_stack()?;
        let Some(filter) = self.env.filters.get(&**name) else {
            return Err(Error::runtime(format!("No filter named {} found.", repr_str(name))));
        };
        let value = match inner {
            Some(inner) => self.filter_body(inner, body, cx)?,
            None => body.clone(),
        };
        let args = self.arguments(call, cx)?;
        self.set_autoescape(cx.escape);
        let made = filter(self, value, args)?;
        self.count(&made)?;
        Ok(made)
    }

    pub(super) fn arguments(&self, call: &Call, cx: &Cx) -> Result<Args> {
        let mut args = Args::new(self.many(&call.args, cx)?);
        for (name, value) in &call.kwargs {
            args.named.push((name.clone(), self.eval(value, cx)?));
        }
        if let Some(star) = &call.star {
            let value = self.eval(star, cx)?;
            let items = value.items(self).map_err(|e| match e.class() {
                "TypeError" if e.message().ends_with("is not iterable") => {
                    Error::type_error(format!("Value after * must be an iterable, not {}", value.type_name()))
                }
                _ => e,
            })?;
            args.positional.extend(items);
        }
        if let Some(star) = &call.star_star {
            let value = self.eval(star, cx)?;
            for (k, v) in self.mapping(&value)? {
                let Some(name) = k.as_str() else {
                    return Err(Error::type_error("keywords must be strings"));
                };
                if args.named.iter().any(|(n, _)| &**n == name) {
                    return Err(Error::type_error(format!(
                        "jinja2.sandbox.SandboxedEnvironment.call() got multiple values for keyword argument {}",
                        repr_str(name)
                    )));
                }
                args.named.push((Arc::from(name), v));
            }
        }
        Ok(args)
    }

    /// The pairs of a mapping.
    fn mapping(&self, value: &Value) -> Result<Vec<(Value, Value)>> {
        match value {
            Value::Undefined(u) if u.is_strict() => Err(u.error()),
            Value::Dict(d) => Ok(d.snapshot().into_iter().map(|(k, v)| (k.into_value(), v)).collect()),
            Value::Object(o) if o.is_mapping() => {
                let mut pairs = Vec::new();
                for key in value.items(self)? {
                    let item = o.get_item(self, &key)?.unwrap_or(Value::None);
                    pairs.push((key, item));
                }
                Ok(pairs)
            }
            _ => Err(Error::type_error(format!(
                "jinja2.sandbox.SandboxedEnvironment.call() argument after ** must be a mapping, not {}",
                value.type_name()
            ))),
        }
    }
}
