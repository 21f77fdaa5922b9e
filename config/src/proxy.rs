//! The `proxy:` map of a minion for vSphere, from the configuration or the pillar: typed and checked.
//!
//! The keys are those of Salt's proxy modules `vcenter`, `esxdatacenter`, `esxcluster`, `esxvm` and `esxi`; `ssl_thumbprint`
//! is our own.

use std::fmt;

use salt::connection::{Endpoint, Names, Reader};
use salt::{Map, Value};

use crate::kind::{Kind, fit, sentence};

/// What kind of a device a proxy stands for (`proxytype`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyType {
    /// A whole vCenter.
    Vcenter,
    /// A datacenter of a vCenter.
    Datacenter,
    /// A cluster of a vCenter.
    Cluster,
    /// A virtual machine of a vCenter.
    Vm,
    /// A host: by itself (`host`), or through its vCenter (`vcenter` and `esxi_host`).
    Host,
}

/// The device of a minion.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `proxytype`
    pub proxytype: ProxyType,
    /// `vcenter`, or the `host` of a proxy for an ESXi host, and how to log in there.
    pub endpoint: Endpoint,
    /// `datacenter`
    pub datacenter: Option<String>,
    /// `cluster`
    pub cluster: Option<String>,
    /// `esxi_host`: the host within the vCenter.
    pub esxi_host: Option<String>,
    /// What is odd about the map, but does not keep the minion from its device.
    pub warnings: Vec<String>,
}

/// All that is wrong with a `proxy:` map, in sentences for the person who wrote it. No secret is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy configuration is not usable: {}", self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

impl ProxyType {
    /// The names, as `proxytype` has them.
    pub const NAMES: &[&str] = &["vcenter", "esxdatacenter", "esxcluster", "esxvm", "esxi"];

    /// The type of a name; none if it is not served.
    pub fn named(name: &str) -> Option<ProxyType> {
        Some(match name {
            "vcenter" => ProxyType::Vcenter,
            "esxdatacenter" => ProxyType::Datacenter,
            "esxcluster" => ProxyType::Cluster,
            "esxvm" => ProxyType::Vm,
            "esxi" => ProxyType::Host,
            _ => return None,
        })
    }
}

/// The keys and their types, `proxytype` first.
const KEYS: &[(&str, &[Kind])] = &[
    ("proxytype", &[Kind::Text]),
    ("vcenter", &[Kind::Text]),
    ("host", &[Kind::Text]),
    ("esxi_host", &[Kind::Text]),
    ("datacenter", &[Kind::Text]),
    ("cluster", &[Kind::Text]),
    ("mechanism", &[Kind::Text]),
    ("username", &[Kind::Text]),
    ("user", &[Kind::Text]),
    ("passwords", &[Kind::List, Kind::Text]),
    ("password", &[Kind::Text]),
    ("domain", &[Kind::Text]),
    ("principal", &[Kind::Text]),
    ("protocol", &[Kind::Text]),
    ("port", &[Kind::Int]),
    ("verify_ssl", &[Kind::Bool]),
    ("ca_bundle", &[Kind::Text]),
    ("ssl_thumbprint", &[Kind::Text]),
    ("credstore", &[Kind::Text]),
];

impl Proxy {
    /// Reads the map.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(map: &Map) -> Result<Proxy, Problems> {
        let mut reader = Reader::new(map);
        types(map, &mut reader);
        let proxytype = proxytype(&mut reader);
        let host = host(&mut reader, proxytype);
        let credentials = reader.credentials(&Names {
            user: &["username", "user"],
            // As in Salt, the user of a host is root unless something else is said.
            usual: (proxytype == Some(ProxyType::Host)).then_some("root"),
            place: "proxy config",
        });
        let (protocol, port, trust) = (reader.protocol(), reader.port(), reader.trust());
        place(&mut reader, proxytype);
        let own = |key| reader.text(key).map(str::to_string);
        let (datacenter, cluster, esxi_host) = (own("datacenter"), own("cluster"), own("esxi_host"));
        match (reader.problems.is_empty(), proxytype) {
            (true, Some(proxytype)) => Ok(Proxy {
                proxytype,
                endpoint: Endpoint { host, port, protocol, credentials, trust },
                datacenter,
                cluster,
                esxi_host,
                warnings: reader.warnings,
            }),
            _ => Err(Problems(reader.problems)),
        }
    }
}
/// Names what nobody reads, and what is of a wrong type.
fn types(map: &Map, reader: &mut Reader<'_>) {
    for (key, value) in map {
        let key = key.to_string();
        let Some((_, kinds)) = KEYS.iter().find(|(known, _)| *known == key) else {
            reader.warnings.push(format!("the proxy configuration has the key '{key}', which nobody reads"));
            continue;
        };
        if !value.is_none() && fit(kinds, value).is_none() && !Reader::CHECKED.contains(&key.as_str()) {
            let got = if crate::mask::is_secret(&key) { value.type_name().into() } else { value.repr() };
            reader.problem(format!("'{key}' must be {}, got {got}", sentence(kinds)));
        }
    }
    if map.get("credstore").is_some_and(Value::truthy) {
        reader.warnings.push("the key 'credstore' is not used: 'verify_ssl', 'ca_bundle' or 'ssl_thumbprint' say which certificate is trusted".into());
    }
}

