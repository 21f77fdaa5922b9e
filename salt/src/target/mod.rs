//! Targets: is a minion meant by an expression (`salt/matchers/`)?

mod compound;
mod data;
mod fnmatch;
mod ipcidr;
mod pcre;

pub use fnmatch::fnmatch;
pub use pcre::Pattern;

use crate::{Map, Value};

/// What a target is held against.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The minion id.
    pub id: &'a str,
    /// The grains.
    pub grains: &'a Map,
    /// The pillar.
    pub pillar: &'a Map,
    /// Groups by name, where the expression may name them.
    pub nodegroups: Option<&'a Map>,
}

/// True if a publication is for this minion. One without the needed keys, or with a `tgt_type` that is not known, is
/// for nobody.
pub fn matches(load: &Map, subject: Subject<'_>) -> bool {
    let (Some(tgt), Some(_), Some(_), Some(_)) =
        (load.get("tgt"), load.get("jid"), load.get("fun"), load.get("arg"))
    else {
        return false;
    };
    if !tgt.truthy() {
        return false;
    }
    let kind = match load.get("tgt_type") {
        None | Some(Value::None) => "glob",
        Some(Value::Str(kind)) => kind,
        Some(_) => return false,
    };
    // A published nodegroup has been spelled out by the CLI; the minion has no table for it.
    if kind == "nodegroup" {
        return false;
    }
    let delimiter = load.get_str("delimiter").unwrap_or(":");
    let delimiter = if matches!(kind, "grain" | "grain_pcre" | "pillar") { delimiter } else { ":" };
    by_kind(kind, tgt, delimiter, subject).unwrap_or(false)
}

/// The answer of one matcher; none if there is no such one.
pub fn by_kind(kind: &str, tgt: &Value, delimiter: &str, subject: Subject<'_>) -> Option<bool> {
    let in_data = |source: &Map, how| {
        tgt.as_str().is_some_and(|expr| data::subdict_match(&source.clone().into(), expr, delimiter, how))
    };
    Some(match kind {
        "glob" => tgt.as_str().is_some_and(|pattern| fnmatch(subject.id, pattern)),
        "pcre" => tgt.as_str().is_some_and(|pattern| pcre(subject.id, pattern)),
        "list" => list(tgt, subject.id),
        "grain" => in_data(subject.grains, data::How::Glob),
        "grain_pcre" => in_data(subject.grains, data::How::Pcre),
        "pillar" => in_data(subject.pillar, data::How::Glob),
        "pillar_pcre" => in_data(subject.pillar, data::How::Pcre),
        "pillar_exact" => in_data(subject.pillar, data::How::Exact),
        "ipcidr" => tgt.as_str().is_some_and(|expr| ipcidr::matches(expr, subject.grains)),
        "compound" => compound::matches(tgt, subject, false),
        "compound_pillar_exact" => compound::matches(tgt, subject, true),
        "nodegroup" => tgt.as_str().is_some_and(|group| compound::nodegroup(group, subject)),
        // There is no range server in the house; Salt answers the same without its client library.
        "range" => false,
        _ => return None,
    })
}

/// A regular expression on the whole id, anchored at its start only. One that is wrong matches nothing.
fn pcre(text: &str, pattern: &str) -> bool {
    match Pattern::new(pattern) {
        Ok(pattern) => pattern.matches_start(text),
        Err(error) => {
            tracing::error!("Invalid regex '{pattern}' in match: {error}");
            false
        }
    }
}

