//! Arguments of a call and their assignment to parameters.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::value::Value;

/// Positional and named arguments.
#[derive(Clone, Default)]
pub struct Args {
    /// By position.
    pub positional: Vec<Value>,
    /// By name, in order.
    pub named: Vec<(Arc<str>, Value)>,
}

impl Args {
    /// Only positional arguments.
    pub fn new(positional: Vec<Value>) -> Self {
        Self { positional, named: Vec::new() }
    }

    /// Takes a named argument out.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.named.iter().position(|(k, _)| &**k == name)?;
        Some(self.named.remove(at).1)
    }

    /// Assigns the arguments to parameters as Python does. `hidden` counts leading arguments that only the message counts.
    pub fn bind(
        self,
        function: &str,
        hidden: usize,
        params: &[&str],
        required: usize,
    ) -> Result<Vec<Option<Value>>> {
        let given = self.positional.len();
        if given > params.len() {
            let (max, min) = (params.len() + hidden, required + hidden);
            let takes = if min == max { max.to_string() } else { format!("from {min} to {max}") };
            let s = if max == 1 && min == max { "" } else { "s" };
            let total = given + hidden;
            let verb = if total == 1 { "was" } else { "were" };
            return Err(Error::type_error(format!(
                "{function}() takes {takes} positional argument{s} but {total} {verb} given"
            )));
        }
        let mut slots: Vec<Option<Value>> = self.positional.into_iter().map(Some).collect();
        slots.resize(params.len(), None);
        for (name, value) in self.named {
            match params.iter().position(|p| *p == &*name) {
                None => {
                    return Err(Error::type_error(format!(
                        "{function}() got an unexpected keyword argument '{name}'"
                    )));
                }
                Some(i) if slots[i].is_some() => {
                    return Err(Error::type_error(format!(
                        "{function}() got multiple values for argument '{name}'"
                    )));
                }
                Some(i) => slots[i] = Some(value),
            }
        }
        let missing: Vec<String> =
            (0..required).filter(|i| slots[*i].is_none()).map(|i| format!("'{}'", params[i])).collect();
        if let Some((last, init)) = missing.split_last() {
            let names = match init {
                [] => last.clone(),
                [one] => format!("{one} and {last}"),
                _ => format!("{}, and {last}", init.join(", ")),
            };
            let s = if missing.len() == 1 { "" } else { "s" };
            return Err(Error::type_error(format!(
                "{function}() missing {} required positional argument{s}: {names}",
                missing.len()
            )));
        }
        Ok(slots)
    }
}
