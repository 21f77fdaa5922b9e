//! Reads tokens into a tree: the frame of it. Statements and expressions have their own files.

use std::sync::Arc;

use crate::ast::{Block, Body, Piece, Stmt, StmtKind};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::lexer::{Token, describe_expr, tokenize};
use crate::repr::repr_str;

mod expression;
mod statement;

/// A mention of a variable: read or written.
#[derive(Clone)]
struct Mention {
    name: Arc<str>,
    read: bool,
}

/// A filter or test and whether its absence shows only when it is used.
struct Use {
    filter: bool,
    name: Arc<str>,
    line: usize,
    soft: bool,
}

pub(crate) struct Parser<'a> {
    env: &'a Environment,
    name: Option<Arc<str>>,
    tokens: Vec<Token>,
    error: Option<Error>,
    at: usize,
    current: Token,
    tag_stack: Vec<String>,
    end_stack: Vec<Vec<&'static str>>,
    mentions: Vec<Mention>,
    uses: Vec<Use>,
    soft: bool,
    toplevel: bool,
    loops: usize,
    assertions: Vec<(usize, String)>,
    scoped_blocks: usize,
    block_names: Vec<Arc<str>>,
    pub(crate) blocks: Vec<Arc<Block>>,
    base: usize,
    depth: usize,
}

/// A parsed template: its body and blocks.
pub(crate) struct Parsed {
    pub body: Body,
    pub blocks: Vec<Arc<Block>>,
}

pub(crate) fn parse(env: &Environment, source: &str, name: Option<Arc<str>>) -> Result<Parsed> {
    let lexed = tokenize(source, &name, &env.settings);
    let first = Token { line: 1, kind: "initial", held: crate::lexer::Held::Text(String::new()) };
    let mut parser = Parser {
        env,
        name,
        tokens: lexed.tokens,
        error: lexed.error,
        at: 0,
        current: first,
        tag_stack: Vec::new(),
        end_stack: Vec::new(),
        mentions: Vec::new(),
        uses: Vec::new(),
        soft: false,
        toplevel: true,
        loops: 0,
        assertions: Vec::new(),
        scoped_blocks: 0,
        block_names: Vec::new(),
        blocks: Vec::new(),
        base: crate::state::stack_mark(),
        depth: 0,
    };
    parser.next()?;
    let body = parser.subparse(&[])?;
    parser.check()?;
    Ok(Parsed { body, blocks: parser.blocks })
}

