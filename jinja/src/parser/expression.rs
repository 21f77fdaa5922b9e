//! Expressions, from the conditional one down to literals.

use std::sync::Arc;

use super::{Parser, Use};
use crate::ast::{Call, Expr, ExprKind, Target};
use crate::error::Result;
use crate::lexer::Held;
use crate::ops::Op;
use crate::repr::repr_str;
use crate::value::Value;

fn expr(kind: ExprKind, line: usize) -> Expr {
    Expr::new(kind, line)
}

fn const_text(text: String) -> ExprKind {
    ExprKind::Const(Value::from(text))
}

impl Parser<'_> {
    pub(super) fn parse_expression(&mut self) -> Result<Expr> {
        self.deeper()?;
        let done = self.parse_cond();
        self.depth -= 1;
        done
    }

    /// Chains of operators, filters or subscripts make tall trees without recursion here.
    fn check_height(&self, expr: &Expr) -> Result<()> {
        if expr.height > 400 {
            return Err(crate::error::Error::recursion().at(&self.name, expr.line));
        }
        Ok(())
    }

    fn parse_cond(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let start = self.uses.len();
        let mut left = self.parse_or()?;
        while self.skip_if("name:if")? {
            let test = self.parse_or()?;
            let otherwise = if self.skip_if("name:else")? { Some(self.parse_expression()?) } else { None };
            self.uses[start..].iter_mut().for_each(|u| u.soft = true);
            left = expr(ExprKind::Cond(Box::new((test, left, otherwise))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
        Ok(left)
    }

    pub(super) fn parse_or(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let mut left = self.parse_and()?;
        while self.skip_if("name:or")? {
            let right = self.parse_and()?;
            left = expr(ExprKind::Or(Box::new((left, right))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
        Ok(left)
    }

    fn parse_and(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let mut left = self.parse_not()?;
        while self.skip_if("name:and")? {
            let right = self.parse_not()?;
            left = expr(ExprKind::And(Box::new((left, right))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
        Ok(left)
    }

    fn parse_not(&mut self) -> Result<Expr> {
        if self.current.is("name:not") {
            let line = self.next()?.line;
            self.deeper()?;
            let inner = self.parse_not()?;
            self.depth -= 1;
            return Ok(expr(ExprKind::Not(Box::new(inner)), line));
        }
        self.parse_compare()
    }

    fn parse_compare(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let left = self.parse_sum()?;
        let mut ops = Vec::new();
        loop {
            let op = match self.current.kind {
                "eq" => "==",
                "ne" => "!=",
                "lt" => "<",
                "lteq" => "<=",
                "gt" => ">",
                "gteq" => ">=",
                _ if self.current.is("name:in") => "in",
                _ if self.current.is("name:not") && self.look_is("name:in") => {
                    self.next()?;
                    "not in"
                }
                _ => break,
            };
            self.next()?;
            ops.push((op, self.parse_sum()?));
            line = self.current.line;
        }
        if ops.is_empty() { Ok(left) } else { Ok(expr(ExprKind::Compare(Box::new(left), ops), line)) }
    }

    fn parse_sum(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let mut left = self.parse_concat()?;
        loop {
            let op = match self.current.kind {
                "add" => Op::Add,
                "sub" => Op::Sub,
                _ => return Ok(left),
            };
            self.next()?;
            let right = self.parse_concat()?;
            left = expr(ExprKind::Binary(op, Box::new((left, right))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
    }

    fn parse_concat(&mut self) -> Result<Expr> {
        let line = self.current.line;
        let first = self.parse_product()?;
        if self.current.kind != "tilde" {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.current.kind == "tilde" {
            self.next()?;
            parts.push(self.parse_product()?);
        }
        Ok(expr(ExprKind::Concat(parts), line))
    }

    fn parse_product(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let mut left = self.parse_power()?;
        loop {
            let op = match self.current.kind {
                "mul" => Op::Mul,
                "div" => Op::Div,
                "floordiv" => Op::FloorDiv,
                "mod" => Op::Mod,
                _ => return Ok(left),
            };
            self.next()?;
            let right = self.parse_power()?;
            left = expr(ExprKind::Binary(op, Box::new((left, right))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
    }

    fn parse_power(&mut self) -> Result<Expr> {
        let mut line = self.current.line;
        let mut left = self.parse_unary(true)?;
        while self.current.kind == "pow" {
            self.next()?;
            let right = self.parse_unary(true)?;
            left = expr(ExprKind::Binary(Op::Pow, Box::new((left, right))), line);
            line = self.current.line;
            self.check_height(&left)?;
        }
        Ok(left)
    }

    fn parse_unary(&mut self, filters: bool) -> Result<Expr> {
        let line = self.current.line;
        let mut node = match self.current.kind {
            sign @ ("sub" | "add") => {
                self.next()?;
                self.deeper()?;
                let inner = self.parse_unary(false)?;
                self.depth -= 1;
                expr(ExprKind::Sign(sign == "sub", Box::new(inner)), line)
            }
            _ => self.parse_primary(false)?,
        };
        node = self.parse_postfix(node)?;
        if filters { self.parse_filters(node) } else { Ok(node) }
    }

    pub(super) fn parse_primary(&mut self, with_namespace: bool) -> Result<Expr> {
        let line = self.current.line;
        let kind = match self.current.kind {
            "name" => {
                let token = self.next()?;
                match token.text() {
                    "true" | "True" => ExprKind::Const(Value::Bool(true)),
                    "false" | "False" => ExprKind::Const(Value::Bool(false)),
                    "none" | "None" => ExprKind::Const(Value::None),
                    name => {
                        let name: Arc<str> = Arc::from(name);
                        if with_namespace && self.current.kind == "dot" {
                            self.next()?;
                            ExprKind::NsRef(name, self.expect_name()?)
                        } else {
                            self.read(&name);
                            ExprKind::Name(name)
                        }
                    }
                }
            }
            "string" => {
                let mut text = self.next()?.text().to_owned();
                while self.current.kind == "string" {
                    text.push_str(self.next()?.text());
                }
                const_text(text)
            }
            "integer" | "float" => ExprKind::Const(match self.next()?.held {
                Held::Int(i) => Value::Int(i),
                Held::Float(f) => Value::Float(f),
                Held::Text(t) => Value::from(t),
            }),
            "lparen" => {
                self.next()?;
                let inner = self.parse_tuple(false, true, &[], true)?;
                self.expect("rparen")?;
                return Ok(inner);
            }
            "lbracket" => {
                self.next()?;
                let mut items = Vec::new();
                while self.current.kind != "rbracket" {
                    if !items.is_empty() {
                        self.expect("comma")?;
                        if self.current.kind == "rbracket" {
                            break;
                        }
                    }
                    items.push(self.parse_expression()?);
                }
                self.expect("rbracket")?;
                ExprKind::List(items)
            }
            "lbrace" => {
                self.next()?;
                let mut items = Vec::new();
                while self.current.kind != "rbrace" {
                    if !items.is_empty() {
                        self.expect("comma")?;
                        if self.current.kind == "rbrace" {
                            break;
                        }
                    }
                    let key = self.parse_expression()?;
                    self.expect("colon")?;
                    items.push((key, self.parse_expression()?));
                }
                self.expect("rbrace")?;
                ExprKind::Dict(items)
            }
            _ => return self.fail(format!("unexpected {}", repr_str(&self.current.describe()))),
        };
        Ok(expr(kind, line))
    }

    /// One expression, or several as a tuple. `simplified` reads primaries only (targets), where `flag` allows namespace
    /// references; otherwise `flag` allows conditional expressions.
    pub(super) fn parse_tuple(
        &mut self,
        simplified: bool,
        flag: bool,
        ends: &[&str],
        parentheses: bool,
    ) -> Result<Expr> {
        let mut line = self.current.line;
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect("comma")?;
            }
            let end = matches!(self.current.kind, "variable_end" | "block_end" | "rparen")
                || ends.iter().any(|e| self.current.is(e));
            if end {
                break;
            }
            items.push(if simplified {
                self.parse_primary(flag)?
            } else if flag {
                self.parse_expression()?
            } else {
                self.parse_or()?
            });
            if self.current.kind != "comma" {
                break;
            }
            is_tuple = true;
            line = self.current.line;
        }
        if !is_tuple {
            match items.pop() {
                Some(one) => return Ok(one),
                None if parentheses => {}
                None => {
                    return self
                        .fail(format!("Expected an expression, got {}", repr_str(&self.current.describe())));
                }
            }
        }
        Ok(expr(ExprKind::Tuple(items), line))
    }

    /// A target of an assignment.
    pub(super) fn parse_target(&mut self, ends: &[&str], with_namespace: bool) -> Result<Target> {
        let since = self.mentions.len();
        let node = self.parse_tuple(true, with_namespace, ends, false)?;
        self.mentions[since..].iter_mut().for_each(|m| m.read = false);
        let line = node.line;
        match to_target(node) {
            Ok(target) => Ok(target),
            Err(kind) => self.fail_at(format!("can't assign to '{kind}'"), line),
        }
    }

    pub(super) fn parse_target_name(&mut self) -> Result<Arc<str>> {
        let token = self.expect("name")?;
        if matches!(token.text(), "true" | "True" | "false" | "False" | "none" | "None") {
            return self.fail_at("can't assign to 'name'", token.line);
        }
        let name: Arc<str> = Arc::from(token.text());
        self.write(&name);
        Ok(name)
    }

    fn parse_postfix(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            self.check_height(&node)?;
            node = match self.current.kind {
                "dot" | "lbracket" => self.parse_subscript(node)?,
                "lparen" => self.parse_call(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn parse_filters(&mut self, mut node: Expr) -> Result<Expr> {
        loop {
            self.check_height(&node)?;
            node = match self.current.kind {
                "pipe" => self
                    .parse_filter(Some(node), false)?
                    .unwrap_or_else(|| expr(ExprKind::Const(Value::None), 0)),
                "name" if self.current.is("name:is") => self.parse_test(node)?,
                "lparen" => self.parse_call(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn parse_subscript(&mut self, node: Expr) -> Result<Expr> {
        let token = self.next()?;
        let line = token.line;
        if token.kind == "dot" {
            let attr = self.next()?;
            return match (attr.kind, attr.held) {
                ("name", Held::Text(name)) => Ok(expr(ExprKind::Attr(Box::new(node), name.into()), line)),
                ("integer", Held::Int(i)) => {
                    let key = expr(ExprKind::Const(Value::Int(i)), attr.line);
                    Ok(expr(ExprKind::Item(Box::new(node), Box::new(key)), line))
                }
                _ => self.fail_at("expected name or number", attr.line),
            };
        }
        let mut args = Vec::new();
        while self.current.kind != "rbracket" {
            if !args.is_empty() {
                self.expect("comma")?;
            }
            args.push(self.parse_subscribed()?);
        }
        self.expect("rbracket")?;
        let key = if args.len() == 1 { args.remove(0) } else { expr(ExprKind::Tuple(args), line) };
        Ok(expr(ExprKind::Item(Box::new(node), Box::new(key)), line))
    }

    fn parse_subscribed(&mut self) -> Result<Expr> {
        let line = self.current.line;
        let mut parts = [None, None, None];
        if self.current.kind != "colon" {
            let node = self.parse_expression()?;
            if self.current.kind != "colon" {
                return Ok(node);
            }
            parts[0] = Some(node);
        }
        self.next()?;
        let ends = |kind: &str| matches!(kind, "rbracket" | "comma");
        if self.current.kind != "colon" && !ends(self.current.kind) {
            parts[1] = Some(self.parse_expression()?);
        }
        if self.current.kind == "colon" {
            self.next()?;
            if !ends(self.current.kind) {
                parts[2] = Some(self.parse_expression()?);
            }
        }
        Ok(expr(ExprKind::Slice(Box::new(parts)), line))
    }

    fn parse_call(&mut self, node: Expr) -> Result<Expr> {
        let line = self.current.line;
        let call = self.parse_call_args()?;
        Ok(expr(ExprKind::Call(Box::new(node), Box::new(call)), line))
    }

    fn parse_call_args(&mut self) -> Result<Call> {
        let line = self.expect("lparen")?.line;
        let mut call = Call::default();
        let mut more = false;
        while self.current.kind != "rparen" {
            if more {
                self.expect("comma")?;
                if self.current.kind == "rparen" {
                    break;
                }
            }
            let valid = if self.current.kind == "mul" {
                let valid = call.star.is_none() && call.star_star.is_none();
                if valid {
                    self.next()?;
                    call.star = Some(self.parse_expression()?);
                }
                valid
            } else if self.current.kind == "pow" {
                let valid = call.star_star.is_none();
                if valid {
                    self.next()?;
                    call.star_star = Some(self.parse_expression()?);
                }
                valid
            } else if self.current.kind == "name" && self.look_is("assign") {
                let valid = call.star_star.is_none();
                if valid {
                    let key: Arc<str> = Arc::from(self.next()?.text());
                    self.next()?;
                    let line = self.current.line;
                    let value = self.parse_expression()?;
                    if call.kwargs.iter().any(|(k, _)| *k == key) {
                        return Err(crate::error::Error::python(
                            "SyntaxError",
                            format!("keyword argument repeated: {key}"),
                        )
                        .at(&self.name, line));
                    }
                    call.kwargs.push((key, value));
                }
                valid
            } else {
                let valid = call.star.is_none() && call.star_star.is_none() && call.kwargs.is_empty();
                if valid {
                    call.args.push(self.parse_expression()?);
                }
                valid
            };
            if !valid {
                return self.fail_at("invalid syntax for function call expression", line);
            }
            more = true;
        }
        self.expect("rparen")?;
        Ok(call)
    }

    fn dotted_name(&mut self) -> Result<(Arc<str>, usize)> {
        let token = self.expect("name")?;
        let mut name = token.text().to_owned();
        while self.current.kind == "dot" {
            self.next()?;
            name.push('.');
            name.push_str(self.expect("name")?.text());
        }
        Ok((name.into(), token.line))
    }

    /// A chain of filters; `inline` starts without a pipe.
    pub(super) fn parse_filter(&mut self, mut node: Option<Expr>, mut inline: bool) -> Result<Option<Expr>> {
        while self.current.kind == "pipe" || inline {
            if !inline {
                self.next()?;
            }
            inline = false;
            let (name, line) = self.dotted_name()?;
            self.uses.push(Use { filter: true, name: name.clone(), line, soft: self.soft });
            let call = if self.current.kind == "lparen" { self.parse_call_args()? } else { Call::default() };
            let filtered = expr(ExprKind::Filter(node.map(Box::new), name, Box::new(call)), line);
            self.check_height(&filtered)?;
            node = Some(filtered);
        }
        Ok(node)
    }

    fn parse_test(&mut self, node: Expr) -> Result<Expr> {
        let line = self.next()?.line;
        let negated = self.skip_if("name:not")?;
        let (name, _) = self.dotted_name()?;
        self.uses.push(Use { filter: false, name: name.clone(), line, soft: self.soft });
        let mut call = Call::default();
        if self.current.kind == "lparen" {
            call = self.parse_call_args()?;
        } else if matches!(self.current.kind, "name" | "string" | "integer" | "float" | "lbracket" | "lbrace")
            && !["name:else", "name:or", "name:and"].iter().any(|e| self.current.is(e))
        {
            if self.current.is("name:is") {
                return self.fail("You cannot chain multiple tests with is");
            }
            let arg = self.parse_primary(false)?;
            call.args.push(self.parse_postfix(arg)?);
        }
        let test = expr(ExprKind::Test(Box::new(node), name, Box::new(call)), line);
        Ok(if negated { expr(ExprKind::Not(Box::new(test)), line) } else { test })
    }
}

/// The target an expression can be, or the name of its kind.
fn to_target(node: Expr) -> std::result::Result<Target, &'static str> {
    match node.kind {
        ExprKind::Name(name) => Ok(Target::Name(name)),
        ExprKind::NsRef(name, attr) => Ok(Target::Ns(name, attr)),
        ExprKind::Tuple(items) => items
            .into_iter()
            .map(to_target)
            .collect::<std::result::Result<_, _>>()
            .map(Target::Tuple)
            .map_err(|_| "tuple"),
        ExprKind::Const(_) => Err("const"),
        ExprKind::List(_) => Err("list"),
        ExprKind::Dict(_) => Err("dict"),
        ExprKind::Binary(op, _) => Err(match op {
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::Div => "div",
            Op::FloorDiv => "floordiv",
            Op::Mod => "mod",
            Op::Pow => "pow",
        }),
        ExprKind::And(_) => Err("and"),
        ExprKind::Or(_) => Err("or"),
        ExprKind::Not(_) => Err("not"),
        ExprKind::Sign(true, _) => Err("neg"),
        ExprKind::Sign(false, _) => Err("pos"),
        ExprKind::Concat(_) => Err("concat"),
        ExprKind::Compare(..) => Err("compare"),
        ExprKind::Cond(_) => Err("condexpr"),
        ExprKind::Filter(..) => Err("filter"),
        ExprKind::Test(..) => Err("test"),
        ExprKind::Call(..) => Err("call"),
        ExprKind::Attr(..) => Err("getattr"),
        ExprKind::Item(..) => Err("getitem"),
        ExprKind::Slice(_) => Err("slice"),
    }
}
