//! From a name to a TCP connection. The name is resolved anew at each dial, since masters move.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;
use tracing::warn;

use super::{Config, Error};

/// Connects to the first address of `host` that answers.
pub(super) async fn dial(
    host: &str,
    port: u16,
    source_port: u16,
    config: &Config,
) -> Result<TcpStream, Error> {
    // A literal IPv6 address may come in brackets, as in a URI.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let resolve = |why: String| Error::Resolve { host: name.to_owned(), why };
    let found = match timeout(config.connect_timeout, lookup_host((name, port))).await {
        Ok(Ok(found)) => found.collect(),
        Ok(Err(e)) => return Err(resolve(e.to_string())),
        Err(_) => return Err(resolve("no answer in time".into())),
    };
    let mut failure = resolve("no address of the wanted family".into());
    for address in order(found, config) {
        match timeout(config.connect_timeout, connect(address, source_port, config)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(e)) => failure = Error::Connect { address: address.to_string(), why: e.to_string() },
            Err(_) => {
                failure = Error::Connect { address: address.to_string(), why: "no answer in time".into() };
            }
        }
    }
    Err(failure)
}

/// Sorts and filters by option `ipv6` and by the family of `source_address`.
fn order(mut addresses: Vec<SocketAddr>, config: &Config) -> Vec<SocketAddr> {
    match config.ipv6 {
        Some(true) => addresses.sort_by_key(SocketAddr::is_ipv4),
        Some(false) => addresses.retain(SocketAddr::is_ipv4),
        None => {}
    }
    if let Some(source) = config.source_address {
        addresses.retain(|a| a.is_ipv4() == source.is_ipv4());
    }
    addresses
}

async fn connect(address: SocketAddr, source_port: u16, config: &Config) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(name) = &config.source_interface
        && let Err(e) = SockRef::from(&socket).bind_device(Some(name.as_bytes()))
    {
        warn!("{name} is not an interface to connect from ({e}). Ignoring.");
    }
    if config.source_address.is_some() || source_port != 0 {
        let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let source: IpAddr = config.source_address.unwrap_or(any);
        // A fixed port is still in TIME_WAIT when we dial again.
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(source, source_port))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    if config.tcp_keepalive {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = config.tcp_keepalive_idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = config.tcp_keepalive_intvl {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = config.tcp_keepalive_cnt {
            keepalive = keepalive.with_retries(count);
        }
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Vec<SocketAddr> {
        ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1"].iter().map(|a| a.parse().unwrap()).collect()
    }

    #[test]
    fn families_are_ordered_as_told() {
        let by = |ipv6| order(addresses(), &Config { ipv6, ..Config::default() });
        assert_eq!(by(None), addresses());
        assert_eq!(by(Some(false)).len(), 2);
        assert!(by(Some(true))[0].is_ipv6());
        let source = Config { source_address: Some("::1".parse().unwrap()), ..Config::default() };
        assert!(order(addresses(), &source).iter().all(SocketAddr::is_ipv6));
    }

    #[tokio::test]
    async fn the_source_address_is_bound() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Config { source_address: Some("127.0.0.9".parse().unwrap()), ..Config::default() };
        let _stream = dial("127.0.0.1", port, 0, &config).await.unwrap();
        let (_, from) = listener.accept().await.unwrap();
        assert_eq!(from.ip(), config.source_address.unwrap());
    }

    #[tokio::test]
    async fn an_interface_that_is_not_there_is_no_obstacle() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for name in ["lo", "no-such-device"] {
            let config = Config { source_interface: Some(name.into()), ..Config::default() };
            dial("127.0.0.1", port, 0, &config).await.unwrap();
            listener.accept().await.unwrap();
        }
    }

    #[tokio::test]
    async fn failures_name_what_failed() {
        let config = Config::default();
        let refused = dial("127.0.0.1", 1, 0, &config).await.unwrap_err();
        assert!(matches!(&refused, Error::Connect { address, .. } if address == "127.0.0.1:1"), "{refused}");
        let unknown = dial("no.such.name.invalid", 1, 0, &config).await.unwrap_err();
        assert!(matches!(unknown, Error::Resolve { .. }), "{unknown}");
    }
}
