//! The beacons: what the minion looks at each `loop_interval`, and tells the master of (`salt/beacons/__init__.py`).

mod load;
mod memusage;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use salt::beacon::{Beacons, options};
use salt::context::{Identity, Job};
use salt::function::BoxFuture;
use salt::{Context, Map, Value, map};
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info, trace, warn};

use crate::job::Jobs;
use crate::settings::Settings;

/// One look: what there is to tell, each a map with an optional `tag`. The error is told, too.
type Look = for<'a> fn(&'a Context, Glance<'a>) -> BoxFuture<'a, Result<Vec<Map>, String>>;

/// What a look is given.
struct Glance<'a> {
    /// The configuration as it is written, without the options that are for all beacons.
    items: &'a [Map],
    /// The same as one map.
    options: Map,
    /// What the last look of this beacon left, and what this one leaves.
    memory: &'a Mutex<Map>,
}

/// A kind of beacon.
struct Kind {
    name: &'static str,
    validate: fn(&Value) -> Result<(), String>,
    look: Look,
}

/// The kinds, by name.
const KINDS: [Kind; 3] = [load::KIND, memusage::KIND, status::KIND];
/// The options that are for all beacons.
const COMMON: [&str; 5] = ["interval", "enabled", "disable_during_state_run", "run_once", "beacon_module"];

/// The beacons of one minion.
pub struct Engine {
    identity: Weak<Identity>,
    jobs: Arc<Jobs>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// The beacons and settings that are not the pillar's.
    opts: Map,
    /// How many loops ago a beacon with an interval was looked at.
    counters: BTreeMap<String, u64>,
    memories: BTreeMap<String, Arc<Mutex<Map>>>,
    /// Beacons of the pillar that were to run once, and have.
    done: Vec<String>,
}

/// A beacon that is due.
struct Due {
    name: String,
    kind: &'static Kind,
    items: Vec<Map>,
    options: Map,
    once: bool,
    memory: Arc<Mutex<Map>>,
}

impl Engine {
    /// The beacons of the options, if this is the one to run them.
    pub fn new(identity: &Arc<Identity>, jobs: Arc<Jobs>, leads: bool) -> Arc<Engine> {
        let opts = match identity.opts().get("beacons") {
            Some(Value::Map(beacons)) if leads => beacons.clone(),
            None | Some(Value::None | Value::Map(_)) => Map::new(),
            Some(_) => {
                error!("Beacons must be of type dict.");
                Map::new()
            }
        };
        let held = Mutex::new(Held { opts, ..Held::default() });
        Arc::new(Engine { identity: Arc::downgrade(identity), jobs, held })
    }

    /// Looks at the beacons until the minion ends.
    pub async fn live(self: Arc<Engine>) {
        let Some(every) = self.identity.upgrade().map(|identity| step(&identity.opts())) else { return };
        let mut interval = tokio::time::interval(every);
        // A look that takes long delays the next one, and does not make it come twice.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let Some(identity) = self.identity.upgrade() else { return };
            let events = self.look(&identity).await;
            if events.is_empty() {
                continue;
            }
            let load = map! {
                "id" => identity.id(), "cmd" => "_minion_event", "pretag" => Value::None, "events" => events,
            };
            if let Err(e) = identity.master().request(load).await {
                warn!("What the beacons have seen can't be told to the master: {e}");
            }
        }
    }

    /// One loop: the events that follow from it.
    async fn look(&self, identity: &Arc<Identity>) -> Vec<Value> {
        let mut events = Vec::new();
        for due in self.due(identity) {
            let Due { name, kind, items, options, once, memory } = due;
            let cx = Context::new(identity.clone(), Arc::new(Job::new("", Map::new())));
            let base = format!("salt/beacon/{}/{name}/", identity.id());
            match (kind.look)(&cx, Glance { items: &items, options, memory: &memory }).await {
                Ok(seen) => {
                    for mut data in seen {
                        let tag = data.remove("tag").map(|tag| tag.to_string()).unwrap_or_default();
                        if !data.contains_key("id") {
                            data.insert("id", identity.id());
                        }
                        let tag = format!("{base}{tag}");
                        events.push(map! { "tag" => tag, "data" => data, "beacon_name" => kind.name }.into());
                    }
                    if once {
                        self.finished(&name);
                    }
                }
                Err(error) => {
                    error!("Unable to start {name} beacon, {error}");
                    events.push(
                        map! { "tag" => base, "error" => error, "data" => Map::new(), "beacon_name" => kind.name }.into(),
                    );
                }
            }
        }
        events
    }

    /// The beacons that are to be looked at in this loop.
    fn due(&self, identity: &Arc<Identity>) -> Vec<Due> {
        let all = self.list(true, true);
        if all.get("enabled").is_some_and(|enabled| !enabled.truthy()) {
            return vec![];
        }
        let step = step(&identity.opts()).as_secs_f64();
        let applying =
            || self.jobs.all().iter().any(|job| job.get_str("fun").is_some_and(|f| f.starts_with("state.")));
        let mut held = self.held();
        held.counters.retain(|name, _| all.contains_key(name));
        held.memories.retain(|name, _| all.contains_key(name));
        let mut due = Vec::new();
        for (name, config) in &all {
            let name = name.to_string();
            if name == "enabled" || held.done.contains(&name) {
                continue;
            }
            let options = options(config);
            if options.get("enabled").is_some_and(|enabled| !enabled.truthy()) {
                continue;
            }
            let Some(kind) = kind_of(&name, &options) else {
                warn!("Unable to process beacon {name}");
                continue;
            };
            if let Err(comment) = (kind.validate)(config) {
                error!("Beacon {name} configuration invalid, not running.\n{comment}");
                continue;
            }
            if let Some(interval) = options.get("interval").filter(|interval| interval.truthy())
                && !counted(held.counters.entry(name.clone()).or_default(), interval, step)
            {
                trace!("Skipping beacon {name}. Interval not reached.");
                continue;
            }
            if options.get("disable_during_state_run").is_some_and(Value::truthy) && applying() {
                info!("Skipping beacon {name}. State run in progress.");
                continue;
            }
            let (items, own) = without_common(config, &options);
            let once = options.get("run_once").is_some_and(Value::truthy);
            let memory = held.memories.entry(name.clone()).or_default().clone();
            due.push(Due { name, kind, items, options: own, once, memory });
        }
        due
    }

    /// A beacon that was to run once.
    fn finished(&self, name: &str) {
        if self.switch(name, false).is_err() {
            self.held().done.push(name.into());
        }
        debug!("The beacon {name} has run once");
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_pillar(&self) -> Map {
        let pillar = self.identity.upgrade().map(|identity| identity.pillar()).unwrap_or_default();
        pillar.get("beacons").and_then(Value::as_map).cloned().unwrap_or_default()
    }

    /// Refuses what the pillar has.
    fn own(&self, name: &str, verb: &str) -> Result<MutexGuard<'_, Held>, String> {
        if self.of_pillar().contains_key(name) {
            return Err(match verb {
                "update" => format!("Cannot update beacon item {name}, because it is configured in pillar."),
                _ => format!("Cannot {verb} beacon item {name}, it is configured in pillar."),
            });
        }
        Ok(self.held())
    }
}

