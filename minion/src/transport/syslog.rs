//! Datagrams of the log and to the service manager.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;

/// The facilities of syslog, by their names in `log_file`.
const FACILITIES: [(&str, u8); 20] = [
    ("LOG_KERN", 0),
    ("LOG_USER", 1),
    ("LOG_MAIL", 2),
    ("LOG_DAEMON", 3),
    ("LOG_AUTH", 4),
    ("LOG_SYSLOG", 5),
    ("LOG_LPR", 6),
    ("LOG_NEWS", 7),
    ("LOG_UUCP", 8),
    ("LOG_CRON", 9),
    ("LOG_AUTHPRIV", 10),
    ("LOG_FTP", 11),
    ("LOG_LOCAL0", 16),
    ("LOG_LOCAL1", 17),
    ("LOG_LOCAL2", 18),
    ("LOG_LOCAL3", 19),
    ("LOG_LOCAL4", 20),
    ("LOG_LOCAL5", 21),
    ("LOG_LOCAL6", 22),
    ("LOG_LOCAL7", 23),
];
const LOG_USER: u8 = 1;

/// A syslog, of this host or of another.
#[derive(Debug)]
pub struct Syslog {
    to: To,
    facility: u8,
}

#[derive(Debug)]
enum To {
    Socket(UnixDatagram, String),
    Network(UdpSocket),
}

impl Syslog {
    /// The syslog that a `log_file` names: `file:///dev/log`, `udp://host:port`, each with a facility such as
    /// `/LOG_LOCAL6` behind. None for the path of a file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the name.
    pub fn named(place: &str) -> Result<Option<Syslog>, String> {
        let Some((scheme, rest)) = place.split_once("://") else { return Ok(None) };
        let (rest, facility) = match rest.rsplit_once('/') {
            Some((before, name)) if name.starts_with("LOG_") => {
                let known = FACILITIES.iter().find(|(known, _)| *known == name);
                (
                    before,
                    known
                        .ok_or_else(|| format!("the log file {place} names no facility of syslog: {name}"))?
                        .1,
                )
            }
            _ => (rest, LOG_USER),
        };
        let wrong = |error: io::Error| format!("the log file {place} can't be reached: {error}");
        let to = match scheme {
            "file" => To::Socket(UnixDatagram::unbound().map_err(wrong)?, rest.to_string()),
            "udp" => To::Network(network(rest.trim_end_matches('/')).map_err(wrong)?),
            other => return Err(format!("the log file {place} can't be: {other} is neither file nor udp")),
        };
        Ok(Some(Syslog { to, facility }))
    }

    /// Sends a line.
    pub fn send(&self, severity: u8, line: &str) -> io::Result<()> {
        let message = format!("<{}>vsalt[{}]: {line}", self.facility * 8 + severity, std::process::id());
        match &self.to {
            To::Socket(socket, path) => socket.send_to(message.as_bytes(), path),
            To::Network(socket) => socket.send(message.as_bytes()),
        }
        .map(drop)
    }
}

fn network(name: &str) -> io::Result<UdpSocket> {
    const PORT: u16 = 514;
    let to = match name.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), port),
        None => (name, PORT),
    };
    let address = to.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))?;
    let any: IpAddr =
        if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    Ok(socket)
}

/// Tells the service manager how the service is (`sd_notify`), if there is one that wants to know.
pub fn notify(state: &str) {
    let Ok(path) = std::env::var("NOTIFY_SOCKET") else { return };
    if let Err(error) = notify_at(&path, state) {
        tracing::debug!("the service manager could not be told {state}: {error}");
    }
}

fn notify_at(path: &str, state: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_the_syslog_of_this_host_and_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log").display().to_string();
        let local = UnixDatagram::bind(&path).unwrap();
        let mut buffer = [0; 200];
        let own = format!("vsalt[{}]: ", std::process::id());
        Syslog::named(&format!("file://{path}/LOG_LOCAL6")).unwrap().unwrap().send(3, "bad").unwrap();
        let length = local.recv(&mut buffer).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), format!("<179>{own}bad"));
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = format!("udp://127.0.0.1:{}", other.local_addr().unwrap().port());
        Syslog::named(&name).unwrap().unwrap().send(6, "good").unwrap();
        let length = other.recv(&mut buffer).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), format!("<14>{own}good"));
        assert!(Syslog::named("/var/log/salt/proxy").unwrap().is_none());
        assert!(Syslog::named("file:///dev/log/LOG_NOSUCH").unwrap_err().contains("LOG_NOSUCH"));
        assert!(Syslog::named("pigeon://coop").unwrap_err().contains("pigeon"));
    }

    #[test]
    fn the_service_manager_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify").display().to_string();
        let manager = UnixDatagram::bind(&path).unwrap();
        notify_at(&path, "READY=1").unwrap();
        let mut buffer = [0; 20];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
    }
}
