//! ESXi hosts: what the machine, its system and its network are.

use std::collections::BTreeMap;

use crate::client::Client;
use crate::collector::{self, ObjectContent};
use crate::error::{Error, Result};
use crate::inventory::{EntityRef, HostSystem};
use crate::vim::Object;

/// What a host is, from its hardware to its time zone. A host that is not connected tells only some of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// `hardware.systemInfo.vendor`
    pub vendor: Option<String>,
    /// `hardware.systemInfo.model`
    pub model: Option<String>,
    /// The maker's serial number: `serialNumber`, or the service tag among the other identifiers.
    pub serial_number: Option<String>,
    /// `summary.config.product`: what runs on it (`AboutInfo`).
    pub product: Option<Object>,
    /// Bytes of memory.
    pub memory_size: Option<i64>,
    /// `hardware.biosInfo.biosVersion`
    pub bios_version: Option<String>,
    /// `hardware.biosInfo.releaseDate`, as the server writes it.
    pub bios_release_date: Option<String>,
    /// The description of the first processor package.
    pub cpu_model: Option<String>,
    /// Processor packages.
    pub num_cpu_packages: Option<i64>,
    /// Cores, of all packages together.
    pub num_cpu_cores: Option<i64>,
    /// Threads, of all cores together.
    pub num_cpu_threads: Option<i64>,
    /// The VMkernel adapters by device, `vmk0`.
    pub vmkernel_adapters: BTreeMap<String, Adapter>,
    /// The MAC addresses of the physical network cards by device, `vmnic0`.
    pub physical_adapters: BTreeMap<String, String>,
    /// `dnsConfig.hostName`
    pub host_name: Option<String>,
    /// `dnsConfig.domainName`
    pub domain_name: Option<String>,
    /// The time zone's name.
    pub time_zone: Option<String>,
}

/// A VMkernel adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapter {
    /// The MAC address.
    pub mac_address: Option<String>,
    /// The IPv4 address.
    pub ipv4: Option<String>,
    /// The IPv6 addresses.
    pub ipv6: Vec<String>,
}

/// Reads what a host is.
pub async fn facts(client: &Client, host: &EntityRef) -> Result<HostFacts> {
    let paths = [
        "hardware.systemInfo",
        "hardware.biosInfo",
        "hardware.cpuInfo",
        "hardware.cpuPkg",
        "hardware.memorySize",
        "summary.config.product",
        "configManager.networkSystem",
        "configManager.dateTimeSystem",
    ];
    let read = collector::read_one(client.session(), &host.moref(), &paths).await?;
    let mut facts = hardware(&read);
    if let Some(system) = read.moref("configManager.networkSystem") {
        let paths = ["networkInfo.vnic", "networkInfo.pnic", "dnsConfig"];
        if let Some(system) = collector::read_if_there(client.session(), system, &paths).await? {
            network(&system, &mut facts);
        }
    }
    if let Some(system) = read.moref("configManager.dateTimeSystem") {
        let system = collector::read_if_there(client.session(), system, &["dateTimeInfo.timeZone"]).await?;
        facts.time_zone = system.and_then(|system| {
            let zone = system.object("dateTimeInfo.timeZone")?;
            zone.str("name").or(zone.str("key")).map(str::to_owned)
        });
    }
    Ok(facts)
}

/// The host itself, where the server is an ESXi host and not a vCenter.
pub fn itself(client: &Client) -> Result<EntityRef> {
    let inventory = client.read();
    let mut hosts = inventory.all::<HostSystem>();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Ok(host.reference.clone()),
        _ => Err(Error::Unsupported {
            what: "this on a vCenter, only on an ESXi host".to_owned(),
            since: None,
        }),
    }
}