impl Parser<'_> {
    fn fail_at<T>(&self, message: impl Into<String>, line: usize) -> Result<T> {
        Err(Error::located(ErrorKind::Syntax, message, self.name.clone(), line))
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        self.fail_at(message, self.current.line)
    }

    /// Guards recursion.
    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > 400 || crate::state::stack_mark().abs_diff(self.base) > self.env.settings.max_stack {
            return Err(Error::recursion().at(&self.name, self.current.line));
        }
        Ok(())
    }

    /// Moves on; the token left behind is returned.
    fn next(&mut self) -> Result<Token> {
        let new = if let Some(token) = self.tokens.get(self.at) {
            let token = token.clone();
            self.at += 1;
            token
        } else if let Some(error) = self.error.take() {
            return Err(error);
        } else {
            Token { line: self.current.line, kind: "eof", held: crate::lexer::Held::Text(String::new()) }
        };
        Ok(std::mem::replace(&mut self.current, new))
    }

    fn look_is(&self, expr: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|t| t.is(expr))
    }

    fn skip_if(&mut self, expr: &str) -> Result<bool> {
        let hit = self.current.is(expr);
        if hit {
            self.next()?;
        }
        Ok(hit)
    }

    fn expect(&mut self, expr: &str) -> Result<Token> {
        if self.current.is(expr) {
            return self.next();
        }
        let wanted = repr_str(&describe_expr(expr));
        if self.current.kind == "eof" {
            return self.fail(format!("unexpected end of template, expected {wanted}."));
        }
        self.fail(format!("expected token {wanted}, got {}", repr_str(&self.current.describe())))
    }

    fn expect_name(&mut self) -> Result<Arc<str>> {
        Ok(Arc::from(self.expect("name")?.text()))
    }

    fn read(&mut self, name: &Arc<str>) {
        self.mentions.push(Mention { name: name.clone(), read: true });
    }

    fn write(&mut self, name: &Arc<str>) {
        self.mentions.push(Mention { name: name.clone(), read: false });
    }

    /// Whether a name is read, without being written before, in the mentions since a mark.
    fn undeclared(&self, since: usize, name: &str) -> bool {
        self.mentions
            .get(since..)
            .unwrap_or_default()
            .iter()
            .find(|m| &*m.name == name)
            .is_some_and(|m| m.read)
    }

    fn fail_tag<T>(&self, name: Option<&str>, stack: &[Vec<&'static str>], line: usize) -> Result<T> {
        let mut parts = vec![match name {
            None => "Unexpected end of template.".to_owned(),
            Some(name) => format!("Encountered unknown tag {}.", repr_str(name)),
        }];
        if let Some(last) = stack.last() {
            let looking = last.iter().map(|e| repr_str(&describe_expr(e))).collect::<Vec<_>>().join(" or ");
            let nested = name.is_some_and(|n| stack.iter().flatten().any(|e| describe_expr(e) == n));
            parts.push(if nested {
                format!("You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}.")
            } else {
                format!("Jinja was looking for the following tags: {looking}.")
            });
        }
        if let Some(tag) = self.tag_stack.last() {
            parts.push(format!("The innermost block that needs to be closed is {}.", repr_str(tag)));
        }
        self.fail_at(parts.join(" "), line)
    }

    /// The body of a statement up to one of the ends, which stays the current token.
    fn statements(&mut self, ends: &[&'static str]) -> Result<Body> {
        self.skip_if("colon")?;
        self.expect("block_end")?;
        let body = self.subparse(ends)?;
        if self.current.kind == "eof" {
            let mut stack = self.end_stack.clone();
            stack.push(ends.to_vec());
            return self.fail_tag(None, &stack, self.current.line);
        }
        Ok(body)
    }

    /// As [`Self::statements`], and drops the end.
    fn statements_to(&mut self, ends: &[&'static str]) -> Result<Body> {
        let body = self.statements(ends)?;
        self.next()?;
        Ok(body)
    }

    fn subparse(&mut self, ends: &[&'static str]) -> Result<Body> {
        let mut body: Vec<Stmt> = Vec::new();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut line = 0;
        let flush = |pieces: &mut Vec<Piece>, body: &mut Vec<Stmt>, line: usize| {
            if !pieces.is_empty() {
                body.push(Stmt { kind: StmtKind::Output(std::mem::take(pieces)), line });
            }
        };
        if !ends.is_empty() {
            self.end_stack.push(ends.to_vec());
        }
        loop {
            match self.current.kind {
                "eof" => break,
                "data" => {
                    let token = self.next()?;
                    if pieces.is_empty() {
                        line = token.line;
                    }
                    if let crate::lexer::Held::Text(text) = token.held {
                        pieces.push(Piece::Data(text));
                    }
                }
                "variable_begin" => {
                    self.next()?;
                    let expr = self.parse_tuple(false, true, &[], false)?;
                    if pieces.is_empty() {
                        line = expr.line;
                    }
                    pieces.push(Piece::Expr(expr));
                    self.expect("variable_end")?;
                }
                "block_begin" => {
                    flush(&mut pieces, &mut body, line);
                    self.next()?;
                    if ends.iter().any(|e| self.current.is(e)) {
                        self.end_stack.pop();
                        return Ok(body.into());
                    }
                    self.deeper()?;
                    body.extend(self.parse_statement()?);
                    self.depth -= 1;
                    self.expect("block_end")?;
                }
                _ => {
                    return Err(Error::python("AssertionError", "internal parsing error")
                        .at(&self.name, self.current.line));
                }
            }
        }
        flush(&mut pieces, &mut body, line);
        if !ends.is_empty() {
            self.end_stack.pop();
        }
        Ok(body.into())
    }

    /// What Jinja2's compiler refuses once the source reads.
    fn check(&self) -> Result<()> {
        let assertion = |line, message: String| {
            Err(Error::located(ErrorKind::Assertion, message, self.name.clone(), line))
        };
        if let Some((line, message)) = self.assertions.first() {
            return assertion(*line, message.clone());
        }
        for u in self.uses.iter().filter(|u| !u.soft) {
            let known = if u.filter {
                self.env.filters.contains_key(&*u.name)
            } else {
                self.env.tests.contains_key(&*u.name)
            };
            if !known {
                let what = if u.filter { "filter" } else { "test" };
                return assertion(u.line, format!("No {what} named {}.", repr_str(&u.name)));
            }
        }
        Ok(())
    }
}
