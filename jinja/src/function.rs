//! Host functions as values.

use crate::args::Args;
use crate::error::Result;
use crate::state::State;
use crate::value::{Object, Value};

type Callback = Box<dyn Fn(&State<'_>, Args) -> Result<Value> + Send + Sync>;

/// A host function, or a class of the engine's globals.
pub(crate) struct Function {
    name: String,
    call: Callback,
    class: Option<&'static str>,
}

impl Function {
    pub(crate) fn new(
        name: &str,
        call: impl Fn(&State<'_>, Args) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.to_owned(), call: Box::new(call), class: None }
    }

    pub(crate) fn class(
        path: &'static str,
        call: impl Fn(&State<'_>, Args) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { name: path.to_owned(), call: Box::new(call), class: Some(path) }
    }
}

impl Object for Function {
    fn type_name(&self) -> &str {
        if self.class.is_some() { "type" } else { "function" }
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, state: &State<'_>, args: Args) -> Result<Value> {
        (self.call)(state, args)
    }
    fn repr(&self) -> String {
        match self.class {
            Some(path) => format!("<class '{path}'>"),
            None => format!("<function {} at 0x7f0000000000>", self.name),
        }
    }
}
