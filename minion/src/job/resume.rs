//! Jobs that an earlier process has left: what has become of them is found out and returned. They are never run again.
//!
//! | what the journal has | what is returned |
//! |---|---|
//! | nothing was asked | that the minion was ended while it ran the job |
//! | something without an end | the vCenter is looked at ([`vcenter::Client::resolve`]), then as below |
//! | the last thing failed | its error, as the function would have returned it |
//! | the last thing succeeded, and the function has said what it returns then | that |
//! | the last thing succeeded, and there was more to come | that the minion was ended, and what was done before |

use std::sync::Arc;
use std::time::Duration;

use salt::context::{Identity, Job};
use salt::{Error, Map, Value, map, msgpack};
use tracing::{info, warn};
use vcenter::Client;

use super::journal::{Left, Past};
use super::run;

/// The pause while there is no vCenter to ask.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one question for what has become of something may take, tasks that still run included, before it is asked anew.
const PATIENCE: Duration = Duration::from_secs(3600);

const ENDED: &str = "The minion was ended while it ran this job, which is not run again.";

/// What a job that was left returns, as [`run::execute`] gives it.
pub async fn outcome(identity: &Arc<Identity>, left: &mut Left) -> Map {
    let jid = left.load.get("jid").map(Value::to_string).unwrap_or_default();
    info!("The job {jid} was cut off by the end of an earlier process; finding out what has become of it");
    for past in &mut left.steps {
        if past.end.is_none() {
            past.end = Some(end(identity, past).await);
        }
    }
    let fun = left.load.get("fun").map(Value::to_string).unwrap_or_default();
    let ret = match (left.steps.last(), left.load.get_str("fun")) {
        (Some(Past { end: Some(Err(error)), .. }), Some(_)) => failed(&fun, &Error::Execution(error.clone())),
        (Some(last), Some(_)) => match promised(last, &fun) {
            Some(value) => {
                let retcode = run::retcode(&Job::default(), &value);
                map! { "success" => retcode == 0, "return" => value, "retcode" => retcode }
            }
            None => failed(&fun, &Error::Execution(told(&left.steps))),
        },
        _ => failed(&fun, &Error::Execution(told(&left.steps))),
    };
    run::complete(ret, &jid, &left.load)
}

fn failed(fun: &str, error: &Error) -> Map {
    map! { "success" => false, "return" => error.job_return(fun, ""), "out" => "nested", "retcode" => 1 }
}

/// How something ended that nobody has waited for. This asks until there is an answer.
async fn end(identity: &Identity, past: &Past) -> Result<(), String> {
    let Past { intent, task, .. } = past;
    loop {
        let error = match client(identity).await.resolve(intent, task.as_ref(), ENDED, PATIENCE).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        use vcenter::Error as E;
        match error {
            E::Transport { .. } | E::Tls(_) | E::Login { .. } | E::Closed | E::Timeout { .. } => {
                warn!("Cannot find out yet what has become of {}: {error}", intent.what());
                tokio::time::sleep(PAUSE).await;
            }
            error => return Err(error.to_string()),
        }
    }
}

async fn client(identity: &Identity) -> Client {
    loop {
        match identity.vcenter() {
            Ok(client) => return client,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// What the function has said that it returns, if it is the job's and not one that the job has called.
fn promised(last: &Past, fun: &str) -> Option<Value> {
    let Ok(Value::Map(mut remark)) = msgpack::unpack_modern(&last.intent.remark) else { return None };
    (remark.get_str("fun") == Some(fun)).then(|| remark.remove("return")).flatten()
}

fn told(steps: &[Past]) -> String {
    let ends = steps.iter().map(|past| match &past.end {
        Some(Err(error)) => format!("{} failed: {error}", past.intent.what()),
        _ => format!("{} was done", past.intent.what()),
    });
    let ends: Vec<String> = ends.collect();
    if ends.is_empty() { ENDED.to_string() } else { format!("{ENDED} Before that: {}", ends.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::journal::Journal;
    use crate::scripted::identity;
    use vcenter::MoRef;
    use vcenter::task::Trace;
    use vcenter::vim::DateTime;
    use vcenter::work::{Intent, Witness};

    fn intent(remark: Option<Map>) -> Intent {
        Intent {
            op_id: "1-1".into(),
            vcenter: "uuid".into(),
            object: MoRef::new("VirtualMachine", "vm-7"),
            entity: None,
            name: "vm01".into(),
            method: "PowerOnVM_Task".into(),
            since: DateTime::new("2026-11-22T12:00:00Z"),
            trace: Trace::Nothing,
            remark: remark.map(|map| msgpack::pack_modern(&map.into()).unwrap()).unwrap_or_default(),
        }
    }

    async fn ret(load: Map, asked: Option<(Intent, Result<(), vcenter::Error>)>) -> Map {
        let directory = tempfile::tempdir().unwrap();
        let identity = identity(Map::new());
        let (journal, _) = Journal::open(directory.path()).unwrap();
        let entry = journal.accept(&identity, "1", &load).await;
        if let Some((intent, end)) = asked {
            entry.intends(&intent).await.unwrap();
            entry.ended(&intent, end.as_ref().copied()).await;
        }
        drop(entry);
        let (_, mut left) = Journal::open(directory.path()).unwrap();
        outcome(&identity, &mut left[0]).await
    }

    #[tokio::test]
    async fn each_left_job_has_its_return() {
        let load = map! { "jid" => "1", "fun" => "vm.on", "arg" => vec!["vm01"], "master_id" => "m" };
        let done = map! { "changes" => true };
        let said = |fun: &str| Some(map! { "fun" => fun, "return" => done.clone() });
        let field = |ret: &Map, name: &str| ret.get(name).unwrap().to_string();

        let none = ret(load.clone(), None).await;
        assert_eq!(field(&none, "return"), format!("ERROR: {ENDED}"));
        assert_eq!((field(&none, "retcode"), field(&none, "success")), ("1".into(), "False".into()));
        assert_eq!((field(&none, "jid"), field(&none, "master_id")), ("1".into(), "m".into()));

        let good = ret(load.clone(), Some((intent(said("vm.on")), Ok(())))).await;
        assert_eq!(good.get("return"), Some(&done.clone().into()));
        assert_eq!((field(&good, "retcode"), field(&good, "success")), ("0".into(), "True".into()));

        let more = ret(load.clone(), Some((intent(None), Ok(())))).await;
        assert_eq!(
            field(&more, "return"),
            format!("ERROR: {ENDED} Before that: PowerOnVM_Task of 'vm01' was done")
        );
        let inner = ret(load.clone(), Some((intent(said("vm.other")), Ok(())))).await;
        assert_eq!(field(&inner, "success"), "False", "it was not the job's own function");

        let bad = ret(load, Some((intent(said("vm.on")), Err(vcenter::Error::Closed)))).await;
        assert_eq!(field(&bad, "return"), format!("ERROR: {}", vcenter::Error::Closed));
        assert_eq!(field(&bad, "success"), "False");
    }
}
