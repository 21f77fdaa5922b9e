//! Addresses and networks (`salt/utils/network.py` over Python's `ipaddress`).

use std::net::ToSocketAddrs;

use jinja::python::Bound;
use jinja::{Args, Environment, Error, Result, State, Value};
use rand::Rng;

use super::repr_of_type;

mod address;

use address::{Interface, Ip, address, interface, network};

/// Most hosts that `network_hosts` gives.
const MOST: u128 = 1 << 22;

/// Registers them.
pub(super) fn register(env: &mut Environment) {
    let families: [(&str, &[u8]); 3] = [("is_ip", &[4, 6]), ("is_ipv4", &[4]), ("is_ipv6", &[6])];
    for (name, versions) in families {
        env.add_filter(name, move |_, value, args| {
            let options = options(&Bound::new(&format!("{name}_filter"), 1, args, &["options"], 0)?, 0)?;
            let fits = |version: &u8| one(&value, *version, &options).is_some();
            Ok(Value::Bool(versions.iter().any(fits)))
        });
    }
    for (name, version) in [("ipv4", 4), ("ipv6", 6)] {
        env.add_filter(name, move |_, value, args| {
            let options = options(&Bound::new(name, 1, args, &["options"], 0)?, 0)?;
            Ok(filtered(&value, version, &options).unwrap_or(Value::None))
        });
    }
    env.add_filter("ipaddr", |_, value, args| {
        let options = options(&Bound::new("ipaddr", 1, args, &["options"], 0)?, 0)?;
        Ok(any(&value, &options).unwrap_or(Value::None))
    });
    env.add_filter("ip_host", |state, value, args| {
        each(state, "ip_host", &value, args, |_, text| {
            Ok(Value::from(
                interface(text).map_or_else(|| text.to_string(), |found| found.with_prefix().to_string()),
            ))
        })
    });
    env.add_filter("network_hosts", |state, value, args| each(state, "network_hosts", &value, args, hosts));
    env.add_filter("network_size", |state, value, args| {
        each(state, "network_size", &value, args, |_, text| {
            Ok(Value::Int(interface(text).map_or_else(Default::default, |found| found.network().size())))
        })
    });
    env.add_filter("filter_by_networks", filter_by_networks);
    env.add_filter("ipwrap", |_, value, args| {
        Bound::new("ipwrap", 1, args, &[], 0)?;
        let wrap = |value: &Value| match one(value, 6, &[]) {
            Some(_) => bracketed(&jinja::to_str(value)?),
            None => Ok(value.clone()),
        };
        match &value {
            Value::List(list) => Ok(Value::list(list.snapshot().iter().map(wrap).collect::<Result<_>>()?)),
            Value::Tuple(tuple) => Ok(Value::list(tuple.items().iter().map(wrap).collect::<Result<_>>()?)),
            other => wrap(other),
        }
    });
    env.add_filter("gen_mac", |_, value, args| {
        Bound::new("gen_mac", 1, args, &[], 0)?;
        let [a, b, c]: [u8; 3] = rand::thread_rng().r#gen();
        Ok(Value::from(format!("{}:{a:02X}:{b:02X}:{c:02X}", jinja::to_str(&value)?)))
    });
    env.add_filter("mac_str_to_bytes", |_, value, args| {
        Bound::new("mac_str_to_bytes", 1, args, &[], 0)?;
        mac_bytes(&value)
    });
    env.add_filter("dns_check", |_, value, args| dns_check(&value, args));
}

fn options(b: &Bound, at: usize) -> Result<Vec<String>> {
    let given = b.none(at);
    if !given.truth()? {
        return Ok(vec![]);
    }
    let text = given.as_str().ok_or_else(|| super::lists::no_attribute(&given, "split"))?;
    Ok(text.split(',').map(|option| option.trim().to_string()).collect())
}

/// `_is_ipv`: the text of an address or interface of a version that has all the properties.
fn one(value: &Value, version: u8, options: &[String]) -> Option<String> {
    let found = match value {
        Value::Str(text) | Value::Markup(text) => interface(text)?,
        Value::Int(n) => Interface::of(Ip::of_number(n)?),
        Value::Bytes(bytes) => Interface::of(Ip::of_bytes(bytes)?),
        Value::Bool(b) => Interface::of(Ip::of_number(&u8::from(*b).into())?),
        _ => return None,
    };
    (found.ip.version() == version && options.iter().all(|option| found.has(option)))
        .then(|| found.to_string())
}

/// `_ipv_filter`
fn filtered(value: &Value, version: u8, options: &[String]) -> Option<Value> {
    let many = |items: &[Value]| {
        Value::list(items.iter().filter_map(|item| one(item, version, options)).map(Value::from).collect())
    };
    match value {
        Value::Str(_) | Value::Markup(_) | Value::Bytes(_) => one(value, version, options).map(Value::from),
        Value::List(list) => Some(many(&list.snapshot())),
        Value::Tuple(tuple) => Some(many(tuple.items())),
        _ => None,
    }
}

/// `ipaddr`
fn any(value: &Value, options: &[String]) -> Option<Value> {
    let (four, six) = (filtered(value, 4, options), filtered(value, 6, options));
    match (four, six) {
        (Some(Value::List(four)), Some(Value::List(six))) => {
            let mut all = four.snapshot();
            all.extend(six.snapshot());
            Some(Value::list(all))
        }
        (four, six) => four.or(six),
    }
}

