//! Custom modules of the file server as states (`salt/states/saltutil.py`).

use salt::args::Args;
use salt::{Context, Map, Result, StateRet, Value, functions, salt_state};

use crate::call_by_name::need;

functions![
    sync_all,
    sync_beacons,
    sync_clouds,
    sync_engines,
    sync_executors,
    sync_grains,
    sync_log_handlers,
    sync_matchers,
    sync_modules,
    sync_output,
    sync_outputters,
    sync_pillar,
    sync_proxymodules,
    sync_renderers,
    sync_returners,
    sync_sdb,
    sync_serializers,
    sync_states,
    sync_thorium,
    sync_tops,
    sync_utils,
    sync_wrapper,
];

/// Syncs custom modules of all kinds.
#[salt_state]
async fn sync_all(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "all", kwargs).await
}

/// Syncs custom beacons.
#[salt_state]
async fn sync_beacons(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "beacons", kwargs).await
}

/// Syncs custom cloud modules.
#[salt_state]
async fn sync_clouds(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "clouds", kwargs).await
}

/// Syncs custom engines.
#[salt_state]
async fn sync_engines(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "engines", kwargs).await
}

/// Syncs custom executors.
#[salt_state]
async fn sync_executors(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "executors", kwargs).await
}

/// Syncs custom grains.
#[salt_state]
async fn sync_grains(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "grains", kwargs).await
}

/// Syncs custom log handlers.
#[salt_state]
async fn sync_log_handlers(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "log_handlers", kwargs).await
}

/// Syncs custom matchers.
#[salt_state]
async fn sync_matchers(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "matchers", kwargs).await
}

/// Syncs custom execution modules.
#[salt_state]
async fn sync_modules(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "modules", kwargs).await
}

/// Syncs custom outputters.
#[salt_state]
async fn sync_output(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "output", kwargs).await
}

/// Syncs custom outputters.
#[salt_state]
async fn sync_outputters(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "outputters", kwargs).await
}

/// Syncs custom external pillars.
#[salt_state]
async fn sync_pillar(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "pillar", kwargs).await
}

/// Syncs custom proxy modules.
#[salt_state]
async fn sync_proxymodules(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "proxymodules", kwargs).await
}

/// Syncs custom renderers.
#[salt_state]
async fn sync_renderers(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "renderers", kwargs).await
}

/// Syncs custom returners.
#[salt_state]
async fn sync_returners(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "returners", kwargs).await
}

/// Syncs custom SDB modules.
#[salt_state]
async fn sync_sdb(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "sdb", kwargs).await
}

/// Syncs custom serializers.
#[salt_state]
async fn sync_serializers(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "serializers", kwargs).await
}

/// Syncs custom state modules.
#[salt_state]
async fn sync_states(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "states", kwargs).await
}

/// Syncs custom Thorium modules.
#[salt_state]
async fn sync_thorium(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "thorium", kwargs).await
}

/// Syncs custom utility modules.
#[salt_state]
async fn sync_utils(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "utils", kwargs).await
}

/// Syncs custom master tops.
#[salt_state]
async fn sync_tops(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "tops", kwargs).await
}

/// Syncs custom SSH wrapper modules.
#[salt_state]
async fn sync_wrapper(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    sync(cx, name, "wrapper", kwargs).await
}

async fn sync(cx: &Context, name: Value, kind: &str, kwargs: Map) -> Result<StateRet> {
    let fun = format!("saltutil.sync_{kind}");
    if cx.test() {
        return Ok(StateRet { name, comment: format!("{fun} would have been run"), ..StateRet::default() });
    }
    let synced = match need(cx, &fun, Args { positional: vec![], keywords: kwargs }).await {
        Ok(synced) => synced,
        Err(e) => {
            return Ok(StateRet { name, ..StateRet::failed(format!("Failed to run sync_{kind}: {e}")) });
        }
    };
    let mut changes = Map::new();
    match synced {
        Value::Map(kinds) => changes.extend(kinds.into_iter().filter(|(_, names)| names.truthy())),
        names if names.truthy() => {
            changes.insert(kind, names);
        }
        _ => {}
    }
    let comment = match (changes.is_empty(), kind) {
        (true, _) => "No updates to sync".to_string(),
        (false, "all") => "Sync performed".to_string(),
        (false, kind) => format!("Updated {kind}."),
    };
    Ok(StateRet { name, ..StateRet::ok(comment) }.with_changes(changes))
}
