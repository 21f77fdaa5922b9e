//! Which masters a minion has: the options `master`, `master_type` and their kin.

use rand::seq::SliceRandom;
use salt::{Map, Value};
use tracing::warn;

use crate::connection::{Address, Exit};
use crate::settings::Settings;

/// Which masters a minion has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Masters {
    /// All of them at the same time, each with a life of its own (`master_type: str`).
    Every(Vec<Address>),
    /// One at a time (`failover`, `distributed`).
    OneOf(Vec<Address>),
    /// None at all (`disable`).
    Nobody,
}

/// The masters of these options.
///
/// # Errors
/// The options name none, or in a wrong way; with the exit status of the original.
pub(super) fn masters(opts: &Map) -> Result<Masters, Exit> {
    match opts.text("master_type").unwrap_or("str") {
        "disable" => Ok(Masters::Nobody),
        "str" => Ok(Masters::Every(addresses(opts)?)),
        "failover" => {
            let mut all = addresses(opts)?;
            if opts.flag("master_shuffle", false) {
                warn!(
                    "Use of 'master_shuffle' detected. 'master_shuffle' is deprecated in favor of 'random_master'. Please update your minion config file."
                );
            }
            if opts.flag("random_master", false) || opts.flag("master_shuffle", false) {
                // With a fail-back the first one is the preferred one.
                let from = usize::from(opts.flag("master_failback", false));
                all[from..].shuffle(&mut rand::thread_rng());
            }
            Ok(Masters::OneOf(all))
        }
        "distributed" => {
            let mut all = addresses(opts)?;
            let id = opts.text("id").unwrap_or_default();
            let first = crc32(id.as_bytes()) as usize % all.len();
            let chosen = all.remove(first);
            all.insert(0, chosen);
            Ok(Masters::OneOf(all))
        }
        "func" => Err(Exit::new(
            1,
            "master_type 'func' takes the master from a Python function, and this minion runs no Python: name the \
             masters in the option 'master'",
        )),
        other => Err(Exit::new(1, format!("Invalid keyword '{other}' for variable 'master_type'"))),
    }
}

fn addresses(opts: &Map) -> Result<Vec<Address>, Exit> {
    let port = u16::try_from(opts.number("master_port", 4506))
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Exit::new(1, "the option 'master_port' is not a port"))?;
    let parse = match opts.text("master_uri_format") {
        None | Some("default") => Address::parse,
        Some("ip_only") => Address::ip_only,
        Some(other) => {
            let reason = format!("the option 'master_uri_format' is neither default nor ip_only: {other}");
            return Err(Exit::new(1, reason));
        }
    };
    let mut all: Vec<Address> = vec![];
    for entry in entries(opts) {
        let address = parse(&entry, port).map_err(|e| Exit::new(42, e))?;
        // Named twice, a master would have each of its jobs run twice.
        if !all.contains(&address) {
            all.push(address);
        }
    }
    match all.is_empty() {
        true => Err(Exit::new(
            42,
            "Master address: 'unknown address' could not be resolved. Invalid or unresolveable address. Set 'master' value in minion config.",
        )),
        false => Ok(all),
    }
}

/// The entries of `master`. A number is an old way to write an IPv4 address that nobody means.
fn entries(opts: &Map) -> Vec<String> {
    match opts.get("master") {
        Some(Value::Int(_) | Value::Float(_)) => vec![],
        _ => opts.words("master"),
    }
}

/// CRC-32 as `zlib.crc32` computes it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    fn hosts(opts: Map) -> (bool, Vec<String>) {
        match masters(&opts).unwrap() {
            Masters::Every(all) => (true, all.iter().map(Address::to_string).collect()),
            Masters::OneOf(all) => (false, all.iter().map(Address::to_string).collect()),
            Masters::Nobody => (false, vec![]),
        }
    }

    #[test]
    fn masters_are_read_in_all_their_forms() {
        assert_eq!(hosts(map! { "master" => "salt" }), (true, vec!["salt:4506".into()]));
        let opts = map! { "master" => list!["a:1", "[::1]:2", "fe80::1"], "master_port" => "9", "master_type" => "failover" };
        assert_eq!(hosts(opts), (false, vec!["a:1".into(), "[::1]:2".into(), "[fe80::1]:9".into()]));
        let opts = map! { "master" => "::1", "master_uri_format" => "ip_only" };
        assert_eq!(hosts(opts), (true, vec!["[::1]:4506".into()]));
        let twice = map! { "master" => list!["a", "b", "a:4506"] };
        assert_eq!(hosts(twice), (true, vec!["a:4506".into(), "b:4506".into()]));
        assert_eq!(masters(&map! { "master_type" => "disable" }).unwrap(), Masters::Nobody);
    }

    #[test]
    fn what_names_no_master_is_refused() {
        let end = |opts: Map| masters(&opts).unwrap_err();
        assert_eq!(end(map! { "master" => "" }).status, 42);
        assert_eq!(end(map! { "master" => "a:b" }).status, 42);
        assert_eq!(end(map! { "master" => "salt", "master_uri_format" => "ip_only" }).status, 42);
        assert_eq!(end(map! { "master" => "m", "master_type" => "nonsense" }).status, 1);
        assert_eq!(end(map! { "master" => "m", "master_port" => 70_000 }).status, 1);
        assert_eq!(end(map! { "master" => "m", "master_uri_format" => "x" }).status, 1);
        let func = end(map! { "master" => "module.function", "master_type" => "func" });
        assert!(func.status == 1 && func.reason.contains("Python"), "{func}");
    }

    #[test]
    fn a_distributed_minion_finds_its_master_by_its_id() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let opts =
            map! { "master" => list!["a", "b", "c"], "master_type" => "distributed", "id" => "123456789" };
        // 0xcbf43926 mod 3 is 2.
        let wanted = ["c:4506", "a:4506", "b:4506"].map(String::from).to_vec();
        assert_eq!(hosts(opts), (false, wanted));
    }

    #[test]
    fn a_shuffle_leaves_the_preferred_master_in_its_place() {
        let names: Vec<Value> = (0..20).map(|n| Value::from(format!("m{n}"))).collect();
        let opts = map! { "master" => names, "master_type" => "failover", "random_master" => true };
        let plain = hosts(opts.clone().with("random_master", false)).1;
        let orders: Vec<_> = (0..5).map(|_| hosts(opts.clone()).1).collect();
        assert!(orders.iter().any(|order| *order != plain));
        for _ in 0..5 {
            assert_eq!(hosts(opts.clone().with("master_failback", true)).1[0], "m0:4506");
        }
    }
}
