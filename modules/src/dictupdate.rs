//! Merging of maps (`salt/utils/dictupdate.py`).

use salt::{Map, Value};

/// Merges `upd` over `dest`: maps key by key, lists joined without doubles if `merge_lists`, anything else replaced.
pub fn update(mut dest: Map, upd: Map, merge_lists: bool) -> Map {
    for (key, value) in upd {
        let old = dest.get_key(&key).cloned();
        let value = match (old, value) {
            (Some(Value::Map(old)), Value::Map(new)) => update(old, new, merge_lists).into(),
            (Some(Value::List(mut old)), Value::List(new)) if merge_lists => {
                for item in new {
                    if !old.contains(&item) {
                        old.push(item);
                    }
                }
                Value::List(old)
            }
            (_, new) => new,
        };
        dest.insert(key, value);
    }
    dest
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn lists_are_joined_only_if_asked() {
        let a = map! { "l" => list![1, 2], "m" => map! { "x" => 1 } };
        let b = map! { "l" => list![2, 3], "m" => map! { "y" => 2 } };
        assert_eq!(
            update(a.clone(), b.clone(), true),
            map! { "l" => list![1, 2, 3], "m" => map! { "x" => 1, "y" => 2 } }
        );
        assert_eq!(update(a, b, false), map! { "l" => list![2, 3], "m" => map! { "x" => 1, "y" => 2 } });
    }
}
