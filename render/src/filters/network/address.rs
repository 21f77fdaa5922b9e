//! Addresses as Python's `ipaddress` reads, prints and sorts them into kinds.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use jinja::{Error, Result};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ip {
    /// Of version 4.
    V4(Ipv4Addr),
    /// Of version 6, with its zone (`%eth0`).
    V6(Ipv6Addr, Option<String>),
}

/// An address with the length of its network's prefix, if one is said.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub ip: Ip,
    pub prefix: Option<u32>,
}

/// The address of a text.
pub(super) fn address(text: &str) -> Result<Ip> {
    Ip::parse(text).ok_or_else(|| {
        let shown = jinja::python::repr_str(text);
        Error::value_error(format!("{shown} does not appear to be an IPv4 or IPv6 address"))
    })
}

/// The address or interface of a text.
pub(super) fn interface(text: &str) -> Option<Interface> {
    let Some((ip, prefix)) = text.split_once('/') else { return Ip::parse(text).map(Interface::of) };
    let ip = Ip::parse(ip)?;
    let prefix = Some(ip.prefix(prefix)?);
    Some(Interface { ip, prefix })
}

/// The network of a text, whose host bits must not be set.
pub(super) fn network(text: &str) -> Result<Interface> {
    let shown = || jinja::python::repr_str(text);
    let found = interface(text).ok_or_else(|| {
        Error::value_error(format!("{} does not appear to be an IPv4 or IPv6 network", shown()))
    })?;
    if found.network().ip.number() != found.ip.number() {
        return Err(Error::value_error(format!("{text} has host bits set")));
    }
    Ok(found)
}

impl Ip {
    fn parse(text: &str) -> Option<Ip> {
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Some(Ip::V4(ip));
        }
        let (ip, zone) = match text.split_once('%') {
            Some((_, zone)) if zone.is_empty() || zone.contains('%') => return None,
            Some((ip, zone)) => (ip, Some(zone.to_string())),
            None => (text, None),
        };
        Some(Ip::V6(ip.parse().ok()?, zone))
    }

    /// The address of a number: of version 4 if it is small enough.
    pub fn of_number(n: &BigInt) -> Option<Ip> {
        match n.to_u32() {
            Some(n) => Some(Ip::V4(n.into())),
            None => Some(Ip::V6(n.to_u128()?.into(), None)),
        }
    }

    /// The address of 4 or 16 bytes.
    pub fn of_bytes(bytes: &[u8]) -> Option<Ip> {
        match bytes.len() {
            4 => Some(Ip::V4(<[u8; 4]>::try_from(bytes).ok()?.into())),
            _ => Some(Ip::V6(<[u8; 16]>::try_from(bytes).ok()?.into(), None)),
        }
    }

    /// 4 or 6.
    pub fn version(&self) -> u8 {
        if matches!(self, Ip::V4(_)) { 4 } else { 6 }
    }

    fn bits(&self) -> u32 {
        if self.version() == 4 { 32 } else { 128 }
    }

    fn number(&self) -> u128 {
        match self {
            Ip::V4(ip) => u32::from(*ip).into(),
            Ip::V6(ip, _) => u128::from(*ip),
        }
    }

    /// Another address of the same version.
    pub fn with_number(&self, number: u128) -> Ip {
        match self {
            Ip::V4(_) => Ip::V4((number as u32).into()),
            Ip::V6(..) => Ip::V6(number.into(), None),
        }
    }

    /// The length that is said behind the slash: a number, or for version 4 a mask or its inverse.
    fn prefix(&self, text: &str) -> Option<u32> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().filter(|n| *n <= self.bits());
        }
        let Ip::V4(_) = self else { return None };
        let mask = u32::from(text.parse::<Ipv4Addr>().ok()?);
        let ones = mask.leading_ones();
        let is_mask = |mask: u32, ones: u32| mask.checked_shl(ones).unwrap_or(0) == 0;
        if is_mask(mask, ones) {
            return Some(ones);
        }
        let inverse = !mask;
        is_mask(inverse, inverse.leading_ones()).then(|| inverse.leading_ones())
    }

    /// Whether it is in one of these networks.
    fn is_in(&self, networks: &[&str]) -> bool {
        networks.iter().filter_map(|text| interface(text)).any(|network| network.contains(self))
    }

    fn is_private(&self) -> bool {
        match self {
            Ip::V4(_) => {
                self.is_in(&[
                    "0.0.0.0/8",
                    "10.0.0.0/8",
                    "127.0.0.0/8",
                    "169.254.0.0/16",
                    "172.16.0.0/12",
                    "192.0.0.0/24",
                    "192.0.0.170/31",
                    "192.0.2.0/24",
                    "192.168.0.0/16",
                    "198.18.0.0/15",
                    "198.51.100.0/24",
                    "203.0.113.0/24",
                    "240.0.0.0/4",
                    "255.255.255.255/32",
                ]) && !self.is_in(&["192.0.0.9/32", "192.0.0.10/32"])
            }
            Ip::V6(ip, _) => {
                if let Some(mapped) = ip.to_ipv4_mapped() {
                    return Ip::V4(mapped).is_private();
                }
                self.is_in(&[
                    "::1/128",
                    "::/128",
                    "::ffff:0:0/96",
                    "64:ff9b:1::/48",
                    "100::/64",
                    "2001::/23",
                    "2001:db8::/32",
                    "2002::/16",
                    "3fff::/20",
                    "fc00::/7",
                    "fe80::/10",
                ]) && !self.is_in(&[
                    "2001:1::1/128",
                    "2001:1::2/128",
                    "2001:3::/32",
                    "2001:4:112::/48",
                    "2001:20::/28",
                    "2001:30::/28",
                ])
            }
        }
    }

    fn is_reserved(&self) -> bool {
        match self {
            Ip::V4(_) => self.is_in(&["240.0.0.0/4"]),
            Ip::V6(ip, _) => match ip.to_ipv4_mapped() {
                Some(mapped) => Ip::V4(mapped).is_reserved(),
                None => self.is_in(&[
                    "::/8", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "4000::/3", "6000::/3",
                    "8000::/3", "A000::/3", "C000::/3", "E000::/4", "F000::/5", "F800::/6", "FE00::/9",
                ]),
            },
        }
    }
}