/// Does something with each address of a value.
fn each(
    state: &State<'_>,
    name: &str,
    value: &Value,
    args: Args,
    f: impl Fn(&State<'_>, &str) -> Result<Value>,
) -> Result<Value> {
    let b = Bound::new(name, 1, args, &["options", "version"], 0)?;
    let options = options(&b, 0)?;
    let found = match b.none(1).as_i64() {
        Some(4) => filtered(value, 4, &options),
        Some(6) => filtered(value, 6, &options),
        None | Some(0) => any(value, &options),
        Some(_) => None,
    };
    match found {
        Some(Value::Str(text)) => f(state, &text),
        Some(Value::List(list)) if !list.is_empty() => {
            let rows = list.snapshot();
            Ok(Value::list(
                rows.iter().filter_map(Value::as_str).map(|text| f(state, text)).collect::<Result<_>>()?,
            ))
        }
        _ => Ok(Value::None),
    }
}

fn hosts(state: &State<'_>, text: &str) -> Result<Value> {
    let Some(found) = interface(text) else { return Ok(Value::None) };
    let (first, last) = found.network().hosts();
    if last.wrapping_sub(first) >= MOST {
        return Err(Error::python("MemoryError", format!("{text} has more than {MOST} hosts")));
    }
    let mut hosts = Vec::new();
    for number in first..=last {
        state.step()?;
        hosts.push(Value::from(found.ip.with_number(number).to_string()));
    }
    Ok(Value::list(hosts))
}

fn filter_by_networks(state: &State<'_>, value: Value, args: Args) -> Result<Value> {
    let networks = Bound::new("filter_by_networks", 1, args, &["networks"], 1)?.none(0);
    if matches!(networks, Value::None) {
        return Ok(value);
    }
    let mut known = Vec::new();
    for item in networks.items(state)? {
        known.push(network(&jinja::to_str(&item)?)?);
    }
    let keep = |ips: &Value| -> Result<Value> {
        let mut kept = Vec::new();
        for item in ips.items(state)? {
            for network in &known {
                if network.contains(&address(&jinja::to_str(&item)?)?) {
                    kept.push(item.clone());
                }
            }
        }
        Ok(Value::list(kept))
    };
    match &value {
        Value::Dict(dict) => {
            let kept = dict.snapshot().into_iter().map(|(name, ips)| Ok((name, keep(&ips)?)));
            Ok(Value::Dict(jinja::Dict::new(kept.collect::<Result<_>>()?)))
        }
        Value::List(_)
        | Value::Tuple(_)
        | Value::Str(_)
        | Value::Markup(_)
        | Value::Bytes(_)
        | Value::Range(_) => keep(&value),
        other => Err(Error::value_error(format!("Do not know how to filter a {}", repr_of_type(other)))),
    }
}

fn bracketed(text: &str) -> Result<Value> {
    let found = address(text.trim_start_matches('[').trim_end_matches(']'))?;
    Ok(Value::from(if found.version() == 6 { format!("[{found}]") } else { found.to_string() }))
}

fn mac_bytes(value: &Value) -> Result<Value> {
    let Some(text) = value.as_str() else {
        value.length()?;
        return Err(Error::value_error("Invalid MAC address"));
    };
    let chars: Vec<char> = text.chars().collect();
    let digits: Vec<char> = match chars.len() {
        12 => chars,
        17 => chars.iter().copied().filter(|c| *c != chars[2]).collect(),
        _ => return Err(Error::value_error("Invalid MAC address")),
    };
    let mut bytes = Vec::new();
    for pair in digits.chunks(2).take(6) {
        let pair: String = pair.iter().collect();
        let byte = jinja::python::parse_int(&pair, 16).and_then(|n| u8::try_from(n).ok());
        bytes.push(byte.ok_or_else(|| {
            let shown = jinja::python::repr_str(&pair);
            Error::value_error(format!("invalid literal for int() with base 16: {shown}"))
        })?);
    }
    Ok(Value::Bytes(bytes.into()))
}

/// The first address of a name. Salt tries to connect before it takes one; nothing is connected to from here.
fn dns_check(value: &Value, args: Args) -> Result<Value> {
    let b = Bound::new("dns_check", 1, args, &["port", "safe", "ipv6"], 1)?;
    let name = jinja::to_str(value)?;
    let port = u16::try_from(jinja::python::index(&b.none(0))?).unwrap_or_default();
    let six = match b.none(2) {
        Value::None => None,
        wanted => Some(wanted.truth()?),
    };
    let found: Vec<_> = (name.as_str(), port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let of = |six: Option<bool>| found.iter().find(|a| six.is_none_or(|six| a.is_ipv6() == six));
    // Without an address of version 6, one of version 4 will do.
    match of(six).or_else(|| of(six.filter(|six| *six).map(|_| false))) {
        Some(address) => bracketed(&address.ip().to_string()),
        None => {
            let text = format!("DNS lookup or connection check of '{name}' failed.");
            let class = if b.flag(1, false)? {
                "salt.exceptions.SaltClientError"
            } else {
                "salt.exceptions.SaltSystemExit"
            };
            Err(Error::python(class, text))
        }
    }
}
