//! Addresses and networks against the grains `ipv4` and `ipv6`.

use std::net::IpAddr;

use crate::{Map, Value};

/// True if the expression is an address among the grains, or a network that one of them lies in.
pub(super) fn matches(expression: &str, grains: &Map) -> bool {
    let Some((network, prefix)) = parse(expression) else {
        tracing::error!("Invalid IP/CIDR target: {expression}");
        return false;
    };
    let grain = if network.is_ipv4() { "ipv4" } else { "ipv6" };
    let Some(Value::List(addresses)) = grains.get(grain) else { return false };
    addresses.iter().filter_map(Value::as_str).filter_map(|a| a.parse().ok()).any(|address: IpAddr| {
        match prefix {
            None => address == network,
            Some(prefix) => {
                address.is_ipv4() == network.is_ipv4() && masked(address, prefix) == masked(network, prefix)
            }
        }
    })
}

/// An address, or a network without host bits.
fn parse(expression: &str) -> Option<(IpAddr, Option<u32>)> {
    let (address, prefix) = match expression.split_once('/') {
        None => return Some((expression.parse().ok()?, None)),
        Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, prefix),
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix.parse::<u32>() {
        Ok(prefix) if prefix <= bits => prefix,
        Ok(_) => return None,
        Err(_) => netmask(prefix.parse().ok()?)?,
    };
    (masked(address, prefix) == number(address)).then_some((address, Some(prefix)))
}

/// The prefix of a mask such as 255.255.0.0.
fn netmask(mask: std::net::Ipv4Addr) -> Option<u32> {
    let bits = u32::from(mask);
    (bits.leading_ones() + bits.trailing_zeros() == 32).then(|| bits.leading_ones())
}

/// The address with its host bits cleared, the prefix counted from the top.
fn masked(address: IpAddr, prefix: u32) -> u128 {
    let width = if address.is_ipv4() { 32 } else { 128 };
    let host_bits = width - prefix;
    number(address).checked_shr(host_bits).and_then(|n| n.checked_shl(host_bits)).unwrap_or(0)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u32::from(a).into(),
        IpAddr::V6(a) => a.into(),
    }
}
