//! Statements: the tags of Jinja2 and of the host.

use std::sync::Arc;

use super::{Parser, Use};
use crate::ast::{Block, Expr, ExprKind, For, Macro, Piece, Stmt, StmtKind};
use crate::environment::Tag;
use crate::error::{Error, ErrorKind, Result};
use crate::repr::repr_str;

type Params = Vec<(Arc<str>, Option<Expr>)>;

impl Parser<'_> {
    pub(super) fn parse_statement(&mut self) -> Result<Vec<Stmt>> {
        let line = self.current.line;
        if self.current.kind != "name" {
            return self.fail("tag name expected");
        }
        let tag = self.current.text().to_owned();
        self.tag_stack.push(tag.clone());
        let kind = match tag.as_str() {
            "for" => self.parse_for()?,
            "if" => self.parse_if()?,
            "block" => self.parse_block()?,
            "extends" => {
                self.next()?;
                if !self.toplevel {
                    self.assertions.push((line, "cannot use extend from a non top-level scope".to_owned()));
                }
                StmtKind::Extends(self.parse_expression()?)
            }
            "print" => {
                self.next()?;
                let mut pieces = Vec::new();
                while self.current.kind != "block_end" {
                    if !pieces.is_empty() {
                        self.expect("comma")?;
                    }
                    pieces.push(Piece::Expr(self.parse_expression()?));
                }
                StmtKind::Output(pieces)
            }
            "macro" => {
                self.next()?;
                let name = self.parse_target_name()?;
                let def = self.parse_macro(Some(name), &["name:endmacro"], true, line)?;
                StmtKind::Macro(Arc::new(def))
            }
            "include" => {
                self.next()?;
                let template = self.parse_expression()?;
                let ignore_missing = self.current.is("name:ignore") && self.look_is("name:missing");
                if ignore_missing {
                    self.next()?;
                    self.next()?;
                }
                let with_context = self.parse_context()?.unwrap_or(true);
                StmtKind::Include { template, ignore_missing, with_context }
            }
            "import" => self.parse_import()?,
            "from" => self.parse_from()?,
            "set" => self.parse_set()?,
            "with" => self.parse_with()?,
            "autoescape" => {
                self.next()?;
                let value = self.parse_expression()?;
                let body = self.inner(|p| p.statements_to(&["name:endautoescape"]))?;
                StmtKind::Scope(value, body)
            }
            "call" => self.parse_call_block(line)?,
            "filter" => {
                self.next()?;
                let filter = self.parse_filter(None, true)?;
                let body = self.inner(|p| p.statements_to(&["name:endfilter"]))?;
                match filter {
                    Some(filter) => StmtKind::FilterBlock(filter, body),
                    None => return self.fail("expected a filter"),
                }
            }
            "do" if self.env.settings.do_tag => {
                self.next()?;
                StmtKind::Do(self.parse_tuple(false, true, &[], false)?)
            }
            "break" | "continue" if self.env.settings.loop_controls => {
                self.next()?;
                if self.loops == 0 {
                    let text = if tag == "break" {
                        "'break' outside loop"
                    } else {
                        "'continue' not properly in loop"
                    };
                    return Err(Error::python("SyntaxError", text).at(&self.name, line));
                }
                if tag == "break" { StmtKind::Break } else { StmtKind::Continue }
            }
            other => match self.env.tags.get(other).cloned() {
                Some(host) => {
                    let done = self.parse_host_tag(&tag, host, line)?;
                    self.tag_stack.pop();
                    return Ok(done);
                }
                None => {
                    self.tag_stack.pop();
                    return self.fail_tag(Some(&tag), &self.end_stack, line);
                }
            },
        };
        self.tag_stack.pop();
        Ok(vec![Stmt { kind, line }])
    }

    /// Parses within a new scope, where extends is refused and filters must be there.
    fn inner<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let saved = (self.soft, self.toplevel);
        (self.soft, self.toplevel) = (false, false);
        let done = f(self);
        (self.soft, self.toplevel) = saved;
        done
    }

    fn parse_for(&mut self) -> Result<StmtKind> {
        let line = self.expect("name:for")?.line;
        let since = self.mentions.len();
        let target = self.parse_target(&["name:in"], false)?;
        let stores_loop = self.mentions[since..].iter().any(|m| &*m.name == "loop");
        if stores_loop {
            self.assertions
                .push((line, "Can't assign to special loop variable in for-loop target".to_owned()));
        }
        self.expect("name:in")?;
        let iter = self.parse_tuple(false, false, &["name:recursive"], false)?;
        let test = if self.skip_if("name:if")? { Some(self.inner(|p| p.parse_expression())?) } else { None };
        let recursive = self.skip_if("name:recursive")?;
        let body_since = self.mentions.len();
        let blocks_since = self.scoped_blocks;
        self.loops += 1;
        let body = self.inner(|p| p.statements(&["name:endfor", "name:else"]))?;
        self.loops -= 1;
        let extended = recursive || self.undeclared(body_since, "loop") || self.scoped_blocks > blocks_since;
        if self.mentions[body_since..].iter().any(|m| &*m.name == "loop" && !m.read) {
            self.assertions
                .push((line, "Can't assign to special loop variable in for-loop target".to_owned()));
        }
        let otherwise = if self.next()?.text() == "endfor" {
            Arc::from([])
        } else {
            self.inner(|p| p.statements_to(&["name:endfor"]))?
        };
        Ok(StmtKind::For(Arc::new(For { target, iter, test, body, otherwise, recursive, extended })))
    }

    fn parse_if(&mut self) -> Result<StmtKind> {
        let mut line = self.expect("name:if")?.line;
        let soft = std::mem::replace(&mut self.soft, true);
        let mut branches = Vec::new();
        let otherwise = loop {
            let test = self.parse_tuple(false, false, &[], false)?;
            let body = self.statements(&["name:elif", "name:else", "name:endif"])?;
            branches.push((line, test, body));
            let token = self.next()?;
            if token.is("name:elif") {
                line = self.current.line;
            } else if token.is("name:else") {
                break self.statements_to(&["name:endif"])?;
            } else {
                break Arc::from([]);
            }
        };
        self.soft = soft;
        Ok(StmtKind::If(branches, otherwise))
    }

    fn parse_with(&mut self) -> Result<StmtKind> {
        self.next()?;
        let mut values = Vec::new();
        while self.current.kind != "block_end" {
            if !values.is_empty() {
                self.expect("comma")?;
            }
            let target = self.parse_target(&[], false)?;
            self.expect("assign")?;
            values.push((target, self.parse_expression()?));
        }
        let body = self.inner(|p| p.statements_to(&["name:endwith"]))?;
        Ok(StmtKind::With(values, body))
    }

    fn parse_block(&mut self) -> Result<StmtKind> {
        let line = self.next()?.line;
        let name = self.expect_name()?;
        let scoped = self.skip_if("name:scoped")?;
        let required = self.skip_if("name:required")?;
        if self.current.kind == "sub" {
            return self.fail(
                "Block names in Jinja have to be valid Python identifiers and may not contain hyphens, use an underscore instead.",
            );
        }
        if self.block_names.contains(&name) {
            self.assertions.push((line, format!("block {} defined twice", repr_str(&name))));
        }
        self.block_names.push(name.clone());
        let since = self.mentions.len();
        let loops = std::mem::take(&mut self.loops);
        let body = self.inner(|p| p.statements_to(&["name:endblock"]))?;
        self.loops = loops;
        self.mentions.truncate(since);
        if required {
            let blank = |s: &Stmt| match &s.kind {
                StmtKind::Output(pieces) => {
                    pieces.iter().all(|p| matches!(p, Piece::Data(d) if d.chars().all(char::is_whitespace)))
                }
                _ => false,
            };
            if !body.iter().all(blank) {
                return self.fail("Required blocks can only contain comments or whitespace");
            }
        }
        if self.current.kind == "name" && self.current.text() == &*name {
            self.next()?;
        }
        self.scoped_blocks += usize::from(scoped);
        let block = Arc::new(Block { name, scoped, required, body });
        self.blocks.push(block.clone());
        Ok(StmtKind::Block(block))
    }

    fn parse_context(&mut self) -> Result<Option<bool>> {
        let with = self.current.is("name:with");
        if (with || self.current.is("name:without")) && self.look_is("name:context") {
            self.next()?;
            self.next()?;
            return Ok(Some(with));
        }
        Ok(None)
    }

    fn parse_import(&mut self) -> Result<StmtKind> {
        self.next()?;
        let template = self.parse_expression()?;
        self.expect("name:as")?;
        let target = self.parse_target_name()?;
        let with_context = self.parse_context()?.unwrap_or(false);
        Ok(StmtKind::Import { template, target, with_context })
    }

    fn parse_from(&mut self) -> Result<StmtKind> {
        self.next()?;
        let template = self.parse_expression()?;
        self.expect("name:import")?;
        let mut names: Vec<(Arc<str>, Arc<str>)> = Vec::new();
        let mut with_context = None;
        loop {
            if !names.is_empty() {
                self.expect("comma")?;
            }
            if self.current.kind != "name" {
                self.expect("name")?;
            }
            with_context = self.parse_context()?.or(with_context);
            if with_context.is_some() {
                break;
            }
            let line = self.current.line;
            let name = self.parse_target_name()?;
            if name.starts_with('_') {
                return Err(Error::located(
                    ErrorKind::Assertion,
                    "names starting with an underline can not be imported",
                    self.name.clone(),
                    line,
                ));
            }
            let alias = if self.skip_if("name:as")? { self.parse_target_name()? } else { name.clone() };
            names.push((name, alias));
            with_context = self.parse_context()?;
            if with_context.is_some() || self.current.kind != "comma" {
                break;
            }
        }
        Ok(StmtKind::FromImport { template, names, with_context: with_context.unwrap_or(false) })
    }

    fn parse_set(&mut self) -> Result<StmtKind> {
        self.next()?;
        let target = self.parse_target(&[], true)?;
        if self.skip_if("assign")? {
            return Ok(StmtKind::Set(target, self.parse_tuple(false, true, &[], false)?));
        }
        let filter = self.parse_filter(None, false)?;
        let body = self.inner(|p| p.statements_to(&["name:endset"]))?;
        Ok(StmtKind::SetBlock(target, filter, body))
    }

    fn parse_params(&mut self) -> Result<Params> {
        let mut params: Params = Vec::new();
        self.expect("lparen")?;
        while self.current.kind != "rparen" {
            if !params.is_empty() {
                self.expect("comma")?;
            }
            let name = self.parse_target_name()?;
            let default = if self.skip_if("assign")? {
                Some(self.parse_expression()?)
            } else if params.iter().any(|p| p.1.is_some()) {
                return self.fail("non-default argument follows default argument");
            } else {
                None
            };
            if params.iter().any(|p| p.0 == name) {
                let text = format!("duplicate argument '{name}' in function definition");
                return Err(Error::python("SyntaxError", text).at(&self.name, self.current.line));
            }
            params.push((name, default));
        }
        self.expect("rparen")?;
        Ok(params)
    }

    fn parse_macro(
        &mut self,
        name: Option<Arc<str>>,
        ends: &[&'static str],
        params: bool,
        line: usize,
    ) -> Result<Macro> {
        let args = if params { self.parse_params()? } else { Vec::new() };
        self.parse_macro_body(name, args, ends, line)
    }

    fn parse_macro_body(
        &mut self,
        name: Option<Arc<str>>,
        args: Params,
        ends: &[&'static str],
        line: usize,
    ) -> Result<Macro> {
        let since = self.mentions.len();
        let loops = std::mem::take(&mut self.loops);
        let body = self.inner(|p| p.statements_to(ends))?;
        self.loops = loops;
        let has = |n: &str| args.iter().any(|(a, _)| &**a == n);
        let uses_caller = self.undeclared(since, "caller");
        if uses_caller && args.iter().any(|(a, d)| &**a == "caller" && d.is_none()) {
            let text = "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a default.";
            self.assertions.push((line, text.to_owned()));
        }
        let uses_kwargs = self.undeclared(since, "kwargs") && !has("kwargs");
        let uses_varargs = self.undeclared(since, "varargs") && !has("varargs");
        Ok(Macro { name, line, args, body, uses_caller, uses_kwargs, uses_varargs })
    }

    fn parse_call_block(&mut self, line: usize) -> Result<StmtKind> {
        self.next()?;
        let args = if self.current.kind == "lparen" { self.parse_params()? } else { Vec::new() };
        let call = self.parse_expression()?;
        if !matches!(call.kind, ExprKind::Call(..)) {
            return self.fail_at("expected call", line);
        }
        let def = self.parse_macro_body(None, args, &["name:endcall"], line)?;
        Ok(StmtKind::CallBlock(Arc::new(def), call))
    }

    fn parse_host_tag(&mut self, tag: &str, host: Tag, line: usize) -> Result<Vec<Stmt>> {
        let one = |kind| Stmt { kind, line };
        match host {
            Tag::Load { filter, end } => {
                self.next()?;
                if !self.env.filters.contains_key(&filter) {
                    return self.fail_at(format!("Unable to parse {tag}"), line);
                }
                self.expect("name:as")?;
                let target = self.parse_target(&[], false)?;
                let loops = std::mem::take(&mut self.loops);
                let body = self.inner(|p| p.statements_to(&[end]))?;
                self.loops = loops;
                Ok(vec![one(StmtKind::Load { target, filter: filter.into(), body })])
            }
            Tag::Import { filter } => {
                let import = self.parse_import()?;
                let StmtKind::Import { target, .. } = &import else { return Ok(Vec::new()) };
                let name = target.clone();
                let filter: Arc<str> = filter.into();
                self.uses.push(Use { filter: true, name: filter.clone(), line, soft: self.soft });
                let value = Expr::new(ExprKind::Name(name.clone()), line);
                let filtered =
                    Expr::new(ExprKind::Filter(Some(Box::new(value)), filter, Box::default()), line);
                let set = StmtKind::Set(crate::ast::Target::Name(name), filtered);
                Ok(vec![one(import), one(set)])
            }
            Tag::Timed { end } => {
                self.next()?;
                self.expect("name:as")?;
                let label = self.parse_expression()?;
                let body = self.statements_to(&[end])?;
                Ok(vec![one(StmtKind::Timed { tag: tag.into(), label, body })])
            }
        }
    }
}
