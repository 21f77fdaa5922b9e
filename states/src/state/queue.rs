//! One run at a time: who runs, who waits (`_check_queue`, `state.running`).

use std::time::Duration;

use salt::context::Queue;
use salt::{Context, Map, Result, Value, functions, salt_fn};

use crate::state::front::{COMPILER_ERROR, flag};

functions![running];

/// Tells whether a state run is under way.
///
/// The list has one sentence for each of them and is empty if there is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.running
/// ```
#[salt_fn]
async fn running(
    cx: &Context,
    /// Give an empty list whatever runs.
    #[default(false)]
    concurrent: bool,
) -> Result<Vec<String>> {
    Ok(if concurrent { vec![] } else { conflicts(cx) })
}

/// Waits for the turn of this run, or gives the return that refuses it.
pub(super) async fn check(cx: &Context, queue: Option<&Value>, kwargs: &Map) -> Option<Value> {
    let configured = cx.opts().get("state_queue").cloned();
    let wait = match queue.or(configured.as_ref()) {
        Some(Value::Bool(wait)) => *wait,
        Some(Value::Int(most)) => *most == 0 || (others(cx).len() as u64) < most.unsigned_abs(),
        _ => false,
    };
    if wait {
        let turn = Turn::take(cx);
        while !turn.mine(cx) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        return None;
    }
    if flag(kwargs, "concurrent") {
        return None;
    }
    let conflicts = conflicts(cx);
    if conflicts.is_empty() {
        return None;
    }
    cx.set_retcode(COMPILER_ERROR);
    Some(conflicts.into())
}

/// A place in the queue, given back when it is dropped, also by a job that is killed while it waits.
struct Turn {
    queue: Queue,
    jid: String,
}

impl Turn {
    fn take(cx: &Context) -> Turn {
        let turn = Turn { queue: cx.identity().queue(), jid: cx.job().jid.clone() };
        turn.queue.waiting().insert(turn.jid.clone());
        turn
    }

    /// True if nobody works and nobody older waits. From then on this run works.
    fn mine(&self, cx: &Context) -> bool {
        let mut waiting = self.queue.waiting();
        let blocks = |job: &Map| {
            let jid = job.get("jid").map(Value::to_string).unwrap_or_default();
            jid < self.jid || !waiting.contains(&jid)
        };
        let free = !others(cx).iter().any(blocks);
        if free {
            waiting.remove(&self.jid);
        }
        free
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.waiting().remove(&self.jid);
    }
}

/// The other jobs that run a function of this module.
pub(super) fn others(cx: &Context) -> Vec<Map> {
    let own = &cx.job().jid;
    let mut jobs = cx.master().running();
    jobs.retain(|job| {
        let jid = job.get("jid").map(Value::to_string).unwrap_or_default();
        job.get_str("fun").is_some_and(|fun| fun.starts_with("state.")) && (jid != *own || own.is_empty())
    });
    jobs
}

fn conflicts(cx: &Context) -> Vec<String> {
    let sentence = |job: &Map| {
        let part = |key: &str| job.get(key).map(Value::to_string).unwrap_or_default();
        let jid = part("jid");
        format!(
            "The function \"{}\" is running as PID {} and was started at {} with jid {jid}",
            part("fun"),
            part("pid"),
            started(&jid)
        )
    };
    others(cx).iter().map(sentence).collect()
}

/// The time in a jid (`salt.utils.jid.jid_to_time`).
fn started(jid: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let digits = jid.split('_').next().unwrap_or(jid);
    let month = digits
        .get(4..6)
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|m| MONTHS.get(m.checked_sub(1)?));
    match (digits.len(), month) {
        (20, Some(month)) => format!(
            "{}, {month} {} {}:{}:{}.{}",
            &digits[..4],
            &digits[6..8],
            &digits[8..10],
            &digits[10..12],
            &digits[12..14],
            &digits[14..]
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_jid_tells_its_time() {
        assert_eq!(super::started("20261122154512725549"), "2026, Nov 22 15:45:12.725549");
        assert_eq!(super::started("req"), "");
        assert_eq!(super::started("é0261122154512725549"), "");
    }
}
