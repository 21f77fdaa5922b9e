//! The id under which the server logs what we ask of it.

use std::future::Future;

tokio::task_local! {
    static OP_ID: String;
}

/// Runs `work` so that all its calls carry the operation id `id` into the server's logs.
///
/// Work that is spawned from inside does not inherit it.
pub async fn with_op_id<F: Future>(id: impl Into<String>, work: F) -> F::Output {
    OP_ID.scope(id.into(), work).await
}

/// The operation id of the work that is running.
pub fn current() -> Option<String> {
    OP_ID.try_with(Clone::clone).ok()
}
