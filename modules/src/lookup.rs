//! Finding values in grains, pillar and options.

use salt::{Error, Map, Result, Value};

use crate::dictupdate::update;
use salt::target::fnmatch;

/// The value at a path of keys (`salt/utils/data.py`, `traverse_dict_and_list`).
pub fn at<'a>(map: &'a Map, path: &str, delimiter: &str) -> Option<&'a Value> {
    let split = if delimiter.is_empty() { None } else { path.split_once(delimiter) };
    let (first, rest) = split.map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = match map.get(first) {
        Some(value) => value,
        None => map.get_key(&Value::Int(first.parse().ok()?))?,
    };
    rest.map_or(Some(value), |rest| value.traverse(rest, delimiter))
}

/// Python's `salt.utils.data.is_true`: positive numbers and the text "true".
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Str(s) => s.trim().parse::<i64>().map_or(s.eq_ignore_ascii_case("true"), |n| n > 0),
        other => other.as_f64().map_or(other.truthy(), |x| x > 0.0),
    }
}

/// Chooses from a map by a value, or by the first item of a list for which there is a key
/// (`salt/utils/data.py`, `filter_by`).
///
/// # Errors
/// The `SaltException` for a `merge` that is no map, or for a base and a choice that can't be merged.
pub fn filter(
    lookup: &Map,
    value: Option<&Value>,
    merge: Option<Value>,
    default: &Value,
    base: Option<Value>,
) -> Result<Value> {
    let values: &[Value] = match value {
        None => &[],
        Some(Value::List(items)) => items,
        Some(one) => std::slice::from_ref(one),
    };
    let fits = |each: &String| {
        let found =
            lookup.iter().find(|(key, _)| *each == key.to_string() || fnmatch(each, &key.to_string()));
        found.map(|(_, value)| value.clone()).filter(|v| !v.is_none())
    };
    let mut ret = values.iter().map(Value::to_string).find_map(|each| fits(&each));
    if ret.is_none() {
        ret = lookup.get_key(default).filter(|v| !v.is_none()).cloned();
    }
    if let Some(base) = base.filter(Value::truthy).and_then(|b| lookup.get_key(&b)) {
        ret = Some(match (base, ret) {
            (base, None) => base.clone(),
            (Value::Map(base), Some(Value::Map(chosen))) => update(base.clone(), chosen, false).into(),
            (Value::Map(_), Some(_)) => {
                return Err(salt_exception(
                    "filter_by default and look-up values must both be dictionaries.",
                ));
            }
            (_, Some(chosen)) => chosen,
        });
    }
    match (ret, merge.filter(Value::truthy)) {
        (None, Some(Value::Map(merge))) => Ok(merge.into()),
        (Some(Value::Map(chosen)), Some(Value::Map(merge))) => Ok(update(chosen, merge, false).into()),
        (_, Some(_)) => Err(salt_exception("filter_by merge argument must be a dictionary.")),
        (ret, None) => Ok(ret.unwrap_or_default()),
    }
}

fn salt_exception(message: &str) -> Error {
    Error::exception("salt.exceptions.SaltException", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn paths_lead_through_maps_and_lists() {
        let grains = map! { "a" => map! { "b" => list![1, map! { "c" => 2 }] }, "x:y" => 3 };
        assert_eq!(at(&grains, "a:b:0", ":"), Some(&1.into()));
        assert_eq!(at(&grains, "a:b:c", ":"), Some(&2.into()));
        assert_eq!(at(&grains, "x:y", "/"), Some(&3.into()));
        assert_eq!(at(&grains, "a:z", ":"), None);
    }

    #[test]
    fn filter_chooses_as_salt_does() {
        let lookup =
            map! { "Deb*" => map! { "a" => 1 }, "default" => map! { "b" => 2 }, "base" => map! { "c" => 3 } };
        let choose = |value: Option<&str>, merge: Option<Value>, base: Option<Value>| {
            filter(&lookup, value.map(Value::from).as_ref(), merge, &"default".into(), base)
        };
        assert_eq!(choose(Some("Debian"), None, None), Ok(map! { "a" => 1 }.into()));
        assert_eq!(choose(Some("Suse"), None, None), Ok(map! { "b" => 2 }.into()));
        assert_eq!(choose(None, None, Some("base".into())), Ok(map! { "c" => 3, "b" => 2 }.into()));
        assert_eq!(
            choose(Some("Debian"), Some(map! { "a" => 9 }.into()), None),
            Ok(map! { "a" => 9 }.into())
        );
        assert!(choose(Some("Debian"), Some(1.into()), None).is_err());
    }
}
