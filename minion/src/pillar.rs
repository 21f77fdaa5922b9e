//! The pillar: how it is asked for, and what of it goes into the options.

use salt::context::PillarRequest;
use salt::{Error, Map, Result, Value, map};
use tracing::{error, warn};

use crate::connection::Channel;
use crate::link::{Link, exception};
use crate::settings::Settings;

/// The load of a `_pillar`, in the order of the original (`salt/pillar/__init__.py`, `AsyncRemotePillar`).
///
/// The first request of a proxy has to be made with empty grains: pillar tops and external pillars see them so.
pub fn load(opts: &Map, id: &str, grains: &Map, request: &PillarRequest) -> Map {
    let stated = |given: &Option<String>, option: &str| match given {
        Some(env) => Value::from(env),
        None => opts.get(option).cloned().unwrap_or_default(),
    };
    let saltenv = stated(&request.saltenv, "saltenv");
    let pillarenv = match stated(&request.pillarenv, "pillarenv") {
        Value::None if opts.flag("pillarenv_from_saltenv", false) => saltenv.clone(),
        pillarenv => pillarenv,
    };
    let mut load = map! {
        "id" => id,
        "grains" => grains.clone(),
        "saltenv" => saltenv,
        "pillarenv" => pillarenv,
        "pillar_override" => request.pillar_override.clone(),
        "extra_minion_data" => extra_minion_data(opts),
        "ver" => "2",
        "cmd" => "_pillar",
    };
    if request.clean_cache {
        load.insert("clean_cache", true);
    }
    if let Some(ext) = request.ext.as_ref().filter(|ext| ext.truthy()) {
        load.insert("ext", ext);
    }
    load
}

/// The options that external pillars shall see (`pass_to_ext_pillars`); a colon leads into maps.
fn extra_minion_data(opts: &Map) -> Map {
    let all = Value::Map(opts.clone());
    let mut data = Map::new();
    for path in opts.words("pass_to_ext_pillars") {
        let Some(value) = all.traverse(&path, ":") else {
            warn!("Unable to pass '{path}' to ext pillars, there is no such option");
            continue;
        };
        let nested = path.rsplit(':').fold(value.clone(), |inner, key| map! { key => inner }.into());
        if let Value::Map(nested) = nested {
            data.merge_recursive(nested);
        }
    }
    data
}

/// Asks the master for the pillar.
///
/// # Errors
/// The channel's, or that the master gave no map.
pub async fn compile(link: &Link, load: Map) -> Result<Map> {
    accept(link.pillar(load).await.map_err(exception)?)
}

/// The same over a channel that is not in use yet.
///
/// # Errors
/// As those of [`compile`].
pub async fn compile_over(channel: &dyn Channel, load: Map) -> Result<Map> {
    accept(channel.pillar(load).await.map_err(exception)?)
}

fn accept(reply: Value) -> Result<Map> {
    match reply {
        Value::Map(pillar) => {
            for problem in pillar.words("_errors") {
                error!("The pillar did not render: {problem}");
            }
            Ok(pillar)
        }
        other => Err(Error::exception(
            "salt.exceptions.SaltClientError",
            format!("Got a bad pillar from master, type {}, expecting dict", other.type_name()),
        )),
    }
}

/// The options under this pillar (`salt/metaproxy/proxy.py`, `post_master_init`): `proxy` of both, and what
/// `proxy_merge_pillar_in_opts` and `proxy_mines_pillar` say. `configured` are the options of the files.
pub fn into_opts(configured: &Map, pillar: &Map) -> Map {
    let mut opts = configured.clone();
    if configured.flag("proxy_merge_pillar_in_opts", false) {
        let mut merged = pillar.clone();
        merged.remove("master");
        merged.remove("proxy");
        opts.merge_recursive(merged);
    } else if configured.flag("proxy_mines_pillar", true) {
        if let Some(interval) = pillar.get("mine_interval") {
            opts.insert("mine_interval", interval.clone());
        }
        if let Some(functions) = pillar.get("mine_functions") {
            mine_functions(&mut opts, functions);
        }
    }
    if let Some(proxy) = proxy(configured, pillar) {
        opts.insert("proxy", proxy);
    }
    opts
}

/// The connection data: `proxy` of the options with that of the pillar over it.
pub fn proxy(configured: &Map, pillar: &Map) -> Option<Map> {
    match (configured.get("proxy").and_then(Value::as_map), pillar.get("proxy").and_then(Value::as_map)) {
        (Some(ours), Some(theirs)) => {
            let mut both = ours.clone();
            both.merge_recursive(theirs.clone());
            Some(both)
        }
        (one, other) => one.or(other).cloned(),
    }
}

fn mine_functions(opts: &mut Map, functions: &Value) {
    let both = match (opts.get("mine_functions"), functions) {
        (None | Some(Value::None), theirs) => theirs.clone(),
        (Some(ours), theirs) if !ours.truthy() => theirs.clone(),
        (Some(Value::List(ours)), Value::List(theirs)) => {
            ours.iter().chain(theirs).cloned().collect::<Vec<_>>().into()
        }
        (Some(_), _) => {
            error!(
                "Unable to merge mine functions from the pillar in the opts, for proxy {}",
                opts.text("id").unwrap_or_default()
            );
            return;
        }
    };
    opts.insert("mine_functions", both);
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::list;

    #[test]
    fn the_load_has_salts_order() {
        let opts = map! {
            "saltenv" => Value::None, "pillarenv" => "dev",
            "pass_to_ext_pillars" => list!["site", "a:b"], "site" => 7, "a" => map! { "b" => 1, "c" => 2 },
        };
        let load =
            load(&opts, "vc01", &Map::new(), &PillarRequest { clean_cache: true, ..Default::default() });
        let keys: Vec<String> = load.keys().map(Value::to_string).collect();
        assert_eq!(
            keys,
            [
                "id",
                "grains",
                "saltenv",
                "pillarenv",
                "pillar_override",
                "extra_minion_data",
                "ver",
                "cmd",
                "clean_cache"
            ]
        );
        assert_eq!(load.get("pillarenv"), Some(&"dev".into()));
        assert_eq!(
            load.get("extra_minion_data"),
            Some(&map! { "site" => 7, "a" => map! { "b" => 1 } }.into())
        );
    }

    #[test]
    fn the_pillar_wins_over_the_options_of_the_device_only() {
        let configured =
            map! { "proxy" => map! { "proxytype" => "vcenter", "port" => 443 }, "master" => "m" };
        let pillar = map! { "proxy" => map! { "port" => 8443 }, "master" => "evil", "x" => 1, "mine_functions" => list!["a"] };
        let opts = into_opts(&configured, &pillar);
        assert_eq!(opts.get("proxy"), Some(&map! { "proxytype" => "vcenter", "port" => 8443 }.into()));
        assert_eq!(opts.get_str("master"), Some("m"));
        assert!(!opts.contains_key("x"));
        assert_eq!(opts.get("mine_functions"), Some(&list!["a"]));
        let opts = into_opts(&configured.with("proxy_merge_pillar_in_opts", true), &pillar);
        assert_eq!((opts.get_str("master"), opts.get("x")), (Some("m"), Some(&1.into())));
    }
}