impl Interface {
    /// An address without a network.
    pub fn of(ip: Ip) -> Interface {
        Interface { ip, prefix: None }
    }

    fn mask(&self) -> u128 {
        let bits = self.ip.bits();
        let all = u128::MAX >> (128 - bits);
        let host = bits - self.prefix.unwrap_or(bits);
        all & u128::MAX.checked_shl(host).unwrap_or(0)
    }

    /// The same with the prefix of its own address alone, if none is said.
    pub fn with_prefix(mut self) -> Interface {
        self.prefix = self.prefix.or(Some(self.ip.bits()));
        self
    }

    /// The network that it is in.
    pub fn network(&self) -> Interface {
        let prefix = Some(self.prefix.unwrap_or(self.ip.bits()));
        Interface { ip: self.ip.with_number(self.ip.number() & self.mask()), prefix }
    }

    /// Whether an address is in this network.
    pub fn contains(&self, ip: &Ip) -> bool {
        ip.version() == self.ip.version() && ip.number() & self.mask() == self.ip.number() & self.mask()
    }

    /// How many addresses the network has.
    pub fn size(&self) -> BigInt {
        BigInt::from(1) << (self.ip.bits() - self.prefix.unwrap_or(self.ip.bits()))
    }

    /// The first and last address of a host: not those of the network itself and of its broadcasts.
    pub fn hosts(&self) -> (u128, u128) {
        let bits = self.ip.bits();
        let prefix = self.prefix.unwrap_or(bits);
        let first = self.ip.number() & self.mask();
        let last = first | (!self.mask() & (u128::MAX >> (128 - bits)));
        match bits - prefix {
            0 | 1 => (first, last),
            _ if bits == 32 => (first + 1, last - 1),
            _ => (first + 1, last),
        }
    }

    /// Whether the address is of a kind. What is no kind fits everything, as in Salt.
    pub fn has(&self, option: &str) -> bool {
        let ip = &self.ip;
        let whole = |networks: &[&str]| {
            // Python asks the network of an interface too.
            ip.is_in(networks) && (ip.version() == 4 || self.network().ip.is_in(networks))
        };
        match (option, ip.version()) {
            ("global" | "public", _) => !ip.is_private(),
            ("private", _) => ip.is_private(),
            ("link-local" | "linklocal" | "ll" | "link_local", 4) => ip.is_in(&["169.254.0.0/16"]),
            ("link-local" | "linklocal" | "ll" | "link_local", _) => ip.is_in(&["fe80::/10"]),
            ("loopback" | "lo", 4) => ip.is_in(&["127.0.0.0/8"]),
            ("loopback" | "lo", _) => whole(&["::1/128"]),
            ("multicast", 4) => ip.is_in(&["224.0.0.0/4"]),
            ("multicast", _) => ip.is_in(&["ff00::/8"]),
            ("reserved", _) => ip.is_reserved(),
            ("site-local" | "sl" | "site_local", 4) => false,
            ("site-local" | "sl" | "site_local", _) => ip.is_in(&["fec0::/10"]),
            ("unspecified", 4) => ip.is_in(&["0.0.0.0/32"]),
            ("unspecified", _) => whole(&["::/128"]),
            _ => true,
        }
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ip::V4(ip) => ip.fmt(f),
            Ip::V6(ip, zone) => {
                // Python writes no dots into addresses of version 6.
                match ip.to_ipv4_mapped() {
                    Some(_) => write!(f, "::ffff:{:x}:{:x}", ip.segments()[6], ip.segments()[7])?,
                    None => write!(f, "{ip}")?,
                }
                zone.as_ref().map_or(Ok(()), |zone| write!(f, "%{zone}"))
            }
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip.fmt(f)?;
        self.prefix.map_or(Ok(()), |prefix| write!(f, "/{prefix}"))
    }
}
