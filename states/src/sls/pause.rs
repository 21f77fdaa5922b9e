//! Runs that are paused or to be ended before a state: `cachedir/state_pause/<jid>`, which `state.pause` and
//! `state.soft_kill` write (`State.check_pause`).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use salt::{Context, Map, Value, msgpack};

use crate::sls::chunk::text;

/// What to do with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run it.
    Run,
    /// End the run here.
    Kill,
}

/// The directory of the files; none without a cache directory.
pub fn directory(cx: &Context) -> Option<PathBuf> {
    Some(PathBuf::from(cx.opts().get_str("cachedir")?).join("state_pause"))
}

/// Waits while the chunk is paused. Looked at once a second, as Salt does, since other processes may write the file.
pub(super) async fn check(cx: &Context, low: &Map) -> Action {
    let jid = &cx.job().jid;
    let Some(path) = directory(cx).map(|dir| dir.join(jid)).filter(|_| !jid.is_empty()) else {
        return Action::Run;
    };
    let start = Instant::now();
    loop {
        let Ok(bytes) = tokio::fs::read(&path).await else { return Action::Run };
        if let Ok(Value::Map(pauses)) = msgpack::unpack(&bytes) {
            let Some(pause) = pauses.get(&text(low, "__id__")).or(pauses.get("__all__")) else {
                return Action::Run;
            };
            let longest = pause.get("duration").and_then(Value::as_f64);
            if longest.is_some_and(|seconds| start.elapsed().as_secs_f64() > seconds) {
                return Action::Run;
            }
            if pause.get("kill").is_some() {
                return Action::Kill;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