fn step(opts: &Map) -> Duration {
    opts.seconds("loop_interval", 1).max(Duration::from_millis(100))
}

/// Counts the loops of a beacon with an interval: the first one only begins to count. True when it is due.
fn counted(counter: &mut u64, interval: &Value, step: f64) -> bool {
    let interval = interval.as_f64().unwrap_or(0.0);
    if *counter > 0 && *counter as f64 * step >= interval {
        *counter = 1;
        return true;
    }
    *counter += 1;
    false
}

fn kind_of(name: &str, options: &Map) -> Option<&'static Kind> {
    let module = options.get("beacon_module").filter(|module| module.truthy()).map(Value::to_string);
    let wanted = module.unwrap_or_else(|| name.to_string());
    KINDS.iter().find(|kind| kind.name == wanted)
}

/// The configuration without the options that are for all beacons, as items and as one map.
fn without_common(config: &Value, options: &Map) -> (Vec<Map>, Map) {
    let common = |option: &Value| COMMON.iter().any(|name| option.as_str() == Some(name));
    let items = match config {
        Value::List(items) => items.iter().filter_map(Value::as_map).cloned().collect(),
        _ => vec![options.clone()],
    };
    let mut own = options.clone();
    own.retain(|option, _| !common(option));
    let items = items.into_iter().map(|mut item: Map| {
        item.retain(|option, _| !common(option));
        item
    });
    (items.filter(|item| !item.is_empty()).collect(), own)
}

impl Beacons for Engine {
    fn list(&self, pillar: bool, opts: bool) -> Map {
        let mut all = if pillar { self.of_pillar() } else { Map::new() };
        if opts {
            all.extend(self.held().opts.clone());
        }
        all
    }

    fn available(&self) -> Vec<String> {
        KINDS.iter().map(|kind| kind.name.to_string()).collect()
    }

    fn validate(&self, name: &str, config: &Value) -> Result<(), String> {
        match kind_of(name, &options(config)) {
            Some(kind) => (kind.validate)(config),
            None => Err(format!("There is no beacon {name}.")),
        }
    }

    fn put(&self, name: &str, config: Value, verb: &str) -> Result<(), String> {
        let mut held = self.own(name, verb)?;
        held.memories.remove(name);
        held.opts.insert(name, config);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        let mut held = self.own(name, "delete")?;
        held.counters.remove(name);
        held.memories.remove(name);
        held.opts.remove(name);
        Ok(())
    }

    fn switch(&self, name: &str, enabled: bool) -> Result<(), String> {
        let mut held = self.own(name, if enabled { "enable" } else { "disable" })?;
        match held.opts.get_mut(name) {
            Some(Value::Map(options)) => {
                options.insert("enabled", enabled);
            }
            Some(Value::List(items)) => {
                match items.iter_mut().filter_map(Value::as_map_mut).find(|item| item.contains_key("enabled"))
                {
                    Some(item) => {
                        item.insert("enabled", enabled);
                    }
                    None => items.push(map! { "enabled" => enabled }.into()),
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn switch_all(&self, enabled: bool) {
        self.held().opts.insert("enabled", enabled);
    }

    fn reset(&self) {
        *self.held() = Held::default();
    }
}

#[cfg(test)]
mod tests;
