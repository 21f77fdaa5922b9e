//! The configuration of `saltext.vmware` (`saltext/vmware/utils/connect.py`): one connection, or several under names.

use super::{Endpoint, Names, Reader};
use crate::{Context, Error, Map, Result, Value};

/// Salt's words for a connection that lacks something.
const INCOMPLETE: &str = "Cannot create service instance, VMware credentials incomplete";

/// The variables of the environment and the keys that they replace.
const VARIABLES: [(&str, &str); 3] = [
    ("SALTEXT_VMWARE_HOST", "host"),
    ("SALTEXT_VMWARE_USER", "user"),
    ("SALTEXT_VMWARE_PASSWORD", "password"),
];

/// The connection that has this name. What a caller names is not replaced by the environment.
pub fn profile(cx: &Context, name: &str) -> Result<Endpoint> {
    let section = section(cx).ok_or_else(|| {
        Error::invocation(format!("There is no profile '{name}': saltext.vmware is not configured"))
    })?;
    let settings = section.get(name).and_then(Value::as_map).ok_or_else(|| {
        let known: Vec<String> =
            section.iter().filter(|(_, it)| is_profile(it)).map(|(k, _)| k.to_string()).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        Error::invocation(format!(
            "There is no profile '{name}' in the configuration of saltext.vmware; there is {known}"
        ))
    })?;
    endpoint(settings, &format!("the profile '{name}'"))
}

/// The connection without a name; none if nothing is said of one.
pub fn unnamed(cx: &Context) -> Result<Option<Endpoint>> {
    unnamed_of(section(cx).unwrap_or_default(), |variable| std::env::var(variable).ok())
}

fn unnamed_of(mut section: Map, environment: impl Fn(&str) -> Option<String>) -> Result<Option<Endpoint>> {
    let mut said = ["host", "user", "password"].iter().any(|key| section.contains_key(key));
    for (variable, key) in VARIABLES {
        if let Some(value) = environment(variable).filter(|value| !value.is_empty()) {
            if key == "password" {
                section.remove("passwords");
            }
            section.insert(key, value);
            said = true;
        }
    }
    said.then(|| endpoint(&section, "saltext.vmware")).transpose()
}

fn endpoint(settings: &Map, place: &str) -> Result<Endpoint> {
    let mut reader = Reader::new(settings);
    let host = match reader.text("host") {
        Some(host) => reader.host(host),
        None => {
            reader.problem(format!("no 'host' key found in {place}"));
            String::new()
        }
    };
    let credentials = reader.credentials(&Names { user: &["user", "username"], usual: None, place });
    let (port, protocol, trust) = (reader.port(), reader.protocol(), reader.trust());
    if !reader.problems.is_empty() {
        return Err(Error::execution(format!("{INCOMPLETE}: {}", reader.problems.join("; "))));
    }
    reader.warnings.iter().for_each(|warning| tracing::debug!("{place}: {warning}"));
    Ok(Endpoint { host, port, protocol, credentials, trust })
}

/// Whether a value of the section is a profile, and not the hosts of `esxi_host` or a plain key.
fn is_profile(value: &Value) -> bool {
    value.as_map().is_some_and(|map| map.contains_key("host"))
}

/// The section `saltext.vmware`, or `vmware_config` as it was once called: the first that is not empty, of the options, the
/// grains and the pillar.
fn section(cx: &Context) -> Option<Map> {
    let places = [cx.opts(), cx.grains(), cx.pillar()];
    let mut found = ["saltext.vmware", "vmware_config"].into_iter().flat_map(|name| {
        places.iter().filter_map(move |place| place.get(name)?.as_map().filter(|section| !section.is_empty()))
    });
    found.next().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map;

    #[test]
    fn the_environment_replaces_what_has_no_name() {
        let none = |_: &str| None;
        let all = |variable: &str| Some(format!("{variable}.x").to_lowercase());
        assert!(unnamed_of(Map::new(), none).unwrap().is_none());
        assert!(unnamed_of(map! { "a" => map! { "host" => "x" } }, none).unwrap().is_none(), "profiles only");
        let read = unnamed_of(Map::new(), all).unwrap().unwrap();
        assert_eq!((read.host.as_str(), read.port), ("saltext_vmware_host.x", 443));
        let flat = map! { "host" => "vc", "user" => "u", "passwords" => ["a", "b"], "port" => 8443 };
        let read = unnamed_of(flat.clone(), all).unwrap().unwrap();
        assert_eq!(read.credentials.username, "saltext_vmware_user.x");
        assert_eq!(read.credentials.passwords, ["saltext_vmware_password.x".into()]);
        let read = unnamed_of(flat, none).unwrap().unwrap();
        assert_eq!((read.host.as_str(), read.port, read.credentials.passwords.len()), ("vc", 8443, 2));
    }

    #[test]
    fn what_is_missing_is_said_without_secrets() {
        let text =
            unnamed_of(map! { "password" => "hidden", "port" => "x" }, |_| None).unwrap_err().to_string();
        assert_eq!(
            text,
            "Cannot create service instance, VMware credentials incomplete: no 'host' key found in saltext.vmware; \
             Mechanism is set to 'userpass', but no 'user' key found in saltext.vmware; 'port' must be a whole number, \
             got 'x'"
        );
    }
}
