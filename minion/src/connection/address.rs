//! Where a master is.

use std::fmt;
use std::net::IpAddr;

/// One master: a host without brackets, and the port of its request server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name or an address.
    pub host: String,
    /// `master_port`, unless the entry says otherwise.
    pub port: u16,
}

impl Address {
    /// An entry of `master`: `host`, `host:port`, `[v6]:port` or a plain v6 address.
    ///
    /// # Errors
    /// A sentence that shows the entry.
    pub fn parse(entry: &str, default_port: u16) -> Result<Address, String> {
        let entry = entry.trim();
        let wrong = || format!("the master '{entry}' is not of the form host, host:port or [address]:port");
        let (host, port) = if let Some(rest) = entry.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            match rest.strip_prefix(':') {
                None if !rest.is_empty() => return Err(wrong()),
                port => (host, port),
            }
        } else if entry.matches(':').count() == 1 {
            let (host, port) = entry.split_once(':').ok_or_else(wrong)?;
            (host, Some(port))
        } else {
            (entry, None)
        };
        let port = match port {
            None => default_port,
            Some(port) => port.parse().map_err(|_| wrong())?,
        };
        let odd = host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/');
        if odd || (host.contains(':') && host.parse::<IpAddr>().is_err() && !host.contains('%')) {
            return Err(wrong());
        }
        Ok(Address { host: host.into(), port })
    }

    /// An entry of `master` under `master_uri_format: ip_only`: an address, in which no port is looked for.
    ///
    /// # Errors
    /// A sentence that shows the entry.
    pub fn ip_only(entry: &str, port: u16) -> Result<Address, String> {
        match entry.trim().parse::<IpAddr>() {
            Ok(address) => Ok(Address { host: address.to_string(), port }),
            Err(_) => Err(format!("the master '{entry}' is no address, as master_uri_format asks for")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_many_forms() {
        let text = |entry: &str| Address::parse(entry, 4506).map(|a| a.to_string());
        assert_eq!(text("salt").as_deref(), Ok("salt:4506"));
        assert_eq!(text(" m:1 ").as_deref(), Ok("m:1"));
        assert_eq!(text("[::1]:7").as_deref(), Ok("[::1]:7"));
        assert_eq!(text("[::1]").as_deref(), Ok("[::1]:4506"));
        assert_eq!(text("::1").as_deref(), Ok("[::1]:4506"));
        assert_eq!(text("fe80::1%eth0").as_deref(), Ok("[fe80::1%eth0]:4506"));
        for wrong in ["", "m:x", "[::1", "m:70000", ":1", "[::1]7", "a:b:c", "a b", "tcp://m"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ip_only_takes_addresses_and_nothing_else() {
        assert_eq!(Address::ip_only("::1", 7).map(|a| a.to_string()).as_deref(), Ok("[::1]:7"));
        assert_eq!(Address::ip_only("127.0.0.1", 7).map(|a| a.to_string()).as_deref(), Ok("127.0.0.1:7"));
        for wrong in ["salt", "127.0.0.1:4506", "[::1]:7", ""] {
            assert!(Address::ip_only(wrong, 7).is_err(), "{wrong}");
        }
    }
}