fn list(tgt: &Value, id: &str) -> bool {
    match tgt {
        Value::Str(text) => text.split(',').any(|item| item == id),
        Value::List(items) => items.iter().any(|item| item.as_str() == Some(id)),
        Value::Map(map) => map.contains_key(id),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{list, map};

    struct Minion {
        grains: Map,
        pillar: Map,
        nodegroups: Map,
    }

    fn minion() -> Minion {
        Minion {
            grains: map! {
                "os" => "proxy",
                "ipv4" => ["127.0.0.1", "10.1.2.3"],
                "a" => map! { "b" => list!["c:d", map! { "e" => 1 }], "n" => map! { "x" => map! { "y" => "Deep" } } },
                "roles" => ["web", "DB"],
                "num" => map! { 5i64 => "five" },
            },
            pillar: map! { "foo" => "Bar", "list" => ["one"], "path" => "a:b" },
            nodegroups: map! { "g1" => "G@os:proxy and vc*", "g2" => ["N@g1", "or", "L@x"], "loop" => "N@loop" },
        }
    }

    fn check(kind: &str, tgt: impl Into<Value>, delimiter: &str) -> bool {
        let minion = minion();
        let subject = Subject {
            id: "vc01",
            grains: &minion.grains,
            pillar: &minion.pillar,
            nodegroups: Some(&minion.nodegroups),
        };
        by_kind(kind, &tgt.into(), delimiter, subject).expect("a known matcher")
    }

    #[test]
    fn ids() {
        assert!(check("glob", "vc*", ":"));
        assert!(!check("glob", "VC*", ":"));
        assert!(!check("glob", list!["vc01"], ":"));
        assert!(check("pcre", "vc", ":") && !check("pcre", "01", ":") && !check("pcre", "(", ":"));
        assert!(
            check("list", "x,vc01", ":")
                && check("list", list!["vc01"], ":")
                && !check("list", "x, vc01", ":")
        );
        assert!(!check("range", "vc01", ":"));
    }

    #[test]
    fn grains_and_pillar() {
        assert!(
            check("grain", "os:PROXY", ":") && !check("grain", "OS:proxy", ":") && !check("grain", "os", ":")
        );
        assert!(
            check("grain", "a:b:c:d", ":") && check("grain", "a:b:e", ":") && check("grain", "a:*:x", ":")
        );
        assert!(check("grain", "a|b|c:d", "|"));
        assert!(check("grain", "roles:db", ":") && !check("grain", "roles:mail", ":"));
        assert!(check("grain", "num:5:five", ":"));
        assert!(check("grain", "*:roles", ":"));
        assert!(check("grain_pcre", "os:^.+$", ":") && !check("grain_pcre", "os:xy", ":"));
        // The pattern is lower-cased too, so \S has become \s.
        assert!(!check("grain_pcre", r"os:\S+", ":"));
        assert!(check("pillar", "foo:b*", ":") && check("pillar", "path:a:b", ":"));
        assert!(check("pillar_exact", "foo:bar", ":") && !check("pillar_exact", "foo:b*", ":"));
        assert!(check("pillar_pcre", "foo:b.*", ":"));
    }

    #[test]
    fn addresses() {
        assert!(check("ipcidr", "10.1.2.3", ":") && check("ipcidr", "10.1.0.0/16", ":"));
        assert!(!check("ipcidr", "10.2.0.0/16", ":") && !check("ipcidr", "10.1.2.3/16", ":"));
        assert!(!check("ipcidr", "fe80::/10", ":") && !check("ipcidr", "nonsense", ":"));
    }

    #[test]
    fn compounds() {
        for (expression, expected) in [
            ("vc01", true),
            ("G@os:* and not p2 or ( L@vc01 and E@v.* )", true),
            ("not vc01", false),
            ("vc01 not p2", true),
            ("and vc01", false),
            ("vc01 and", false),
            ("( vc01", false),
            ("vc01 vc01", false),
            ("( or vc01 )", false),
            ("G|@a|b|c:d", true),
            ("X@vc01", false),
            ("I@foo:bar and J@foo:b.r", true),
            ("S@10.1.2.3", true),
            ("p2 or vc01 and G@os:x", false),
            ("vc01 or p2 and p3", true),
            ("N@g1 and vc01", true),
            ("N@g2", true),
            ("N@loop", false),
            ("", false),
        ] {
            assert_eq!(check("compound", expression, ":"), expected, "{expression}");
        }
        assert!(check("compound", list!["vc01", "and", "G@os:proxy"], ":"));
        assert!(!check("compound", "( ".repeat(100_000), ":"));
        assert!(check("nodegroup", "g1", ":") && !check("nodegroup", "none", ":"));
        assert!(!check("compound_pillar_exact", "I@foo:b*", ":"));
    }

    #[test]
    fn publications() {
        let minion = minion();
        let subject =
            Subject { id: "vc01", grains: &minion.grains, pillar: &minion.pillar, nodegroups: None };
        let load = map! { "tgt" => "vc01", "jid" => "1", "fun" => "test.ping", "arg" => list![] };
        assert!(matches(&load, subject));
        assert!(!matches(&load.clone().with("tgt_type", "nosuch"), subject));
        assert!(!matches(&load.clone().with("tgt_type", "nodegroup").with("tgt", "g1"), subject));
        assert!(!matches(&load.clone().with("tgt", ""), subject));
        let mut incomplete = load.clone();
        incomplete.remove("arg");
        assert!(!matches(&incomplete, subject));
        let delimited = load.with("tgt_type", "grain").with("tgt", "a|b|c:d").with("delimiter", "|");
        assert!(matches(&delimited, subject));
    }
}
