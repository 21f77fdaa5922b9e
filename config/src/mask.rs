//! Options without their secrets, for the log.

use salt::{Map, Value};

/// What stands in a log for a secret.
const MASK: &str = "**********";

/// The options with every secret masked, however deep it lies.
pub fn mask(opts: &Map) -> Map {
    opts.iter()
        .map(|(key, value)| {
            let secret = key.as_str().is_some_and(is_secret) && value.truthy();
            (key.clone(), if secret { masked(value) } else { inner(value) })
        })
        .collect()
}

/// True for the name of an option that holds a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "secret", "token", "privkey", "private_key", "api_key", "apikey"]
        .iter()
        .any(|word| name.contains(word))
}

fn masked(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(masked).collect()),
        Value::Map(map) => map.iter().map(|(k, v)| (k.clone(), masked(v))).collect::<Map>().into(),
        Value::Bool(_) | Value::None => value.clone(),
        _ => MASK.into(),
    }
}

fn inner(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(mask(map)),
        Value::List(items) => Value::List(items.iter().map(inner).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn no_password_is_shown() {
        let opts = map! {
            "id" => "px1",
            "git_pillar_password" => "p1",
            "proxy" => map! { "username" => "root", "passwords" => ["p2", "p3"], "ssl_thumbprint" => "AB" },
            "list" => list![map! { "Token" => 12345, "x" => 1 }],
            "password" => Value::None,
        };
        let shown = mask(&opts);
        let text = Value::from(shown.clone()).repr();
        for secret in ["p1", "p2", "p3", "12345"] {
            assert!(!text.contains(&format!("'{secret}'")) && !text.contains("12345"), "{text}");
        }
        assert_eq!(shown.get("id"), opts.get("id"));
        assert_eq!(
            shown.get("proxy").and_then(|p| p.get("passwords")),
            Some(&Value::from(["**********", "**********"]))
        );
        assert_eq!(shown.get("password"), Some(&Value::None));
    }
}
