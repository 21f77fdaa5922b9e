//! The `proxy:` map of a minion for vSphere, from the configuration or the pillar: typed and checked.
//!
//! The keys are those of Salt's proxy modules `vcenter`, `esxdatacenter`, `esxcluster`, `esxvm` and `esxi`; `ssl_thumbprint`
//! is our own.

use std::fmt;

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
    /// `vcenter`, or the `host` of a proxy for an ESXi host: where to log in.
    pub endpoint: String,
    /// `datacenter`
    pub datacenter: Option<String>,
    /// `cluster`
    pub cluster: Option<String>,
    /// `esxi_host`: the host within the vCenter.
    pub esxi_host: Option<String>,
    /// `username`
    pub username: String,
    /// `passwords`, then `password`: to be tried in this order. At least one.
    pub passwords: Vec<Password>,
    /// `protocol`: TLS, or none.
    pub https: bool,
    /// `port`
    pub port: u16,
    /// `verify_ssl`, `ca_bundle` and `ssl_thumbprint`.
    pub trust: Trust,
    /// What is odd about the map, but does not keep the minion from its device.
    pub warnings: Vec<String>,
}

/// Which certificate is trusted. A thumbprint is the narrowest trust, so it wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One that an authority vouches for: of the system, or of this file too.
    Verified {
        /// `ca_bundle`
        ca_bundle: Option<String>,
    },
    /// The one with this thumbprint.
    Thumbprint(String),
    /// Any.
    Anything,
}

/// A password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The password itself, for the one who logs in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("**********")
    }
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
        let mut reader = Reader { map, problems: Vec::new(), warnings: Vec::new() };
        reader.types();
        let proxytype = reader.proxytype();
        let endpoint = reader.endpoint(proxytype);
        reader.mechanism();
        let username = reader.username(proxytype == Some(ProxyType::Host));
        let passwords = reader.passwords();
        let https = reader.https();
        let port = reader.port();
        let trust = reader.trust(https);
        let own = |key| reader.text(key).map(str::to_string);
        let (datacenter, cluster, esxi_host) = (own("datacenter"), own("cluster"), own("esxi_host"));
        match (reader.problems.is_empty(), proxytype) {
            (true, Some(proxytype)) => Ok(Proxy {
                proxytype,
                endpoint,
                datacenter,
                cluster,
                esxi_host,
                username,
                passwords,
                https,
                port,
                trust,
                warnings: reader.warnings,
            }),
            _ => Err(Problems(reader.problems)),
        }
    }
}

