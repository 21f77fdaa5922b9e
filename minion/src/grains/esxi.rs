//! The grains of a proxy for an ESXi host (`salt/grains/esxi.py`): what the host is.

use salt::{Map, Value, map};
use tracing::warn;
use vcenter::Client;

use crate::settings::Settings;

/// The host's description under `esxi`, and its product as `os`; empty for a proxy of another type. Unlike the original,
/// a host that is reached through its vCenter has them too.
pub async fn grains(opts: &Map, vcenter: &Client) -> Map {
    let Some(proxy) = opts.get("proxy").and_then(Value::as_map) else { return Map::new() };
    if proxy.text("proxytype") != Some("esxi") {
        return Map::new();
    }
    let name = if proxy.text("host").is_some() { None } else { proxy.text("esxi_host") };
    match modules::host_info(vcenter, name).await {
        Ok(info) => {
            let product = info.get("fullName").cloned().unwrap_or_default();
            map! { "esxi" => info, "kernel" => "proxy", "os" => product, "os_family" => "proxy" }
        }
        Err(e) => {
            warn!("The grains of the ESXi host could not be read: {e}");
            Map::new()
        }
    }
}
