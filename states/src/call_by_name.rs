//! Execution functions that a state calls because a user has named them, or because they live in the crate beside.

use salt::args::Args;
use salt::{Context, Error, Result, Value};

/// Calls an execution function. Unlike a call from a command line it is told nothing of the job (`__pub_*`).
///
/// # Errors
/// [`Error::NotAvailable`], and whatever the function gives.
pub(crate) async fn call(cx: &Context, fun: &str, args: Args) -> Result<Value> {
    cx.modules().find(fun)?.run(cx, args).await
}

/// The same for a state's own work: that the function is not there is a failure of the state, in plain words.
///
/// # Errors
/// [`Error::Execution`] if there is no such function, and whatever the function gives.
pub(crate) async fn need(cx: &Context, fun: &str, args: Args) -> Result<Value> {
    call(cx, fun, args).await.map_err(|e| match e {
        Error::NotAvailable(text) => Error::Execution(text),
        other => other,
    })
}
