//! Property paths, as the property collector writes them: `config.hardware.device[4000].backing`.

use super::{Object, Value};

/// What lies at `path` below `value`.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    match value {
        Value::Object(object) if !path.starts_with('[') => get_in(object, path),
        Value::List(items) => {
            let (key, rest) = bracket(path)?;
            get(items.iter().find(|item| has_key(item, key))?, rest)
        }
        _ => None,
    }
}

/// What lies at `path` below `object`.
pub fn get_in<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    get(object.field(name)?, rest.strip_prefix('.').unwrap_or(rest))
}

/// `["a.b"].c` or `[4000].c` into the key and what follows it.
fn bracket(path: &str) -> Option<(&str, &str)> {
    let inner = path.strip_prefix('[')?;
    let (key, rest) = match inner.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\"]")?,
        None => inner.split_once(']')?,
    };
    Some((key, rest.strip_prefix('.').unwrap_or(rest)))
}

/// Whether a list's item goes by `key`: its `key` property, or itself if it is a reference or text.
fn has_key(item: &Value, key: &str) -> bool {
    match item {
        Value::Object(object) => match object.field("key") {
            Some(Value::MoRef(reference)) => reference.id() == key,
            Some(value) => value == key || value.as_i64().is_some_and(|n| key.parse() == Ok(n)),
            None => false,
        },
        Value::MoRef(reference) => reference.id() == key,
        other => other == key || other.as_i64().is_some_and(|n| key.parse() == Ok(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> Object {
        let disk = Object::new("VirtualDisk")
            .set("key", 2000)
            .set("backing", Object::new("VirtualDiskFlatVer2BackingInfo").set("fileName", "[ds] a.vmdk"));
        let extra = Object::new("OptionValue").set("key", "guestinfo.a.b").set("value", "yes");
        let hardware = Object::new("VirtualHardware").set("numCPU", 4).set("device", [disk]);
        let config =
            Object::new("VirtualMachineConfigInfo").set("hardware", hardware).set("extraConfig", [extra]);
        Object::new("VirtualMachine").set("config", config)
    }

    #[test]
    fn a_path_walks_objects_and_keyed_lists() {
        let vm = vm();
        assert_eq!(vm.i64("config.hardware.numCPU"), Some(4));
        assert_eq!(vm.str("config.hardware.device[2000].backing.fileName"), Some("[ds] a.vmdk"));
        assert_eq!(vm.str("config.extraConfig[\"guestinfo.a.b\"].value"), Some("yes"));
        assert_eq!(vm.list("config.hardware.device").len(), 1);
    }

    #[test]
    fn a_path_into_nothing_is_nothing() {
        let vm = vm();
        for path in [
            "",
            ".",
            "config.",
            "config..hardware",
            "config.none",
            "config.hardware.numCPU.x",
            "[1]",
            "config.hardware.device[1].key",
            "config.hardware.device[",
            "config[\"x",
        ] {
            assert_eq!(vm.get(path).and_then(Value::as_i64), None, "{path}");
        }
    }
}
