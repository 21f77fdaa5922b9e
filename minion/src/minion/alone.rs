//! A minion without a master (`master_type: disable`): its device, its schedule, and nobody to return to.

use std::sync::Arc;

use salt::{Map, Value};
use tokio::sync::watch;
use tracing::{info, warn};

use super::start::cachedir;
use crate::caller;
use crate::connection::Exit;
use crate::job::{Jobs, ProcDir};
use crate::proxy;
use crate::schedule::Scheduler;
use crate::spool::Spool;

/// Lives until it is told to stop. Pillar and files come from `pillar_roots` and `file_roots`.
pub(super) async fn live(opts: Map, mut stop: watch::Receiver<bool>) -> Result<(), Exit> {
    warn!("Master is set to disable, skipping connection");
    let device = opts.get("proxy").and_then(Value::as_map);
    proxy::check(opts.get_str("id").unwrap_or_default(), device)?;
    // What is returned to nobody need not be kept.
    let opts = opts.with("file_client", "local").with("pub_ret", false);
    let files = ProcDir::below(&cachedir(&opts));
    files.clear();
    let jobs = Arc::new(Jobs::with_files(files));
    let caller = caller::local_with(opts, jobs.clone())
        .await
        .map_err(|failure| Exit::new(failure.exit, failure.message))?;
    let identity = caller.identity();
    let schedule = Scheduler::new(identity, jobs.clone(), Spool::nowhere(), true);
    identity.set_schedule(schedule.clone());
    let scheduling = tokio::spawn(schedule.live());
    info!("Minion is ready, without a master");
    // The sender outlives this.
    let _ = stop.wait_for(|stop| *stop).await;
    scheduling.abort();
    jobs.abort_all();
    caller.close().await;
    Ok(())
}
