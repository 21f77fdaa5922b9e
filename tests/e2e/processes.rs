//! Jobs that run: found, counted, killed.

use std::time::{Duration, Instant};

use lab::{Result, eventually};
use serde_json::{Value, json};

use crate::stage::{self, Stage};

#[test]
fn a_running_job_can_be_found_and_killed() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "run")?;
    let bus = master.bus()?;
    let mark = bus.mark();
    let sleep = bus.publish(&json!({"tgt": stage.id, "fun": "test.sleep", "arg": [60]}))?;
    let running = || {
        stage
            .value("saltutil.running", json!([]))
            .ok()
            .filter(|r| r.as_array().is_some_and(|r| !r.is_empty()))
    };
    let all = eventually(stage::LONG, running).unwrap_or_default();
    let one = &all[0];
    assert_eq!(all.as_array().map(Vec::len), Some(1), "the sleep and not the asking job: {all:#}");
    for key in ["pid", "fun", "arg", "tgt", "jid", "ret", "tgt_type", "user"] {
        assert!(one.get(key).is_some(), "{key}: {one:#}");
    }
    assert_eq!((&one["fun"], &one["jid"]), (&json!("test.sleep"), &json!(sleep.jid)));

    let asked = Instant::now();
    let found = stage.value("saltutil.find_job", json!([sleep.jid]))?;
    assert_eq!(found["jid"], json!(sleep.jid), "{found:#}");
    assert!(asked.elapsed() < Duration::from_secs(10), "a busy minion answers at once");
    let is_running = stage.value("saltutil.is_running", json!(["test.*"]))?;
    assert_eq!(is_running[0]["jid"], json!(sleep.jid));
    assert_eq!(stage.value("saltutil.is_running", json!(["foo"]))?, json!([]));

    assert_eq!(stage.call("saltutil.kill_job", json!(["1"]))?.text(), "");
    let killed = stage.call("saltutil.kill_job", json!([sleep.jid]))?.text();
    assert_eq!(killed, format!("Signal 9 sent to job {} at pid {}", sleep.jid, one["pid"]));
    let gone = || stage.value("saltutil.find_job", json!([sleep.jid])).ok().filter(|f| *f == json!({}));
    assert_eq!(eventually(stage::LONG, gone), Some(json!({})));
    let tag = format!("salt/job/{}/ret/{}", sleep.jid, stage.id);
    assert!(bus.since(mark).iter().all(|e| e.tag != tag), "a killed job returns nothing");
    assert_eq!(stage.value("saltutil.running", json!([]))?, Value::Array(vec![]));
    stage.finish()
}
