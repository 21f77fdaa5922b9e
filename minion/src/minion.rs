//! The daemon: from its options to its first job, and from there to its end.

mod life;
mod start;

use std::sync::Arc;

use salt::Map;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::connection::{Address, Exit};
use crate::job::Seen;
use crate::settings::Settings;

pub use start::{channel_config, opener, registries};

/// Which masters a minion has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Masters {
    /// All of them at the same time, each with a life of its own (`master_type: str`).
    Every(Vec<Address>),
    /// One at a time (`failover`, `distributed`).
    OneOf(Vec<Address>),
}

/// Runs a proxy minion until it is told to stop (SIGTERM, SIGINT) or can't go on. Gives the exit status of the process.
///
/// `opts` are the complete options, `id` among them.
pub async fn run_proxy(opts: Map) -> i32 {
    match run(opts).await {
        Ok(()) => 0,
        Err(exit) => {
            error!("{exit}");
            exit.status
        }
    }
}

async fn run(opts: Map) -> Result<(), Exit> {
    let id = opts.text("id").ok_or_else(|| Exit::new(1, "the minion has no id"))?.to_string();
    let masters = masters(&opts)?;
    let stop = until_signalled()?;
    startup_delay(&opts, stop.clone()).await;
    let seen = Arc::new(Seen::new(usize::try_from(opts.number("minion_jid_queue_hwm", 100)).unwrap_or(100)));
    info!("Setting up the Salt Proxy Minion '{id}'");
    let lives: Vec<Vec<Address>> = match masters {
        Masters::Every(all) => all.into_iter().map(|one| vec![one]).collect(),
        Masters::OneOf(all) => vec![all],
    };
    let alone = lives.len() == 1;
    let mut running = JoinSet::new();
    for (n, masters) in lives.into_iter().enumerate() {
        let (seen, stop) = (seen.clone(), stop.clone());
        let start = start::Start { opts: opts.clone(), masters, alone, leads: n == 0, seen, stop };
        running.spawn(start.live());
    }
    // The first that can't go on ends the process, as with the original.
    while let Some(ended) = running.join_next().await {
        ended.map_err(|e| Exit::new(70, format!("a defect ended the minion: {e}")))??;
    }
    info!("The Salt Proxy Minion '{id}' is shut down");
    Ok(())
}

async fn startup_delay(opts: &Map, mut stop: watch::Receiver<bool>) {
    let most = opts.seconds("random_startup_delay", 0);
    if !most.is_zero() {
        let delay = most.mul_f64(rand::random());
        info!(
            "Minion sleeping for {} seconds due to configured startup_delay between 0 and {} seconds",
            delay.as_secs(),
            most.as_secs()
        );
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

fn masters(opts: &Map) -> Result<Masters, Exit> {
    let port = u16::try_from(opts.number("master_port", 4506))
        .map_err(|_| Exit::new(1, "the option 'master_port' is not a port"))?;
    let ip_only = opts.text("master_uri_format") == Some("ip_only");
    let parse = |entry: &String| match ip_only {
        true => Ok(Address { host: entry.clone(), port }),
        false => Address::parse(entry, port).map_err(|e| Exit::new(42, e)),
    };
    let mut all: Vec<Address> = opts.words("master").iter().map(parse).collect::<Result<_, _>>()?;
    if all.is_empty() {
        return Err(Exit::new(42, "The option 'master' names no master"));
    }
    let shuffle = opts.flag("random_master", false) || opts.flag("master_shuffle", false);
    match opts.text("master_type").unwrap_or("str") {
        "str" => Ok(Masters::Every(all)),
        "failover" => {
            if shuffle {
                use rand::seq::SliceRandom;
                // With a fail-back the first one is the preferred one.
                let from = usize::from(opts.flag("master_failback", false));
                all[from..].shuffle(&mut rand::thread_rng());
            }
            Ok(Masters::OneOf(all))
        }
        "distributed" => {
            let id = opts.text("id").unwrap_or_default();
            let first = crc32(id.as_bytes()) as usize % all.len();
            let chosen = all.remove(first);
            all.insert(0, chosen);
            Ok(Masters::OneOf(all))
        }
        other => Err(Exit::new(1, format!("Invalid keyword '{other}' for variable 'master_type'"))),
    }
}

/// The masters in the order in which a single call tries them.
///
/// # Errors
/// The options name none, or in a wrong way.
pub fn masters_in_order(opts: &Map) -> Result<Vec<Address>, Exit> {
    match masters(opts)? {
        Masters::Every(all) | Masters::OneOf(all) => Ok(all),
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

/// Becomes true with SIGTERM or SIGINT.
fn until_signalled() -> Result<watch::Receiver<bool>, Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| Exit::new(71, format!("signals can't be waited for: {e}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        info!("Minion received a {name}. Exiting.");
        stop.send_replace(true);
        // The channel stays open: who looks later shall see it, too.
        stop.closed().await;
    });
    Ok(stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::{list, map};

    #[test]
    fn masters_are_read_in_all_their_forms() {
        let hosts = |opts: Map| match masters(&opts).unwrap() {
            Masters::Every(all) => (true, all.iter().map(Address::to_string).collect::<Vec<_>>()),
            Masters::OneOf(all) => (false, all.iter().map(Address::to_string).collect()),
        };
        assert_eq!(hosts(map! { "master" => "salt" }), (true, vec!["salt:4506".into()]));
        assert_eq!(
            hosts(
                map! { "master" => list!["a:1", "[::1]:2", "fe80::1"], "master_port" => 9, "master_type" => "failover" }
            ),
            (false, vec!["a:1".into(), "[::1]:2".into(), "[fe80::1]:9".into()])
        );
        let status = |opts: Map| masters(&opts).unwrap_err().status;
        assert_eq!(status(map! { "master" => "" }), 42);
        assert_eq!(status(map! { "master" => "m", "master_type" => "nonsense" }), 1);
        assert_eq!(status(map! { "master" => "a:b" }), 42);
    }

    #[test]
    fn a_distributed_minion_finds_its_master_by_its_id() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let opts =
            map! { "master" => list!["a", "b", "c"], "master_type" => "distributed", "id" => "123456789" };
        let Masters::OneOf(all) = masters(&opts).unwrap() else { panic!("one at a time") };
        assert_eq!(all[0].host, ["a", "b", "c"][0xcbf4_3926 % 3]);
        assert_eq!(all.len(), 3);
    }
}
