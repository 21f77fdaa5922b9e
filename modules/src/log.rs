//! Lines in the minion's log.
//!
//! Facts: `salt/modules/logmod.py` of Salt 3007.17.

use salt::{Context, Result, functions, salt_fn};

functions![critical, debug, error, exception, info, warning];

/// Writes a line of the level critical into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.critical 'Here is what happened'
/// ```
#[salt_fn]
async fn critical(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::error!("{message}");
    Ok(true)
}

/// Writes a line of the level debug into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.debug 'Here is what happened'
/// ```
#[salt_fn]
async fn debug(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::debug!("{message}");
    Ok(true)
}

/// Writes a line of the level error into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.error 'Here is what happened'
/// ```
#[salt_fn]
async fn error(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::error!("{message}");
    Ok(true)
}

/// Writes a line of the level error, as for an exception into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.exception 'Here is what happened'
/// ```
#[salt_fn]
async fn exception(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::error!("{message}");
    Ok(true)
}

/// Writes a line of the level info into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.info 'Here is what happened'
/// ```
#[salt_fn]
async fn info(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::info!("{message}");
    Ok(true)
}

/// Writes a line of the level warning into the minion's log.
///
/// CLI Example:
///
/// ```bash
/// salt '*' log.warning 'Here is what happened'
/// ```
#[salt_fn]
async fn warning(
    _cx: &Context,
    /// The line.
    message: String,
) -> Result<bool> {
    tracing::warn!("{message}");
    Ok(true)
}