fn proxytype(reader: &mut Reader<'_>) -> Option<ProxyType> {
    let served = ProxyType::NAMES.join(", ");
    let Some(name) = reader.text("proxytype") else {
        reader.problem(format!("'proxytype' is missing; served are {served}"));
        return None;
    };
    let proxytype = ProxyType::named(name);
    if proxytype.is_none() {
        reader.problem(format!("the proxytype '{name}' is not served; served are {served}"));
    }
    proxytype
}

fn host(reader: &mut Reader<'_>, proxytype: Option<ProxyType>) -> String {
    let host = proxytype == Some(ProxyType::Host);
    // As in Salt, `host` wins: it is the shorter way to a host.
    let found = reader.text("host").filter(|_| host).or_else(|| reader.text("vcenter"));
    match found.or_else(|| reader.text("host")) {
        Some(name) => reader.host(name),
        None if host => {
            reader.problem("Neither 'host' nor 'vcenter' keys found in pillar for this proxy");
            String::new()
        }
        None => {
            reader.problem("'vcenter' is a required property");
            String::new()
        }
    }
}

/// The keys that say which part of the vCenter is meant.
fn place(reader: &mut Reader<'_>, proxytype: Option<ProxyType>) {
    let needed: &[&str] = match proxytype {
        Some(ProxyType::Datacenter | ProxyType::Vm) => &["datacenter"],
        Some(ProxyType::Cluster) => &["datacenter", "cluster"],
        Some(ProxyType::Host) if reader.text("host").is_none() && reader.text("vcenter").is_some() => {
            if reader.text("esxi_host").is_none() {
                reader.problem("No 'esxi_host' key found in pillar for this proxy");
            }
            &[]
        }
        _ => &[],
    };
    for key in needed.iter().filter(|key| reader.text(key).is_none()).collect::<Vec<_>>() {
        reader.problem(format!("'{key}' is a required property"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    fn sample() -> Map {
        map! {
            "proxytype" => "vcenter", "vcenter" => "vc.example.com", "username" => "u", "mechanism" => "userpass",
            "passwords" => list!["one", "two"],
        }
    }

    fn problems(map: Map) -> String {
        Proxy::read(&map).expect_err("this map is not usable").to_string()
    }

    #[test]
    fn a_map_is_read() {
        let map = sample().with("password", "two").with("port", "8443").with("protocol", "http");
        let config = Proxy::read(&map).unwrap().endpoint.config("vc01", &Map::new());
        assert_eq!((config.host.as_str(), config.port), ("vc.example.com", 8443));
        assert_eq!(format!("{:?}", config.protocol), "Http");
        assert!(config.user_agent.starts_with("vsalt/") && config.user_agent.ends_with("(vc01)"));
        let passwords: Vec<&str> = config.credentials.passwords.iter().map(|it| it.reveal()).collect();
        assert_eq!((config.credentials.username.as_str(), passwords), ("u", vec!["one", "two"]));
        let proxy = Proxy::read(&sample()).unwrap();
        assert_eq!(proxy.endpoint.port, 443);
        let config = proxy.endpoint.config("vc01", &map! { "vcenter_login_refusals" => 1 });
        assert_eq!(config.login.refusals, 1);
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        assert_eq!(
            problems(map! { "port" => 70000, "verify_ssl" => "no" }),
            "the proxy configuration is not usable: 'proxytype' is missing; served are vcenter, esxdatacenter, \
             esxcluster, esxvm, esxi; 'vcenter' is a required property; Mechanism is set to 'userpass', but no \
             'username' key found in proxy config; Mechanism is set to 'userpass', but no 'passwords' key found in \
             proxy config; 'port' must be from 1 to 65535, got 70000; 'verify_ssl' must be true or false, got 'no'"
        );
        for (key, value, part) in [
            ("proxytype", Value::from("junos"), "the proxytype 'junos' is not served"),
            ("vcenter", " ".into(), "'vcenter' is a required property"),
            ("vcenter", "https://vc/sdk".into(), "'https://vc/sdk' is no host name"),
            ("mechanism", "sspi".into(), "the mechanism 'sspi' is not supported"),
            ("mechanism", "magic".into(), "Unsupported mechanism: 'magic'"),
            ("protocol", "ftp".into(), "'protocol' must be https or http, got 'ftp'"),
            ("port", 0.into(), "'port' must be from 1 to 65535, got 0"),
            ("port", "x".into(), "'port' must be a whole number, got 'x'"),
            ("passwords", list![], "but no 'passwords' key found"),
            ("proxytype", "esxdatacenter".into(), "'datacenter' is a required property"),
            ("proxytype", "esxvm".into(), "'datacenter' is a required property"),
            (
                "proxytype",
                "esxcluster".into(),
                "'datacenter' is a required property; 'cluster' is a required",
            ),
            ("username", list!["x"], "'username' must be text, got ['x']"),
        ] {
            let text = problems(sample().with(key, value));
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn no_sentence_has_a_secret_in_it() {
        let text = problems(
            sample().with("passwords", list![map! { "hidden" => "x" }]).with("password", list!["hidden"]),
        );
        assert!(text.contains("password 1 must be text, got dict") && !text.contains("hidden"), "{text}");
        let proxy = Proxy::read(&sample().with("passwords", list![12345, "hidden"])).unwrap();
        let shown = format!("{proxy:?}");
        assert!(!shown.contains("hidden") && !shown.contains("12345"), "{shown}");
        assert!(proxy.warnings[0].contains("put it in quotes"));
    }

    #[test]
    fn an_esxi_host_is_reached_by_itself_or_through_its_vcenter() {
        let direct =
            map! { "proxytype" => "esxi", "host" => "esx1", "vcenter" => "vc", "passwords" => ["x"] };
        let proxy = Proxy::read(&direct).unwrap();
        assert_eq!(
            (proxy.endpoint.host.as_str(), proxy.endpoint.credentials.username.as_str()),
            ("esx1", "root")
        );
        let through =
            map! { "proxytype" => "esxi", "vcenter" => "vc", "passwords" => ["x"], "username" => "u" };
        assert!(problems(through.clone()).contains("No 'esxi_host' key found"));
        let proxy = Proxy::read(&through.with("esxi_host", "esx1")).unwrap();
        assert_eq!((proxy.endpoint.host.as_str(), proxy.esxi_host.as_deref()), ("vc", Some("esx1")));
        assert!(
            problems(map! { "proxytype" => "esxi", "passwords" => ["x"] })
                .contains("Neither 'host' nor 'vcenter' keys found")
        );
    }

    #[test]
    fn each_type_takes_all_keys() {
        for proxytype in ProxyType::NAMES {
            let all = sample()
                .with("proxytype", *proxytype)
                .with("host", "esx1")
                .with("esxi_host", "esx1")
                .with("datacenter", "dc1")
                .with("cluster", "c1")
                .with("domain", "d")
                .with("principal", "p")
                .with("protocol", "https")
                .with("port", 443)
                .with("verify_ssl", true)
                .with("ca_bundle", "/ca")
                .with("ssl_thumbprint", "aa")
                .with("credstore", "/x");
            let proxy = Proxy::read(&all).unwrap();
            assert_eq!(proxy.warnings.len(), 1, "{:?}", proxy.warnings);
            let host = if *proxytype == "esxi" { "esx1" } else { "vc.example.com" };
            assert_eq!(proxy.endpoint.host, host, "{proxytype}");
            assert_eq!((proxy.datacenter.as_deref(), proxy.cluster.as_deref()), (Some("dc1"), Some("c1")));
        }
    }

    #[test]
    fn keys_that_nobody_reads_are_named() {
        let proxy = Proxy::read(&sample().with("verfy_ssl", false).with("credstore", "/x")).unwrap();
        assert_eq!(proxy.warnings.len(), 2);
        assert!(proxy.warnings[0].contains("'verfy_ssl'") && proxy.warnings[1].contains("credstore"));
    }
}