fn hardware(host: &ObjectContent) -> HostFacts {
    let text = |path: &str| host.str(path).filter(|text| !text.is_empty()).map(str::to_owned);
    let tag = host
        .objects("hardware.systemInfo.otherIdentifyingInfo")
        .find(|info| info.str("identifierType.key") == Some("ServiceTag"))
        .and_then(|info| info.str("identifierValue"));
    HostFacts {
        vendor: text("hardware.systemInfo.vendor"),
        model: text("hardware.systemInfo.model"),
        serial_number: tag.map(str::to_owned).or_else(|| text("hardware.systemInfo.serialNumber")),
        product: host.object("summary.config.product").cloned(),
        memory_size: host.i64("hardware.memorySize"),
        bios_version: text("hardware.biosInfo.biosVersion"),
        bios_release_date: text("hardware.biosInfo.releaseDate"),
        cpu_model: host
            .objects("hardware.cpuPkg")
            .next()
            .and_then(|package| package.str("description"))
            .map(str::to_owned),
        num_cpu_packages: host.i64("hardware.cpuInfo.numCpuPackages"),
        num_cpu_cores: host.i64("hardware.cpuInfo.numCpuCores"),
        num_cpu_threads: host.i64("hardware.cpuInfo.numCpuThreads"),
        ..HostFacts::default()
    }
}

fn network(system: &ObjectContent, facts: &mut HostFacts) {
    let text =
        |object: &Object, path: &str| object.str(path).filter(|text| !text.is_empty()).map(str::to_owned);
    facts.vmkernel_adapters = system
        .objects("networkInfo.vnic")
        .filter_map(|vnic| {
            let ipv6 = vnic.objects("spec.ip.ipV6Config.ipV6Address");
            let adapter = Adapter {
                mac_address: text(vnic, "spec.mac"),
                ipv4: text(vnic, "spec.ip.ipAddress"),
                ipv6: ipv6.filter_map(|address| text(address, "ipAddress")).collect(),
            };
            Some((text(vnic, "device")?, adapter))
        })
        .collect();
    facts.physical_adapters = system
        .objects("networkInfo.pnic")
        .filter_map(|pnic| Some((text(pnic, "device")?, text(pnic, "mac")?)))
        .collect();
    if let Some(dns) = system.object("dnsConfig") {
        facts.host_name = text(dns, "hostName");
        facts.domain_name = text(dns, "domainName");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vim::{MoRef, Value};

    #[test]
    fn a_host_is_described_by_its_hardware_and_network() {
        let tag = Object::new("HostSystemIdentificationInfo")
            .set("identifierValue", "ABC123")
            .set("identifierType", Object::new("ElementDescription").set("key", "ServiceTag"));
        let system =
            Object::new("HostSystemInfo").set("vendor", "Dell Inc.").set("otherIdentifyingInfo", [tag]);
        let content = |properties: Vec<(&str, Value)>| ObjectContent {
            reference: MoRef::new("HostSystem", "host-1"),
            properties: properties.into_iter().map(|(path, value)| (path.into(), value)).collect(),
            missing: Vec::new(),
        };
        let mut facts = hardware(&content(vec![("hardware.systemInfo", system.into())]));
        assert_eq!(
            (facts.vendor.as_deref(), facts.serial_number.as_deref()),
            (Some("Dell Inc."), Some("ABC123"))
        );
        assert_eq!(facts.num_cpu_cores, None);

        let ip = Object::new("HostIpConfig").set("ipAddress", "10.0.0.1");
        let spec = Object::new("HostVirtualNicSpec").set("ip", ip).set("mac", "00:50:56:00:00:01");
        let vnic = Object::new("HostVirtualNic").set("device", "vmk0").set("spec", spec);
        let dns = Object::new("HostDnsConfig").set("hostName", "esx1").set("domainName", "");
        network(
            &content(vec![("networkInfo.vnic", vec![vnic].into()), ("dnsConfig", dns.into())]),
            &mut facts,
        );
        assert_eq!(facts.vmkernel_adapters["vmk0"].ipv4.as_deref(), Some("10.0.0.1"));
        assert_eq!((facts.host_name.as_deref(), facts.domain_name), (Some("esx1"), None));
    }
}
