//! What Python's operators and builtins do, for filters and functions of the host.

use crate::error::Result;
pub use crate::filters::Bound;
use crate::ops::{self, Op};
use crate::state::State;
use crate::value::Value;
use num_bigint::BigInt;

/// `a == b`
pub fn eq(a: &Value, b: &Value) -> Result<bool> {
    ops::eq(a, b)
}

/// `item in container`
pub fn contains(state: &State<'_>, container: &Value, item: &Value) -> Result<bool> {
    ops::contains(state, container, item)
}

/// `a < b`
pub fn less(a: &Value, b: &Value) -> Result<bool> {
    ops::compare("<", a, b)
}

/// `a > b`
pub fn greater(a: &Value, b: &Value) -> Result<bool> {
    ops::compare(">", a, b)
}

/// `a + b`
pub fn add(state: &State<'_>, a: &Value, b: &Value) -> Result<Value> {
    ops::binary(state, Op::Add, a, b)
}

/// `a / b`
pub fn divide(state: &State<'_>, a: &Value, b: &Value) -> Result<Value> {
    ops::binary(state, Op::Div, a, b)
}

/// Sorts pairs by their first values, as `sorted(key=…)` does.
pub fn sort(pairs: &mut Vec<(Value, Value)>) -> Result<()> {
    ops::sort(pairs, false)
}

/// `int(text, base)`; none where Python raises a `ValueError`.
pub fn parse_int(text: &str, base: i64) -> Option<BigInt> {
    crate::filters::parse_int(text, base)
}

/// `float(text)`; none where Python raises a `ValueError`.
pub fn parse_float(text: &str) -> Option<f64> {
    crate::filters::parse_float(text)
}

/// `text.splitlines(keep)`
pub fn splitlines(text: &str, keep: bool) -> Vec<String> {
    crate::methods::text::splitlines(text, keep)
}

/// `text.strip()`
pub fn strip(text: &str) -> &str {
    crate::methods::text::strip(text, None, true, true)
}

/// `text.capitalize()`
pub fn capitalize(text: &str) -> String {
    crate::methods::text::capitalize(text)
}

/// `repr(text)`
pub fn repr_str(text: &str) -> String {
    crate::repr::repr_str(text)
}

/// `operator.index(value)` that fits 64 bits.
pub fn index(value: &Value) -> Result<i64> {
    crate::methods::index(value)
}
