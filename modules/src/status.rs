//! How the minion is: its master, its device, its host.
//!
//! Facts: `salt/modules/status.py` of Salt 3007.17.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use salt::{Args, Context, Error, Map, Result, Value, functions, map, salt_fn};
use tracing::info;

functions![loadavg, master, ping_master, proxy_reconnect, time_, uptime];

/// Says whether a master answers: it is asked in clear, so that it need not know this minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.ping_master localhost
/// ```
#[salt_fn]
async fn ping_master(
    cx: &Context,
    /// The master: a name or an address, with a port or without.
    master: Value,
) -> Result<bool> {
    if !master.truthy() {
        return Ok(false);
    }
    cx.master().ping(master.to_string()).await
}

/// Says whether there is a connection to the publish port of a master. Gives `None` without a master, or for a name that
/// is unknown.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.master
/// salt '*' status.master localhost
/// ```
#[salt_fn]
async fn master(
    cx: &Context,
    /// The master: a name or an address.
    master: Option<String>,
    /// What is expected. It is logged if it is not so.
    #[default(true)]
    connected: bool,
) -> Result<Option<bool>> {
    let Some(master) = master.filter(|master| !master.is_empty()) else { return Ok(None) };
    let Ok(found) = tokio::net::lookup_host((master.as_str(), 0)).await else { return Ok(None) };
    let addresses: Vec<IpAddr> = found.map(|address| address.ip().to_canonical()).collect();
    let opts = cx.opts();
    let port = opts.get("publish_port").and_then(Value::as_i64);
    let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(4505);
    let peers = peers(port);
    let is = addresses.iter().any(|address| peers.contains(address));
    if is != connected {
        info!("The connection to master {master} {}", if is { "is there" } else { "is gone" });
    }
    Ok(Some(is))
}

/// Says whether the device answers. The session follows the device by itself: asking it brings it back if it can be
/// brought back.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.proxy_reconnect vcenter
/// ```
#[salt_fn]
async fn proxy_reconnect(
    cx: &Context,
    /// The kind of the proxy, as `proxytype` names it.
    proxy_name: String,
    /// The options to look at instead of the minion's own.
    opts: Option<Map>,
) -> Result<bool> {
    let own = cx.opts();
    let opts = opts.filter(|opts| !opts.is_empty()).unwrap_or_else(|| (*own).clone());
    let kind = opts.get("proxy").and_then(|proxy| proxy.get("proxytype"));
    if kind.and_then(Value::as_str) != Some(proxy_name.as_str()) {
        return Ok(false);
    }
    let alive = cx.call("vsphere.test_vcenter_connection", Args::none()).await;
    Ok(alive.is_ok_and(|alive| alive.truthy()))
}

/// Tells for how long the host of the minion has been running.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.uptime
/// ```
#[salt_fn]
async fn uptime(_cx: &Context) -> Result<Map> {
    let text = read("/proc/uptime")?;
    let seconds = text.split('.').next().and_then(|whole| whole.parse::<i64>().ok());
    let seconds = seconds.ok_or_else(|| Error::execution("/proc/uptime has no number"))?;
    let now = Timestamp::now().as_microsecond();
    let since = Timestamp::from_microsecond(now - seconds * 1_000_000).map_err(Error::execution)?;
    let rest = seconds % 86_400;
    let mut ret = map! {
        "seconds" => seconds,
        "since_iso" => since.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
        "since_t" => since.as_second(),
        "days" => seconds / 86_400,
        "time" => format!("{}:{}", rest / 3600, rest % 3600 / 60),
    };
    // A host without `who` has nobody to count.
    if let Ok(who) = tokio::process::Command::new("who").arg("-s").output().await {
        let users = String::from_utf8_lossy(&who.stdout).trim_end().lines().count();
        ret.insert("users", users.max(1));
    }
    Ok(ret)
}

/// Tells the load of the minion's host.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.loadavg
/// ```
#[salt_fn]
async fn loadavg(_cx: &Context) -> Result<Map> {
    let text = read("/proc/loadavg")?;
    let numbers: Vec<f64> = text.split_whitespace().take(3).filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [one, five, fifteen] => Ok(map! { "1-min" => one, "5-min" => five, "15-min" => fifteen }),
        _ => Err(Error::execution("/proc/loadavg has no numbers")),
    }
}

/// Tells the time of the minion's host.
///
/// CLI Example:
///
/// ```bash
/// salt '*' status.time
/// salt '*' status.time '%s'
/// ```
#[salt_fn]
async fn time_(
    _cx: &Context,
    /// The form, as of `strftime`.
    #[default("%A, %d. %B %Y %I:%M%p")]
    format: String,
) -> Result<String> {
    jiff::fmt::strtime::format(&format, &Zoned::now()).map_err(|e| Error::exception("ValueError", e))
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|_| Error::execution(format!("File {path} was not found.")))
}

/// The addresses to whose port this host has a connection.
fn peers(port: u16) -> HashSet<IpAddr> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    texts.flat_map(|text| text.lines().filter_map(|line| peer(line, port)).collect::<Vec<_>>()).collect()
}

/// One line of `/proc/net/tcp`: local address, remote address, state; numbers are hexadecimal, addresses 32-bit words in
/// the order of the host's bytes.
fn peer(line: &str, port: u16) -> Option<IpAddr> {
    const ESTABLISHED: &str = "01";
    let mut words = line.split_whitespace().skip(2);
    let (address, remote_port) = words.next()?.split_once(':')?;
    if words.next()? != ESTABLISHED || u16::from_str_radix(remote_port, 16).ok()? != port {
        return None;
    }
    let word = |at: usize| {
        let digits = address.get(at..at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match address.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (n, place) in bytes.chunks_exact_mut(4).enumerate() {
                place.copy_from_slice(&word(n * 8)?);
            }
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_read_from_the_kernels_table() {
        let line =
            |remote: &str, state: &str| format!("   0: 0100007F:A44A {remote} {state} 00000000:00000000");
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let v4 = format!("{}:1199", word([192, 0, 2, 7]));
        assert_eq!(peer(&line(&v4, "01"), 4505), Some(at("192.0.2.7")));
        assert_eq!(peer(&line(&v4, "06"), 4505), None, "it is about to end");
        assert_eq!(peer(&line(&v4, "01"), 4506), None);
        let zero = word([0; 4]);
        let v6 = format!("{zero}{zero}{}{}:1199", word([0, 0, 255, 255]), word([192, 0, 2, 7]));
        assert_eq!(peer(&line(&v6, "01"), 4505), Some(at("192.0.2.7")));
        let v6 = format!("{}{zero}{zero}{}:1199", word([0x20, 1, 0xd, 0xb8]), word([0, 0, 0, 1]));
        assert_eq!(peer(&line(&v6, "01"), 4505), Some(at("2001:db8::1")));
        assert_eq!(peer("  sl  local_address rem_address   st", 4505), None);
    }
}
