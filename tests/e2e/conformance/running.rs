//! Jobs that run: found, counted, ended.

use std::time::{Duration, Instant};

use lab::{Job, Release, Result, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage};

on_each_line! {
    own: c025_running_shows_the_others, c026_find_job_answers_beside_a_job, c027_a_job_that_is_over,
        c028_is_running, c029_a_killed_job_is_silent, c030_killing_no_job, c031_the_command_waits_for_a_running_job,
        c103_one_state_run_at_a_time;
}

/// A proxy minion with a sleep that it has taken up.
fn asleep<'a>(stage: &'a Stage<'a>, seconds: u32) -> Result<Job<'a>> {
    let sleep = stage.publish(json!({"fun": "test.sleep", "arg": [seconds]}))?;
    let taken = || stage.value("saltutil.find_job", json!([sleep.jid])).ok().filter(|f| *f != json!({}));
    assert!(eventually(LONG, taken).is_some(), "the sleep runs");
    Ok(sleep)
}

fn up(release: &'static Release) -> Result<Stage<'static>> {
    Stage::up(stage::shared(release)?, "run")
}

fn is_a_job(one: &Value, jid: &str) {
    for key in ["pid", "fun", "arg", "tgt", "jid", "ret", "tgt_type", "user"] {
        assert!(one.get(key).is_some(), "{key}: {one:#}");
    }
    assert_eq!((&one["fun"], &one["jid"]), (&json!("test.sleep"), &json!(jid)));
}

fn c025_running_shows_the_others(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let sleep = asleep(&stage, 300)?;
    let all = stage.value("saltutil.running", json!([]))?;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "the sleep and not the asking job: {all:#}");
    is_a_job(&all[0], &sleep.jid);
    stage.value("saltutil.kill_all_jobs", json!([]))?;
    stage.finish()
}

fn c026_find_job_answers_beside_a_job(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let sleep = asleep(&stage, 300)?;
    let asked = Instant::now();
    is_a_job(&stage.value("saltutil.find_job", json!([sleep.jid]))?, &sleep.jid);
    // Less than a second on a machine that is not shared.
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    stage.value("saltutil.kill_all_jobs", json!([]))?;
    stage.finish()
}

fn c027_a_job_that_is_over(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let sleep = stage.publish(json!({"fun": "test.sleep", "arg": [1]}))?;
    sleep.wait(&stage.id, LONG)?;
    assert_eq!(stage.value("saltutil.find_job", json!([sleep.jid]))?, json!({}));
    stage.finish()
}

fn c028_is_running(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let sleep = asleep(&stage, 300)?;
    let found = stage.value("saltutil.is_running", json!(["test.*"]))?;
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found:#}");
    is_a_job(&found[0], &sleep.jid);
    assert_eq!(stage.value("saltutil.is_running", json!(["foo"]))?, json!([]));
    stage.value("saltutil.kill_all_jobs", json!([]))?;
    stage.finish()
}

fn c029_a_killed_job_is_silent(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let sleep = asleep(&stage, 300)?;
    let pid = stage.value("saltutil.find_job", json!([sleep.jid]))?["pid"].clone();
    let killed = stage.call("saltutil.kill_job", json!([sleep.jid]))?.text();
    assert_eq!(killed, format!("Signal 9 sent to job {} at pid {pid}", sleep.jid));
    let gone = || stage.value("saltutil.find_job", json!([sleep.jid])).ok().filter(|f| *f == json!({}));
    assert!(eventually(LONG, gone).is_some());
    let tag = format!("salt/job/{}/ret/{}", sleep.jid, stage.id);
    assert!(stage.master.bus()?.since(sleep.mark).iter().all(|e| e.tag != tag));
    stage.finish()
}

fn c030_killing_no_job(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    assert_eq!(stage.call("saltutil.kill_job", json!(["1"]))?.text(), "");
    stage.finish()
}

/// The command asks whether the job runs, and waits on.
fn c031_the_command_waits_for_a_running_job(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    let output = stage.master.salt(&["-t", "2", &stage.id, "test.sleep", "15"])?;
    assert_eq!((output.status, output.of(&stage.id)), (0, json!(true)), "{output:?}");
    stage.finish()
}

fn c103_one_state_run_at_a_time(release: &'static Release) -> Result<()> {
    let stage = up(release)?;
    stage.master.file("c103.sls", "wait:\n  module.run:\n    - test.sleep:\n      - length: 300\n")?;
    let first = stage.publish(json!({"fun": "state.apply", "arg": ["c103"]}))?;
    let taken = || stage.value("saltutil.find_job", json!([first.jid])).ok().filter(|f| *f != json!({}));
    let pid = eventually(LONG, taken).unwrap_or_default()["pid"].clone();
    let second = stage.call("state.apply", json!(["c103"]))?;
    let text = second.value()[0].as_str().unwrap_or_default().to_owned();
    let wanted = format!("The function \"state.apply\" is running as PID {pid} and was started at ");
    assert!(text.starts_with(&wanted) && text.contains(&format!("with jid {}", first.jid)), "{text}");
    assert_eq!(second.retcode(), 1, "{:#}", second.load);
    stage.value("saltutil.kill_all_jobs", json!([]))?;
    stage.finish()
}
