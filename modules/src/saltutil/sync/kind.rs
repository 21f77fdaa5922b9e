//! `sync_*` of the kinds that differ in nothing but their names.

use salt::{Context, Result, Value, Words, functions, salt_fn};

use super::{Filter, sync};

functions![
    sync_beacons,
    sync_clouds,
    sync_engines,
    sync_executors,
    sync_log_handlers,
    sync_matchers,
    sync_modules,
    sync_output,
    sync_outputters,
    sync_proxymodules,
    sync_renderers,
    sync_returners,
    sync_serializers,
    sync_states,
    sync_thorium,
    sync_utils,
];

/// Synchronises custom beacons: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_beacons
/// salt '*' saltutil.sync_beacons saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_beacons(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "beacons", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom cloud drivers: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_clouds
/// salt '*' saltutil.sync_clouds saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_clouds(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "clouds", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom engines: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_engines
/// salt '*' saltutil.sync_engines saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_engines(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(false)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "engines", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom executors: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_executors
/// salt '*' saltutil.sync_executors saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_executors(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "executors", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom log handlers: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_log_handlers
/// salt '*' saltutil.sync_log_handlers saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_log_handlers(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "log_handlers", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist })
        .await
}

/// Synchronises custom matchers: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_matchers
/// salt '*' saltutil.sync_matchers saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_matchers(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(false)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "matchers", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom execution modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_modules
/// salt '*' saltutil.sync_modules saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_modules(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "modules", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom outputters: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_output
/// salt '*' saltutil.sync_output saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_output(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "output", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom outputters: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_outputters
/// salt '*' saltutil.sync_outputters saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_outputters(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "output", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom proxy modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_proxymodules
/// salt '*' saltutil.sync_proxymodules saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_proxymodules(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(false)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "proxy", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom renderers: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_renderers
/// salt '*' saltutil.sync_renderers saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_renderers(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "renderers", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom returners: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_returners
/// salt '*' saltutil.sync_returners saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_returners(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "returners", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom serializers: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_serializers
/// salt '*' saltutil.sync_serializers saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_serializers(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "serializers", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist })
        .await
}

/// Synchronises custom state modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_states
/// salt '*' saltutil.sync_states saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_states(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "states", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom thorium modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_thorium
/// salt '*' saltutil.sync_thorium saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_thorium(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(false)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "thorium", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}

/// Synchronises custom utility modules: none can be loaded.
///
/// CLI Example:
///
/// ```bash
/// salt '*' saltutil.sync_utils
/// salt '*' saltutil.sync_utils saltenv=base,dev
/// ```
#[salt_fn]
async fn sync_utils(
    cx: &Context,
    /// Environments of files; all of the top file without it.
    saltenv: Option<Words>,
    /// Load anew what was synchronised. There is nothing to load.
    #[default(true)]
    refresh: bool,
    /// The names that may be synchronised.
    extmod_whitelist: Option<Value>,
    /// The names that may not be synchronised.
    extmod_blacklist: Option<Value>,
) -> Result<Vec<Value>> {
    let _ = refresh;
    sync(cx, "utils", Filter { saltenv, whitelist: extmod_whitelist, blacklist: extmod_blacklist }).await
}
