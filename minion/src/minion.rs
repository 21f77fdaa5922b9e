//! The daemon: from its options to its first job, and from there to its end.

mod alone;
mod life;
mod masters;
mod start;

use std::sync::Arc;
use std::time::Duration;

use salt::Map;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::connection::{Address, Exit};
use crate::job::{Jobs, ProcDir, Seen};
use crate::settings::Settings;
use masters::{Masters, masters};

pub use start::{cachedir, channel_config, opener, registries};

/// How long the logouts may take at the end.
const LOGOUT: Duration = Duration::from_secs(5);

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
    let (stop, stopped) = until_signalled()?;
    startup_delay(&opts, stopped.clone()).await;
    info!("Setting up the Salt Proxy Minion '{id}'");
    let lives: Vec<Vec<Address>> = match masters {
        Masters::Every(all) => all.into_iter().map(|one| vec![one]).collect(),
        Masters::OneOf(all) => vec![all],
        Masters::Nobody => return alone::live(opts, stopped).await,
    };
    let cachedir = cachedir(&opts);
    let most = usize::try_from(opts.number("minion_jid_queue_hwm", 100)).unwrap_or(100);
    let seen = Arc::new(Seen::open(&cachedir.join("spool/seen"), most));
    let files = ProcDir::below(&cachedir);
    files.clear();
    let jobs = Arc::new(Jobs::with_files(files));
    let alone = lives.len() == 1;
    let vcenters = salt::connection::pool(&opts);
    let mut running = JoinSet::new();
    for (n, masters) in lives.into_iter().enumerate() {
        let (jobs, seen, stop, vcenters) = (jobs.clone(), seen.clone(), stopped.clone(), vcenters.clone());
        let opts = opts.clone();
        let start = start::Start { opts, masters, alone, leads: n == 0, jobs, seen, stop, vcenters };
        running.spawn(start.live());
    }
    // The first that can't go on ends the process, as with the original; the others still come to their end.
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.unwrap_or_else(|e| Err(Exit::new(70, format!("a defect ended the minion: {e}"))));
        if ended.is_err() {
            stop.send_replace(true);
        }
        outcome = outcome.and(ended);
    }
    // Here, and not where a life ends: this is reached by a life that panics, too, and all lives share the sessions.
    if tokio::time::timeout(LOGOUT, vcenters.close()).await.is_err() {
        warn!("not every vCenter has answered the logout");
    }
    outcome?;
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

/// The masters in the order in which a single call tries them.
///
/// # Errors
/// The options name none, or in a wrong way.
pub fn masters_in_order(opts: &Map) -> Result<Vec<Address>, Exit> {
    match masters(opts)? {
        Masters::Every(all) | Masters::OneOf(all) => Ok(all),
        Masters::Nobody => Err(Exit::new(2, "master_type is disable: there is no master to call")),
    }
}

/// What SIGTERM and SIGINT make true, and what the lives look at.
fn until_signalled() -> Result<(Arc<watch::Sender<bool>>, watch::Receiver<bool>), Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|e| Exit::new(71, format!("signals can't be waited for: {e}")));
    let (mut term, mut int) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let told = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = term.recv() => "SIGTERM",
            _ = int.recv() => "SIGINT",
        };
        info!("Minion received a {name}. Exiting.");
        told.send_replace(true);
    });
    Ok((stop, stopped))
}
