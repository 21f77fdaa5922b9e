//! The tree of a template.

use std::sync::Arc;

use crate::ops::Op;
use crate::value::Value;

/// An expression and its line.
pub(crate) struct Expr {
    pub kind: ExprKind,
    pub line: usize,
    /// How deep it nests, which is bounded: trees are walked and dropped by recursion.
    pub height: usize,
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, line: usize) -> Self {
        let height = 1 + kind.height();
        Self { kind, line, height }
    }
}

impl ExprKind {
    /// The height of the tallest child.
    fn height(&self) -> usize {
        let tallest = |items: &[Expr]| items.iter().map(|e| e.height).max().unwrap_or(0);
        match self {
            Self::Const(_) | Self::Name(_) | Self::NsRef(..) => 0,
            Self::Tuple(items) | Self::List(items) | Self::Concat(items) => tallest(items),
            Self::Dict(items) => items.iter().map(|(k, v)| k.height.max(v.height)).max().unwrap_or(0),
            Self::Binary(_, pair) | Self::And(pair) | Self::Or(pair) => pair.0.height.max(pair.1.height),
            Self::Not(e) | Self::Sign(_, e) | Self::Attr(e, _) => e.height,
            Self::Compare(e, rest) => rest.iter().map(|r| r.1.height).fold(e.height, usize::max),
            Self::Cond(parts) => {
                parts.0.height.max(parts.1.height).max(parts.2.as_ref().map_or(0, |e| e.height))
            }
            Self::Filter(e, _, call) => e.as_ref().map_or(0, |e| e.height).max(call.height()),
            Self::Test(e, _, call) | Self::Call(e, call) => e.height.max(call.height()),
            Self::Item(a, b) => a.height.max(b.height),
            Self::Slice(parts) => parts.iter().flatten().map(|e| e.height).max().unwrap_or(0),
        }
    }
}

pub(crate) enum ExprKind {
    Const(Value),
    Name(Arc<str>),
    NsRef(Arc<str>, Arc<str>),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Binary(Op, Box<(Expr, Expr)>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    Not(Box<Expr>),
    Sign(bool, Box<Expr>),
    Concat(Vec<Expr>),
    Compare(Box<Expr>, Vec<(&'static str, Expr)>),
    Cond(Box<(Expr, Expr, Option<Expr>)>),
    /// The body of a filter block or block set when there is no inner expression.
    Filter(Option<Box<Expr>>, Arc<str>, Box<Call>),
    Test(Box<Expr>, Arc<str>, Box<Call>),
    Call(Box<Expr>, Box<Call>),
    Attr(Box<Expr>, Arc<str>),
    Item(Box<Expr>, Box<Expr>),
    Slice(Box<[Option<Expr>; 3]>),
}

/// The arguments of a call.
#[derive(Default)]
pub(crate) struct Call {
    pub args: Vec<Expr>,
    pub kwargs: Vec<(Arc<str>, Expr)>,
    pub star: Option<Expr>,
    pub star_star: Option<Expr>,
}

impl Call {
    fn height(&self) -> usize {
        let named = self.kwargs.iter().map(|k| &k.1);
        self.args
            .iter()
            .chain(named)
            .chain(&self.star)
            .chain(&self.star_star)
            .map(|e| e.height)
            .max()
            .unwrap_or(0)
    }
}

pub(crate) enum Target {
    Name(Arc<str>),
    Ns(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

pub(crate) struct Stmt {
    pub kind: StmtKind,
    pub line: usize,
}

pub(crate) enum Piece {
    Data(String),
    Expr(Expr),
}

pub(crate) type Body = Arc<[Stmt]>;

pub(crate) enum StmtKind {
    Output(Vec<Piece>),
    For(Arc<For>),
    If(Vec<(usize, Expr, Body)>, Body),
    With(Vec<(Target, Expr)>, Body),
    /// A new scope: `autoescape`.
    Scope(Expr, Body),
    Macro(Arc<Macro>),
    CallBlock(Arc<Macro>, Expr),
    FilterBlock(Expr, Body),
    Set(Target, Expr),
    SetBlock(Target, Option<Expr>, Body),
    Do(Expr),
    Break,
    Continue,
    Block(Arc<Block>),
    Extends(Expr),
    Include {
        template: Expr,
        ignore_missing: bool,
        with_context: bool,
    },
    Import {
        template: Expr,
        target: Arc<str>,
        with_context: bool,
    },
    FromImport {
        template: Expr,
        names: Vec<(Arc<str>, Arc<str>)>,
        with_context: bool,
    },
    /// A host tag that gives its rendered body to a filter and assigns the answer.
    Load {
        target: Target,
        filter: Arc<str>,
        body: Body,
    },
    /// A host tag whose body is only run, with a label told to the host.
    Timed {
        tag: Arc<str>,
        label: Expr,
        body: Body,
    },
}

pub(crate) struct For {
    pub target: Target,
    pub iter: Expr,
    pub test: Option<Expr>,
    pub body: Body,
    pub otherwise: Body,
    pub recursive: bool,
    /// The body uses `loop`.
    pub extended: bool,
}

pub(crate) struct Macro {
    /// `None` for the body of a call block.
    pub name: Option<Arc<str>>,
    pub line: usize,
    pub args: Vec<(Arc<str>, Option<Expr>)>,
    pub body: Body,
    pub uses_caller: bool,
    pub uses_kwargs: bool,
    pub uses_varargs: bool,
}

pub(crate) struct Block {
    pub name: Arc<str>,
    pub scoped: bool,
    pub required: bool,
    pub body: Body,
}
