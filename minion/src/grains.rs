//! The grains of a proxy: fixed words instead of an operating system, what is known of the host of the daemon, what the
//! vCenter says of itself, and what people wrote down.

mod esxi;
pub mod host;

use std::path::{Path, PathBuf};

use salt::{Map, Value, list, map};
use tracing::{debug, warn};
use vcenter::Client;

use crate::settings::Settings;

/// Computes the grains (`salt/loader/__init__.py`, `grains`; later ones win): core, static file, vCenter, options.
pub async fn compute(opts: &Map, id: &str, vcenter: Option<&Client>) -> Map {
    if opts.flag("skip_grains", false) {
        return Map::new();
    }
    let mut grains = core(opts, id);
    let deep = opts.flag("grains_deep_merge", false);
    let mut merge = |other: Map| {
        if deep {
            grains.merge_recursive(other);
        } else {
            grains.extend(other);
        }
    };
    merge(static_file(opts, id).await);
    if let (true, Some(vcenter)) = (opts.flag("proxy_merge_grains_in_module", true), vcenter) {
        merge(device(opts, vcenter).await);
        merge(esxi::grains(opts, vcenter).await);
    }
    let blacklist = opts.words("grains_blacklist");
    grains.retain(|key, _| {
        !key.as_str().is_some_and(|key| blacklist.iter().any(|glob| salt::target::fnmatch(key, glob)))
    });
    if let Some(Value::Map(configured)) = opts.get("grains") {
        if deep {
            grains.merge_recursive(configured.clone());
        } else {
            grains.extend(configured.clone());
        }
    }
    grains
}

/// The core grains of a proxy (`salt/grains/core.py`). Those about Python are left out: there is none.
fn core(opts: &Map, id: &str) -> Map {
    let mut grains = map! {
        "id" => id,
        "master" => opts.get("master").cloned().unwrap_or_default(),
        "kernel" => "proxy",
        "kernelrelease" => "proxy",
        "kernelversion" => "proxy",
        "os" => "proxy",
        "os_family" => "proxy",
        "osfullname" => "proxy",
        "osrelease" => "proxy",
        "osrelease_info" => ["proxy"],
        "osfinger" => "proxy-proxy",
        "mem_total" => 0,
        "num_gpus" => 0,
        "gpus" => list![],
        "locale_info" => Map::new(),
        "fqdns" => list![],
        "saltversion" => salt::SALT_VERSION,
        "saltversioninfo" => version_info(salt::SALT_VERSION),
        "fibre_channel_host" => false,
    };
    grains.extend(host::grains());
    grains
}

fn version_info(version: &str) -> Vec<i64> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Where the static grains of a proxy are: `proxy.d/<id>/grains` beside the configuration file (`salt/grains/extra.py`).
pub fn static_path(opts: &Map, id: &str) -> Option<PathBuf> {
    let conf_file = Path::new(opts.text("conf_file")?);
    let directory = if conf_file.is_dir() { conf_file } else { conf_file.parent()? };
    Some(directory.join("proxy.d").join(id).join("grains"))
}

async fn static_file(opts: &Map, id: &str) -> Map {
    let Some(path) = static_path(opts, id) else { return Map::new() };
    let text = match tokio::fs::read_to_string(&path).await {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Map::new(),
        Err(e) => {
            warn!("The grains file {} can't be read: {e}", path.display());
            return Map::new();
        }
    };
    debug!("Loading static grains from {}", path.display());
    match salt::yaml::load(&text) {
        Ok(Value::Map(grains)) => grains,
        Ok(other) if !other.truthy() => Map::new(),
        _ => {
            warn!("Bad syntax in grains file {}! Skipping.", path.display());
            Map::new()
        }
    }
}

/// What the vCenter says of itself, under one key of its own. Counts are none of it: they change all the time, and
/// each change of a grain costs the master a pillar.
async fn device(opts: &Map, vcenter: &Client) -> Map {
    let about = match vcenter.about().await {
        Ok(about) => about,
        Err(e) => {
            warn!("The grains of the vCenter could not be read: {e}");
            return Map::new();
        }
    };
    let text = |name: &str| Value::from(about.str(name));
    let proxy = opts.get("proxy").and_then(Value::as_map);
    let host = proxy.and_then(|proxy| proxy.text("vcenter").or_else(|| proxy.text("host")));
    map! {
        "vcenter" => map! {
            "host" => host,
            "name" => text("name"),
            "fullname" => text("fullName"),
            "vendor" => text("vendor"),
            "version" => text("version"),
            "build" => text("build"),
            "os_type" => text("osType"),
            "api_type" => text("apiType"),
            "api_version" => text("apiVersion"),
            "instance_uuid" => text("instanceUuid"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_people_wrote_wins() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("proxy.d/vc01");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("grains"), "os: static\nsite: a\nrack: {a: 1}\n").unwrap();
        let opts = map! {
            "conf_file" => directory.path().join("proxy").to_str().unwrap(), "master" => "m",
            "grains" => map! { "site" => "b", "rack" => map! { "b" => 2 } },
            "grains_blacklist" => list!["salt*", "site"],
        };
        let grains = compute(&opts, "vc01", None).await;
        assert_eq!(grains.get_str("os"), Some("static"));
        assert_eq!(grains.get_str("site"), Some("b"), "the blacklist is not for options");
        assert_eq!(grains.get_str("kernel"), Some("proxy"));
        assert_eq!(grains.get("rack"), Some(&map! { "b" => 2 }.into()));
        assert!(!grains.contains_key("saltversion") && !grains.contains_key("ipv4"));
        let grains = compute(&opts.with("grains_deep_merge", true), "vc01", None).await;
        assert_eq!(grains.get("rack"), Some(&map! { "a" => 1, "b" => 2 }.into()));
    }

    #[tokio::test]
    async fn a_broken_file_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("proxy.d/vc01");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("grains"), "a: [").unwrap();
        let opts = map! { "conf_file" => directory.path().to_str().unwrap() };
        assert_eq!(compute(&opts, "vc01", None).await.get_str("id"), Some("vc01"));
    }
}
