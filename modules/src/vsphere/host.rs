//! What `system_info` adds for an ESXi host (`salt/utils/vmware.py`, `get_hardware_grains`).

use std::time::Duration;

use salt::{Map, Result, Value, map};
use vcenter::Client;
use vcenter::inventory::HostSystem;
use vcenter::ops::host::{self, HostFacts};

/// How long the inventory of a host may take to load.
const LOAD: Duration = Duration::from_secs(15);

/// What `system_info` says of a host: the one of this name, or the one that the server is.
pub async fn info(client: &Client, name: Option<&str>) -> Result<Map> {
    client.ready(LOAD).await?;
    let host = match name {
        Some(name) => client.read().find::<HostSystem>(name, None)?.reference.clone(),
        None => host::itself(client)?,
    };
    let facts = host::facts(client, &host).await?;
    let mut info = facts.product.as_ref().map(Map::from).unwrap_or_default();
    info.extend(described(facts));
    Ok(info)
}

fn described(facts: HostFacts) -> Map {
    let product = |path: &str| facts.product.as_ref().and_then(|product| product.str(path)).map(Value::from);
    let mut hardware: Map = Map::new();
    let (mut all, mut v4, mut v6) = (Map::new(), Map::new(), Map::new());
    for (device, adapter) in &facts.vmkernel_adapters {
        let ipv4: Vec<String> = adapter.ipv4.iter().cloned().collect();
        all.insert(device, ipv4.clone());
        v4.insert(device, ipv4);
        v6.insert(device, adapter.ipv6.clone());
        hardware.insert(device, adapter.mac_address.clone());
    }
    hardware.extend(facts.physical_adapters.iter().map(|(k, v)| (Value::from(k), Value::from(v))));
    let host = facts.host_name.clone().unwrap_or_default();
    let domain = facts.domain_name.clone().unwrap_or_default();
    let dot = if domain.is_empty() { "" } else { "." };
    map! {
        "manufacturer" => facts.vendor,
        "productname" => facts.model,
        "serialnumber" => facts.serial_number,
        "osfullname" => product("fullName"),
        "osmanufacturer" => product("vendor"),
        "osrelease" => product("version"),
        "osbuild" => product("build"),
        "os_family" => product("name"),
        "os" => product("name"),
        "mem_total" => facts.memory_size.map(|bytes| bytes as f64 / 1024.0 / 1024.0),
        "biosversion" => facts.bios_version,
        "biosreleasedate" => facts.bios_release_date.as_deref().map(american),
        "cpu_model" => facts.cpu_model,
        "kernel" => product("productLineId"),
        "num_cpu_sockets" => facts.num_cpu_packages,
        "num_cpu_cores" => facts.num_cpu_cores,
        // The cores are those of all packages already; Salt multiplied them by the packages once more.
        "num_cpus" => facts.num_cpu_cores,
        "ip_interfaces" => all,
        "ip4_interfaces" => v4,
        "ip6_interfaces" => v6,
        "hwaddr_interfaces" => hardware,
        "fqdn" => format!("{host}{dot}{domain}"),
        "host" => host,
        "domain" => domain,
        "timezone" => facts.time_zone,
    }
}

/// `2020-01-31T…` as `01/31/2020`.
fn american(date: &str) -> String {
    match date.split('T').next().unwrap_or(date).split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => format!("{month}/{day}/{year}"),
        _ => date.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_described_as_salt_does() {
        let info = described(HostFacts {
            vendor: Some("Dell Inc.".into()),
            memory_size: Some(4096 * 1024 * 1024),
            bios_release_date: Some("2020-01-31T00:00:00Z".into()),
            num_cpu_packages: Some(2),
            num_cpu_cores: Some(8),
            host_name: Some("esx1".into()),
            domain_name: Some("example.com".into()),
            ..HostFacts::default()
        });
        assert_eq!(info.get("mem_total"), Some(&4096.0.into()));
        assert_eq!(info.get_str("biosreleasedate"), Some("01/31/2020"));
        assert_eq!(info.get("num_cpus"), Some(&8.into()));
        assert_eq!(info.get_str("fqdn"), Some("esx1.example.com"));
        assert_eq!(info.get("productname"), Some(&Value::None));
    }
}
