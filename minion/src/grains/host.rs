//! The grains about the machine that the daemon runs on: read from `/proc`, `/sys` and `/etc`, never from programs.

use std::fs;
use std::path::Path;

use salt::{Map, Value, list, map};

/// The grains of the host (`salt/grains/core.py`, `salt/grains/extra.py`). What can't be read is left out.
pub fn grains() -> Map {
    let path = std::env::var("PATH").unwrap_or_default();
    let arch = std::env::consts::ARCH;
    let mut grains = map! {
        "nodename" => line("/proc/sys/kernel/hostname").unwrap_or_default(),
        "cpuarch" => arch,
        "osarch" => arch,
        "shell" => std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into()),
        "ps" => "ps -efHww",
        "systempath" => path.split(':').map(Value::from).collect::<Vec<_>>(),
        "path" => path,
        "cwd" => std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_else(|_| "/".into()),
        "dns" => dns(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
        "kernelparams" => kernelparams(&fs::read_to_string("/proc/cmdline").unwrap_or_default()),
        "hwaddr_interfaces" => hwaddr_interfaces(),
        "efi" => Path::new("/sys/firmware/efi").exists(),
        "efi-secure-boot" => false,
        "transactional" => false,
    };
    grains.extend(gateways(
        &fs::read_to_string("/proc/net/route").unwrap_or_default(),
        &fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default(),
    ));
    if let Some(id) = line("/etc/machine-id").or_else(|| line("/var/lib/dbus/machine-id")) {
        grains.insert("machine_id", id);
    }
    grains.extend(virtualisation());
    grains
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// `/etc/resolv.conf` in the form of `salt/utils/dns.py`, `parse_resolv`.
fn dns(text: &str) -> Map {
    let (mut servers, mut search, mut options, mut sortlist) = (vec![], vec![], vec![], vec![]);
    let mut domain = String::new();
    for line in text.lines() {
        let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
        match words.next() {
            Some("nameserver") => servers.extend(words.take(1).map(str::to_string)),
            Some("domain") => domain = words.next().unwrap_or_default().into(),
            Some("search") => search = words.map(Value::from).collect(),
            Some("options") => options.extend(words.map(Value::from)),
            Some("sortlist") => sortlist = words.map(Value::from).collect::<Vec<_>>(),
            _ => {}
        }
    }
    let (v6, v4): (Vec<String>, Vec<String>) = servers.iter().cloned().partition(|s| s.contains(':'));
    map! {
        "nameservers" => servers,
        "ip4_nameservers" => v4,
        "ip6_nameservers" => v6,
        "sortlist" => sortlist,
        "domain" => domain,
        "search" => search,
        "options" => options,
    }
}

/// The kernel's command line as pairs.
fn kernelparams(text: &str) -> Value {
    let pairs = text.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, value)) => list![name, value],
        None => list![word, Value::None],
    });
    Value::List(pairs.collect())
}

fn hwaddr_interfaces() -> Map {
    let mut found: Vec<(String, String)> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let address = fs::read_to_string(entry.path().join("address")).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), address.trim().to_string()))
        })
        .collect();
    found.sort_unstable();
    found.into_iter().filter(|(_, address)| !address.is_empty()).map(|(k, v)| (k.into(), v.into())).collect()
}

/// `ip_gw`, `ip4_gw`, `ip6_gw`: an address, or false.
fn gateways(v4: &str, v6: &str) -> Map {
    let v4 = v4.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let gateway = u32::from_str_radix(words.get(2)?, 16).ok()?;
        // The kernel prints the address as a number of this machine.
        (*words.get(1)? == "00000000" && gateway != 0)
            .then(|| std::net::Ipv4Addr::from(gateway.to_ne_bytes()).to_string())
    });
    let v6 = v6.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let gateway = u128::from_str_radix(words.get(4)?, 16).ok()?;
        (words.first()?.bytes().all(|b| b == b'0') && *words.get(1)? == "00" && gateway != 0)
            .then(|| std::net::Ipv6Addr::from(gateway).to_string())
    });
    let or_false = |address: Option<String>| address.map_or(Value::Bool(false), Value::from);
    map! { "ip_gw" => v4.is_some() || v6.is_some(), "ip4_gw" => or_false(v4), "ip6_gw" => or_false(v6) }
}

/// `virtual` and, in a container, `virtual_subtype`.
fn virtualisation() -> Map {
    if Path::new("/.dockerenv").exists() {
        return map! { "virtual" => "container", "virtual_subtype" => "Docker" };
    }
    if Path::new("/run/.containerenv").exists() {
        return map! { "virtual" => "container", "virtual_subtype" => "Podman" };
    }
    let vendor = line("/sys/class/dmi/id/sys_vendor").unwrap_or_default();
    let product = line("/sys/class/dmi/id/product_name").unwrap_or_default();
    let kind = match (vendor.as_str(), product.as_str()) {
        (v, _) if v.starts_with("VMware") => "VMware",
        (v, p) if v == "QEMU" || p.contains("KVM") => "kvm",
        (_, "VirtualBox") => "VirtualBox",
        (v, "Virtual Machine") if v.starts_with("Microsoft") => "VirtualPC",
        (v, _) if v.starts_with("Xen") => "xen",
        _ => "physical",
    };
    map! { "virtual" => kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_salt_does() {
        let dns = dns("# x\nnameserver 192.0.2.1\nnameserver fd00::1 ; y\nsearch a b\noptions ndots:2\n");
        assert_eq!(dns.get("nameservers"), Some(&list!["192.0.2.1", "fd00::1"]));
        assert_eq!(dns.get("ip6_nameservers"), Some(&list!["fd00::1"]));
        assert_eq!(dns.get("search"), Some(&list!["a", "b"]));
        assert_eq!(dns.get_str("domain"), Some(""));
    }

    #[test]
    fn the_default_route_is_the_gateway() {
        let gateway = u32::from_ne_bytes([192, 0, 2, 1]);
        let v4 =
            format!("Iface\tDestination\tGateway\neth0\t000002C0\t00000000\neth0\t00000000\t{gateway:08X}\n");
        let v6 = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 0 0 0 0 eth0\n";
        let found = gateways(&v4, v6);
        assert_eq!(found.get_str("ip4_gw"), Some("192.0.2.1"));
        assert_eq!(found.get_str("ip6_gw"), Some("fd00::1"));
        assert_eq!(gateways("", "").get("ip_gw"), Some(&false.into()));
    }

    #[test]
    fn a_word_without_a_value_is_a_pair_with_none() {
        assert_eq!(kernelparams("quiet a=b=c\n"), list![list!["quiet", Value::None], list!["a", "b=c"]]);
    }
}
