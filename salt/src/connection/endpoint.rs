//! The keys that say where a vCenter is and how to log in: the same in a `proxy:` map and in a profile.

use vcenter::session::{Credentials, Mechanism, Protocol, Secret};
use vcenter::transport::Trust;

use crate::{Map, Value};

/// A vCenter or a host, and how to log in there.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Host name or address; no port.
    pub host: String,
    /// `port`
    pub port: u16,
    /// `protocol`
    pub protocol: Protocol,
    /// `username` and `passwords`
    pub credentials: Credentials,
    /// `verify_ssl`, `ca_bundle` and `ssl_thumbprint`. A thumbprint is the narrowest trust, so it wins.
    pub trust: Trust,
}

impl Endpoint {
    /// What the vSphere client is told. The minion id stands in vCenter's list of sessions; `opts` have
    /// `vcenter_login_refusals` and how much may be under way at once.
    pub fn config(self, id: &str, opts: &Map) -> vcenter::Config {
        let mut config = vcenter::Config::new(self.host, self.credentials);
        (config.port, config.protocol, config.trust) = (self.port, self.protocol, self.trust);
        config.user_agent = format!("vsalt/{} ({id})", env!("CARGO_PKG_VERSION"));
        let limits = &mut config.limits;
        for (option, place) in [
            ("vcenter_login_refusals", &mut config.login.refusals),
            ("vcenter_reads", &mut limits.reads),
            ("vcenter_writes", &mut limits.writes),
            ("vcenter_tasks", &mut limits.tasks),
            ("vcenter_tasks_per_host", &mut limits.tasks_per_host),
        ] {
            let number = opts.get(option).and_then(Value::as_i64);
            if let Some(number) = number.and_then(|number| usize::try_from(number).ok()) {
                *place = number;
            }
        }
        config
    }
}

/// Reads the keys of one map, and keeps what is wrong with them. No secret is in its sentences.
pub struct Reader<'a> {
    map: &'a Map,
    /// What makes the map unusable.
    pub problems: Vec<String>,
    /// What is odd, but harms nothing.
    pub warnings: Vec<String>,
}

/// How the keys of a map are called, and how the map is.
#[derive(Debug)]
pub struct Names<'a> {
    /// The keys that may name the user, the usual one first.
    pub user: &'a [&'a str],
    /// The user where none is named.
    pub usual: Option<&'a str>,
    /// What the map is, in a sentence.
    pub place: &'a str,
}

impl<'a> Reader<'a> {
    /// The keys whose types are checked where they are read.
    pub const CHECKED: &'static [&'static str] = &["port", "verify_ssl", "passwords", "password"];

    /// A reader of this map.
    pub fn new(map: &'a Map) -> Reader<'a> {
        Reader { map, problems: Vec::new(), warnings: Vec::new() }
    }

    /// Text that is not blank.
    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.map.get_str(key).filter(|text| !text.trim().is_empty())
    }

    /// Notes a problem.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// A host name or an address, out of the key of the caller's choice.
    pub fn host(&mut self, name: &str) -> String {
        let name = name.trim();
        if name.contains(['/', '@']) || name.contains(char::is_whitespace) {
            self.problem(format!("'{name}' is no host name or address"));
        }
        name.to_owned()
    }

    /// The port; that of HTTPS without a word.
    pub fn port(&mut self) -> u16 {
        const HTTPS: u16 = 443;
        let given = match self.map.get("port") {
            None | Some(Value::None) => return HTTPS,
            Some(given) => given,
        };
        let number = match given {
            Value::Str(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        };
        match number.map(u16::try_from) {
            Some(Ok(port)) if port > 0 => port,
            Some(_) => {
                self.problem(format!("'port' must be from 1 to 65535, got {given}"));
                HTTPS
            }
            // The type is what is wrong with it.
            None => {
                self.problem(format!("'port' must be a whole number, got {}", given.repr()));
                HTTPS
            }
        }
    }

    /// The protocol; HTTPS without a word.
    pub fn protocol(&mut self) -> Protocol {
        match self.text("protocol") {
            None | Some("https") => Protocol::Https,
            Some("http") => Protocol::Http,
            Some(other) => {
                self.problem(format!("'protocol' must be https or http, got '{other}'"));
                Protocol::Https
            }
        }
    }

    /// What is trusted. Without a word, the certificate is verified.
    pub fn trust(&mut self) -> Trust {
        if let Some(thumbprint) = self.text("ssl_thumbprint") {
            return Trust::Thumbprint(thumbprint.into());
        }
        match self.map.get("verify_ssl") {
            Some(Value::Bool(false)) => Trust::Insecure,
            None | Some(Value::None | Value::Bool(true)) => {
                Trust::Verify { ca_bundle: self.text("ca_bundle").map(Into::into) }
            }
            Some(other) => {
                self.problem(format!("'verify_ssl' must be true or false, got {}", other.repr()));
                Trust::default()
            }
        }
    }

    /// Who logs in, by which mechanism.
    pub fn credentials(&mut self, names: &Names<'_>) -> Credentials {
        let place = names.place;
        let mut mechanism = Mechanism::Password;
        match self.text("mechanism") {
            None | Some("userpass") => {}
            Some("saml") => {
                let domain = self.text("domain").unwrap_or("vsphere.local").trim().to_owned();
                if domain.contains(['/', '?', '#']) || domain.contains(char::is_whitespace) {
                    self.problem(format!("'{domain}' is no domain"));
                }
                mechanism = Mechanism::Token { domain };
            }
            Some("sspi") => self.problem(
                "the mechanism 'sspi' is not supported: it takes Kerberos, which vsalt is built without; use 'userpass' or 'saml' \
                 with a user and passwords",
            ),
            Some(other) => self.problem(format!("Unsupported mechanism: '{other}'")),
        }
        let username = names.user.iter().find_map(|key| self.text(key)).or(names.usual).unwrap_or_default();
        if username.is_empty() {
            let key = names.user.first().unwrap_or(&"username");
            self.problem(format!("Mechanism is set to 'userpass', but no '{key}' key found in {place}"));
        }
        let username = username.to_owned();
        let passwords = self.passwords();
        if passwords.is_empty() {
            self.problem(format!("Mechanism is set to 'userpass', but no 'passwords' key found in {place}"));
        }
        Credentials { username, passwords, mechanism }
    }

    /// `passwords`, then `password`, to be tried in this order.
    fn passwords(&mut self) -> Vec<Secret> {
        let map = self.map;
        let mut passwords: Vec<Secret> = Vec::new();
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
            let password = Secret::from(text);
            if !passwords.contains(&password) {
                passwords.push(password);
            }
        }
        passwords
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map;

    #[test]
    fn the_certificate_is_verified_unless_somebody_says_otherwise() {
        let trust = |map: Map| {
            let mut reader = Reader::new(&map);
            let trust = reader.trust();
            assert!(reader.problems.is_empty(), "{:?}", reader.problems);
            trust
        };
        assert_eq!(trust(map! {}), Trust::Verify { ca_bundle: None });
        assert_eq!(trust(map! { "verify_ssl" => Value::None }), Trust::Verify { ca_bundle: None });
        assert_eq!(trust(map! { "ca_bundle" => "/ca" }), Trust::Verify { ca_bundle: Some("/ca".into()) });
        assert_eq!(trust(map! { "verify_ssl" => false }), Trust::Insecure);
        let pinned = map! { "verify_ssl" => false, "ssl_thumbprint" => "aa" };
        assert_eq!(trust(pinned), Trust::Thumbprint("aa".into()));
    }
}
