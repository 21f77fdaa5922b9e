//! Doubles of execution functions of Salt's module `test`, for conditions in recorded SLS files. The real ones live in
//! a crate that this one does not know.

use salt::{Context, Result, Value, functions, salt_fn};

functions![true_, false_, echo];

/// Gives true.
#[salt_fn]
async fn true_(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Gives false.
#[salt_fn]
async fn false_(_cx: &Context) -> Result<bool> {
    Ok(false)
}

/// Gives its argument.
#[salt_fn]
async fn echo(_cx: &Context, text: Value) -> Result<Value> {
    Ok(text)
}
