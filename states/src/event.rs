//! Events on the master's bus as states (`salt/states/event.py`).

use salt::args::Args;
use salt::{Applied, Context, Error, Map, Plan, Result, StateRet, Value, functions, map, salt_state};

use crate::call_by_name::need;

functions![send, fire_master, wait, mod_watch];

/// Fires an event on the master's bus.
///
/// Further keys go into the data of the event.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn send<'a>(
    cx: &'a Context,
    /// The tag.
    name: String,
    /// The data.
    data: Option<Value>,
    /// Further keys of the message that carries the event.
    preload: Option<Value>,
    /// Add the environment of the minion's process, or the variables listed.
    #[default(false)]
    with_env: Value,
    /// Add the grains, or those listed.
    #[default(false)]
    with_grains: Value,
    /// Add the pillar, or the keys listed.
    #[default(false)]
    with_pillar: Value,
    /// Count it as a change.
    #[default(true)]
    show_changed: bool,
    #[kwargs] kwargs: Map,
) -> Result<Plan<'a>> {
    let options = Map::new()
        .with("with_env", with_env)
        .with("with_grains", with_grains)
        .with("with_pillar", with_pillar);
    Ok(fire(cx, Event { name, data, preload, show_changed, options, kwargs }))
}

/// Fires an event on the master's bus: another name of `event.send`.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn fire_master<'a>(
    cx: &'a Context,
    /// The tag.
    name: String,
    /// The data.
    data: Option<Value>,
    /// Further keys of the message that carries the event.
    preload: Option<Value>,
    /// Add the environment of the minion's process, or the variables listed.
    #[default(false)]
    with_env: Value,
    /// Add the grains, or those listed.
    #[default(false)]
    with_grains: Value,
    /// Add the pillar, or the keys listed.
    #[default(false)]
    with_pillar: Value,
    /// Count it as a change.
    #[default(true)]
    show_changed: bool,
    #[kwargs] kwargs: Map,
) -> Result<Plan<'a>> {
    let options = Map::new()
        .with("with_env", with_env)
        .with("with_grains", with_grains)
        .with("with_pillar", with_pillar);
    Ok(fire(cx, Event { name, data, preload, show_changed, options, kwargs }))
}

/// Fires an event if a state that it watches changes.
#[salt_state]
async fn wait(
    _cx: &Context,
    /// The tag.
    name: Value,
    /// The function of the state that watches.
    sfun: Option<Value>,
    /// The data.
    data: Option<Value>,
) -> Result<StateRet> {
    let _ = (sfun, data);
    Ok(StateRet { name, ..StateRet::ok("") })
}

/// Fires an event where a state of this module watches one that has changed.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn mod_watch<'a>(
    cx: &'a Context,
    /// The tag.
    name: String,
    /// The data.
    data: Option<Value>,
    /// Further keys of the message that carries the event.
    preload: Option<Value>,
    /// Add the environment of the minion's process, or the variables listed.
    #[default(false)]
    with_env: Value,
    /// Add the grains, or those listed.
    #[default(false)]
    with_grains: Value,
    /// Add the pillar, or the keys listed.
    #[default(false)]
    with_pillar: Value,
    /// Count it as a change.
    #[default(true)]
    show_changed: bool,
    #[kwargs] mut kwargs: Map,
) -> Result<Plan<'a>> {
    // What the engine tells a watcher is no business of who receives the event.
    kwargs.remove("sfun");
    kwargs.remove("__watched__");
    let options = Map::new()
        .with("with_env", with_env)
        .with("with_grains", with_grains)
        .with("with_pillar", with_pillar);
    Ok(fire(cx, Event { name, data, preload, show_changed, options, kwargs }))
}

struct Event {
    name: String,
    data: Option<Value>,
    preload: Option<Value>,
    show_changed: bool,
    options: Map,
    kwargs: Map,
}

fn fire(cx: &Context, event: Event) -> Plan<'_> {
    let Event { name, data, preload, show_changed, options, kwargs } = event;
    let changes = map! { "tag" => &name, "data" => data.clone() };
    let send = async move {
        let mut args = Args { positional: vec![name.into()], keywords: options };
        args.keywords.insert("data", data);
        args.keywords.insert("preload", preload);
        args.keywords.extend(kwargs);
        if !need(cx, "event.send", args).await?.truthy() {
            return Err(Error::execution("The event could not be fired"));
        }
        Ok(Applied { changes: (!show_changed).then(Map::new), comment: None })
    };
    Plan::new(changes, send).comment("Event would have been fired", "Event fired")
}
