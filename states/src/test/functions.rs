//! Doubles of execution functions of Salt's module `test`, for conditions in recorded SLS files. The real ones live in
//! a crate that this one does not know.

use salt::{Context, Error, Map, Result, Value, functions, map, salt_fn};

functions![true_, false_, echo, ping, arg, kwarg, exception];

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

/// Gives true.
#[salt_fn]
async fn ping(_cx: &Context) -> Result<bool> {
    Ok(true)
}

/// Gives its arguments.
#[salt_fn]
async fn arg(_cx: &Context, #[args] args: Vec<Value>, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(map! { "args" => args, "kwargs" => kwargs })
}

/// Gives its keywords.
#[salt_fn]
async fn kwarg(_cx: &Context, #[kwargs] kwargs: Map) -> Result<Map> {
    Ok(kwargs)
}

/// Fails.
#[salt_fn]
async fn exception(_cx: &Context, #[default("Test Exception")] message: String) -> Result<bool> {
    Err(Error::exception("Exception", message))
}
