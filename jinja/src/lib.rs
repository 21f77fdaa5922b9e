//! Jinja2 3.1 in Rust: its syntax, scoping, filters and messages over Python's values.
//!
//! An [`Environment`] holds settings and what a host registers: filters, tests, globals, tags, a [`Loader`]. It reads a
//! [`Template`], which renders to text. Values are shared and mutable where Python's are; errors carry the class and text the
//! Python engine would give, and the lines they passed through. The sandbox's rules always hold. Bounds on depth, stack, output
//! and work are part of the [`Settings`]; a template cannot make the engine panic.

mod args;
mod ast;
mod attr;
mod environment;
mod error;
mod filters;
mod format;
mod function;
mod globals;
mod iterate;
mod lexer;
mod methods;
mod ops;
mod parser;
pub mod python;
mod render;
mod repr;
mod settings;
mod state;
mod tests;
mod undefined;
mod value;

pub use args::Args;
pub use environment::{Environment, Loader, Tag, Template};
pub use error::{Error, ErrorKind, Frame, Location, Result};
pub use filters::json::dumps as json_dumps;
pub use filters::pprint::pformat;
pub use iterate::Lazy;
pub use repr::{repr, to_str};
pub use settings::Settings;
pub use state::State;
pub use undefined::{Undefined, UndefinedKind};
pub use value::{Dict, Key, List, Method, Object, Range, Set, Tuple, Value, View};
