//! Sessions that nobody holds any more: of earlier processes of ours, killed before they could log out, and of log-ins whose
//! answer was lost on its way. They would count against the server's limit of sessions until it forgets them, half an hour
//! later.
//!
//! At its first log-in, and after one that was lost, a process looks through the list of sessions once, and ends those that are certainly its
//! own or of a process that is gone: the same product and instance, the same user, this machine, and no such process on it any more. What ran
//! before the last boot, or in another container, cannot be looked for: such a session is ended if it has been silent for
//! longer than a live one ever is. So two live processes of the same name leave each other alone, and a process on
//! another machine is never touched.

use std::sync::Arc;

use jiff::SignedDuration;

use super::agent::{Agent, Fate};
use super::state::Shared;
use super::{CallOptions, Session};
use crate::collector;
use crate::vim::{Args, Object};
use crate::{Error, Result};

/// A live session that follows the inventory asks every half a minute.
const SILENT: SignedDuration = SignedDuration::from_secs(120);

/// Looks for sessions left behind, and ends them. That it cannot be done (it takes the privilege
/// `Sessions.TerminateSession`) is no error: the server forgets them in time.
pub async fn end(shared: Arc<Shared>) {
    let session = Session { shared };
    if let Err(error) = try_end(&session).await {
        tracing::debug!(%error, "cannot look for sessions that were left behind");
    }
}

async fn try_end(session: &Session) -> Result<()> {
    let Ok(own) = session.transport().agent().parse::<Agent>() else { return Ok(()) };
    let epoch = session.epoch();
    let ours = session.user_session().await?;
    let manager = session.service("sessionManager").await?;
    let mut content = collector::read_one(session, &manager, &["sessionList"]).await?;
    if let Some((_, fault)) = content.missing.pop() {
        return Err(Error::Fault(fault));
    }
    if session.epoch() != epoch {
        // There was a new log-in meanwhile, and the list may show it: it is ours, and lives.
        return Ok(());
    }
    for theirs in content.objects("sessionList").filter(|it| is_orphan(&own, &ours, it)) {
        let Some(key) = theirs.str("key") else { continue };
        let args = Args::new().set("sessionId", [key]);
        match session.call_with(&CallOptions::default(), &manager, "TerminateSession", args).await {
            Ok(_) => tracing::info!(
                "Ended a session on {} that an earlier process of this instance left behind",
                session.shared.transport.endpoint()
            ),
            // It has ended by itself.
            Err(error) if error.is("NotFound") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether `theirs` was left behind, as `ours` (both `UserSession`) sees it.
fn is_orphan(own: &Agent, ours: &Object, theirs: &Object) -> bool {
    let same = |name| ours.str(name).is_some() && ours.str(name) == theirs.str(name);
    if same("key") || !same("userName") {
        return false;
    }
    let Some(agent) = theirs.str("userAgent").and_then(|text| text.parse::<Agent>().ok()) else {
        return false;
    };
    match own.fate(&agent) {
        Fate::Theirs => false,
        Fate::Gone => true,
        Fate::Elsewhere => {
            // Both by the server's clock.
            let moment = |of: &Object, name| of.get(name).and_then(crate::Value::as_timestamp);
            match (moment(ours, "loginTime"), moment(theirs, "lastActiveTime")) {
                (Some(now), Some(last)) => now.duration_since(last) > SILENT,
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::agent;
    use crate::vim::{DateTime, Value};

    fn user_session(key: &str, agent: &str, active: &str) -> Object {
        Object::new("UserSession")
            .set("key", key)
            .set("userName", "VSPHERE.LOCAL\\svc")
            .set("loginTime", Value::DateTime(DateTime::new("2026-03-01T12:00:00Z")))
            .set("lastActiveTime", Value::DateTime(DateTime::new(active)))
            .set("userAgent", agent)
    }

    #[test]
    fn what_was_left_behind_is_told_from_what_lives() {
        let name = agent::name("product/1.0 (vc01)");
        let own: Agent = name.parse().unwrap();
        let ours = user_session("own", &name, "2026-03-01T12:00:00Z");
        let now = "2026-03-01T11:59:59.5Z";
        let orphan = |theirs: &Object| is_orphan(&own, &ours, theirs);
        let (before, run) = name.rsplit_once("run ").unwrap();
        let [boot, namespace, pid, start, client] =
            run.trim_end_matches(')').split('.').collect::<Vec<_>>()[..]
        else {
            panic!("five parts: {run}")
        };
        let start: u64 = start.parse().unwrap();
        // Our own number, by a process that started earlier: it cannot be alive.
        let dead = format!("{before}run {boot}.{namespace}.{pid}.{})", start - 1);
        assert!(orphan(&user_session("b", &dead, now)));
        assert!(!orphan(&user_session("own", &dead, now)), "our own session");
        assert!(orphan(&user_session("b", &name, now)), "a login of this client whose answer was lost");
        let other = format!("{before}run {boot}.{namespace}.{pid}.{start}.{client}1)");
        assert!(!orphan(&user_session("b", &other, now)), "another client of this process");
        assert!(!orphan(&user_session("b", &dead, now).set("userName", "root")), "another user");
        assert!(!orphan(&user_session("b", "product/1.0 (vc01)", now)), "nothing to tell it by");

        let rebooted = format!("{before}run 00000000.{namespace}.{pid}.{start})");
        assert!(!orphan(&user_session("b", &rebooted, now)), "it has just spoken");
        assert!(orphan(&user_session("b", &rebooted, "2026-03-01T11:57:00Z")), "it is silent");
        assert!(!orphan(&user_session("b", &rebooted, "nonsense")));
    }
}