struct Reader<'a> {
    map: &'a Map,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// Text that is not blank.
    fn text(&self, key: &str) -> Option<&str> {
        self.map.get_str(key).filter(|text| !text.trim().is_empty())
    }

    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn types(&mut self) {
        let map = self.map;
        for (key, value) in map {
            let key = key.to_string();
            let Some((_, kinds)) = KEYS.iter().find(|(known, _)| *known == key) else {
                self.warnings
                    .push(format!("the proxy configuration has the key '{key}', which nobody reads"));
                continue;
            };
            if !value.is_none() && fit(kinds, value).is_none() {
                let got = if crate::mask::is_secret(&key) { value.type_name().into() } else { value.repr() };
                self.problem(format!("'{key}' must be {}, got {got}", sentence(kinds)));
            }
        }
        if map.get("credstore").is_some_and(Value::truthy) {
            self.warnings.push("the key 'credstore' is not used: 'verify_ssl', 'ca_bundle' or 'ssl_thumbprint' say which certificate is trusted".into());
        }
    }

    fn proxytype(&mut self) -> Option<ProxyType> {
        let served = ProxyType::NAMES.join(", ");
        let Some(name) = self.text("proxytype").map(str::to_string) else {
            self.problem(format!("'proxytype' is missing; served are {served}"));
            return None;
        };
        let proxytype = ProxyType::named(&name);
        if proxytype.is_none() {
            self.problem(format!("the proxytype '{name}' is not served; served are {served}"));
        }
        proxytype
    }

    fn endpoint(&mut self, proxytype: Option<ProxyType>) -> String {
        let host = proxytype == Some(ProxyType::Host);
        // As in Salt, `host` wins: it is the shorter way to a host.
        let found = self.text("host").filter(|_| host).or_else(|| self.text("vcenter"));
        let found = found.or_else(|| self.text("host")).map(|name| name.trim().to_string());
        if host
            && self.text("host").is_none()
            && self.text("vcenter").is_some()
            && self.text("esxi_host").is_none()
        {
            self.problem("a host that is managed through its 'vcenter' needs 'esxi_host'");
        }
        match found {
            Some(name) if name.contains(['/', '@']) || name.contains(char::is_whitespace) => {
                self.problem(format!("'{name}' is no host name or address"));
                String::new()
            }
            Some(name) => name,
            None => {
                let keys = if host { "neither 'host' nor 'vcenter'" } else { "no 'vcenter'" };
                self.problem(format!("{keys} says where to log in"));
                String::new()
            }
        }
    }

    fn mechanism(&mut self) {
        match self.text("mechanism") {
            None | Some("userpass") => {}
            Some("sspi") => self.problem(
                "the mechanism 'sspi' is not supported, use 'userpass' with 'username' and 'passwords'",
            ),
            Some(other) => {
                let problem = format!("'mechanism' must be userpass, got '{other}'");
                self.problem(problem);
            }
        }
    }

    fn username(&mut self, host: bool) -> String {
        match self.text("username").or_else(|| self.text("user")) {
            Some(name) => name.to_string(),
            None if host => "root".into(),
            None => {
                self.problem("'username' is missing");
                String::new()
            }
        }
    }

    fn passwords(&mut self) -> Vec<Password> {
        let map = self.map;
        let mut passwords: Vec<Password> = Vec::new();
        let listed = match map.get("passwords") {
            Some(Value::List(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        for (i, password) in listed.iter().chain(map.get("password")).enumerate() {
            let text = match password {
                Value::Str(text) if !text.is_empty() => text.clone(),
                Value::Int(_) | Value::BigInt(_) | Value::Float(_) => {
                    self.warnings.push(format!("password {} is a number to YAML: put it in quotes", i + 1));
                    password.to_string()
                }
                Value::None => continue,
                Value::Str(_) => {
                    self.problem(format!("password {} is empty", i + 1));
                    continue;
                }
                other => {
                    self.problem(format!("password {} must be text, got {}", i + 1, other.type_name()));
                    continue;
                }
            };
            let password = Password(text);
            if !passwords.contains(&password) {
                passwords.push(password);
            }
        }
        if passwords.is_empty() {
            self.problem("neither 'passwords' nor 'password' gives a password");
        }
        passwords
    }

    fn https(&mut self) -> bool {
        match self.text("protocol") {
            None | Some("https") => true,
            Some("http") => false,
            Some(other) => {
                let problem = format!("'protocol' must be https or http, got '{other}'");
                self.problem(problem);
                true
            }
        }
    }

    fn port(&mut self) -> u16 {
        const HTTPS: u16 = 443;
        let Some(given) = self.map.get("port").and_then(|port| fit(&[Kind::Int], port)) else { return HTTPS };
        match given.as_i64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
            Some(port) => port,
            None => {
                self.problem(format!("'port' must be from 1 to 65535, got {given}"));
                HTTPS
            }
        }
    }

    /// Without a word, the certificate is verified.
    fn trust(&mut self, https: bool) -> Trust {
        if let Some(thumbprint) = self.text("ssl_thumbprint") {
            return Trust::Thumbprint(thumbprint.into());
        }
        if self.map.get("verify_ssl").and_then(Value::as_bool).unwrap_or(true) {
            return Trust::Verified { ca_bundle: self.text("ca_bundle").map(Into::into) };
        }
        if https {
            self.warnings.push(
                "'verify_ssl' is false: anybody who can reach the network in between can read the password"
                    .into(),
            );
        }
        Trust::Anything
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
        let proxy = Proxy::read(&map).unwrap();
        assert_eq!((proxy.endpoint.as_str(), proxy.port, proxy.https), ("vc.example.com", 8443, false));
        let passwords: Vec<&str> = proxy.passwords.iter().map(Password::reveal).collect();
        assert_eq!((proxy.username.as_str(), passwords), ("u", vec!["one", "two"]));
        assert_eq!(Proxy::read(&sample()).unwrap().port, 443);
    }

    #[test]
    fn the_certificate_is_verified_unless_somebody_says_otherwise() {
        let trust = |extra: Map| {
            let mut map = sample();
            map.extend(extra);
            Proxy::read(&map).unwrap().trust
        };
        assert_eq!(trust(map! {}), Trust::Verified { ca_bundle: None });
        assert_eq!(trust(map! { "verify_ssl" => Value::None }), Trust::Verified { ca_bundle: None });
        assert_eq!(trust(map! { "ca_bundle" => "/ca" }), Trust::Verified { ca_bundle: Some("/ca".into()) });
        assert_eq!(trust(map! { "verify_ssl" => false }), Trust::Anything);
        assert_eq!(
            trust(map! { "verify_ssl" => false, "ssl_thumbprint" => "aa" }),
            Trust::Thumbprint("aa".into())
        );
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        assert_eq!(
            problems(map! { "port" => 70000, "verify_ssl" => "no" }),
            "the proxy configuration is not usable: 'verify_ssl' must be true or false, got 'no'; 'proxytype' is \
             missing; served are vcenter, esxdatacenter, esxcluster, esxvm, esxi; no 'vcenter' says where to log in; \
             'username' is missing; neither 'passwords' nor 'password' gives a password; 'port' must be from 1 to \
             65535, got 70000"
        );
        for (key, value, part) in [
            ("proxytype", Value::from("junos"), "the proxytype 'junos' is not served"),
            ("vcenter", " ".into(), "no 'vcenter' says where to log in"),
            ("vcenter", "https://vc/sdk".into(), "'https://vc/sdk' is no host name"),
            ("mechanism", "sspi".into(), "the mechanism 'sspi' is not supported"),
            ("mechanism", "magic".into(), "'mechanism' must be userpass, got 'magic'"),
            ("protocol", "ftp".into(), "'protocol' must be https or http, got 'ftp'"),
            ("port", 0.into(), "'port' must be from 1 to 65535, got 0"),
            ("port", "x".into(), "'port' must be a whole number, got 'x'"),
            ("passwords", list![], "neither 'passwords' nor 'password'"),
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
        assert_eq!((proxy.endpoint.as_str(), proxy.username.as_str()), ("esx1", "root"));
        let through =
            map! { "proxytype" => "esxi", "vcenter" => "vc", "passwords" => ["x"], "username" => "u" };
        assert!(problems(through.clone()).contains("needs 'esxi_host'"));
        let proxy = Proxy::read(&through.with("esxi_host", "esx1")).unwrap();
        assert_eq!((proxy.endpoint.as_str(), proxy.esxi_host.as_deref()), ("vc", Some("esx1")));
        assert!(
            problems(map! { "proxytype" => "esxi", "passwords" => ["x"] })
                .contains("neither 'host' nor 'vcenter'")
        );
    }

    #[test]
    fn keys_that_nobody_reads_are_named() {
        let proxy = Proxy::read(&sample().with("verfy_ssl", false).with("credstore", "/x")).unwrap();
        assert_eq!(proxy.warnings.len(), 2);
        assert!(proxy.warnings[0].contains("'verfy_ssl'") && proxy.warnings[1].contains("credstore"));
    }
}
