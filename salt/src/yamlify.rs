//! What Salt's command lines make of a word (`salt/utils/args.py`, `yamlify_arg`).

use crate::Value;

/// The value of a word: YAML, with Salt's exceptions.
pub fn yamlify(word: &str) -> Value {
    match word.parse() {
        Ok(n) => Value::Int(n),
        Err(_) => word.into(),
    }
}
