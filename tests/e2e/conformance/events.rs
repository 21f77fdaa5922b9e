//! Events that a minion fires by itself, and those its jobs make: schedule, mine, states, presence.

use std::time::Duration;

use lab::{Event, Master, Release, Result, Settings};
use serde_json::json;

use crate::stage::{self, LONG, Stage};

on_each_line! {
    plain: c063_an_event_of_a_job, c065_a_ping_each_minute, c066_a_scheduled_job, c067_a_scheduled_job_in_silence,
        c104_states_tell_their_progress, c105_a_state_fires_its_own_event, c107_the_minion_is_up;
    own: c060_mine_send, c061_mine_update_delete_flush, c062_a_mine_that_not_all_may_read,
        c068_a_reactor_runs_once_a_start, c090_presence, c101_a_minion_publishes;
}

fn c063_an_event_of_a_job(stage: &Stage) -> Result<()> {
    let bus = stage.master.bus()?;
    let mark = bus.mark();
    stage.value("event.send", json!([format!("a/b/{}", stage.id), {"x": 1}]))?;
    let event = bus.tagged(mark, LONG, &format!("a/b/{}", stage.id))?;
    assert_eq!(event.data["data"]["x"], 1, "{:#}", event.data);
    assert_eq!(event.data["cmd"], "_minion_event");
    assert_eq!(event.data["id"], json!(stage.id));
    assert_eq!(event.data["pretag"], serde_json::Value::Null);
    Ok(())
}

fn c065_a_ping_each_minute(stage: &Stage) -> Result<()> {
    let ping = |e: &Event| e.tag == "minion_ping" && e.data["id"] == json!(stage.id);
    let event = stage.master.bus()?.wait(stage.mark, Duration::from_secs(120), ping)?;
    assert_eq!(event.data["data"], json!("ping"), "{:#}", event.data);
    Ok(())
}

fn scheduled(stage: &Stage, name: &str) -> Result<Event> {
    let one = |e: &Event| e.tag.ends_with(&format!("/ret/{}", stage.id)) && e.data["schedule"] == json!(name);
    stage.master.bus()?.wait(stage.mark, LONG, one)
}

fn c066_a_scheduled_job(stage: &Stage) -> Result<()> {
    let event = scheduled(stage, "told")?;
    assert_eq!(event.data["return"], json!("on time"), "{:#}", event.data);
    let jid = event.data["jid"].as_str().unwrap_or_default().to_owned();
    assert_eq!(jid.len(), 20, "the master gave it its jid: {jid}");
    let listed = stage.master.salt_run(&["jobs.list_jobs", "search_function=test.echo"])?;
    let found = listed.value.as_ref().and_then(|v| v.get(&jid)).cloned().unwrap_or_default();
    assert_eq!(found["Function"], json!("test.echo"), "{listed:?}");
    Ok(())
}

fn c067_a_scheduled_job_in_silence(stage: &Stage) -> Result<()> {
    // Both are due at the same times.
    scheduled(stage, "told")?;
    let ran = stage.proxy.wait_log(LONG, &["untold"]);
    assert!(ran.is_ok(), "it ran: {ran:?}");
    let told = |e: &Event| e.data["schedule"] == json!("untold");
    assert!(!stage.master.bus()?.since(stage.mark).iter().any(told));
    Ok(())
}

/// Over ZeroMQ the master takes who is connected from addresses: of its port, and of the minions' grains.
fn c090_presence(release: &'static Release) -> Result<()> {
    let options = json!({"source_address": "127.0.0.3", "grains": {"ipv4": ["127.0.0.3"]}});
    let settings = Settings::new(&stage::id("there")).with(options);
    let stage = Stage::up_with(stage::shared(release)?, settings, json!({}))?;
    let present = |e: &Event| {
        e.tag == "salt/presence/present"
            && e.data["present"].as_array().is_some_and(|p| p.contains(&json!(stage.id)))
    };
    stage.master.bus()?.wait(stage.mark, LONG, present)?;
    stage.finish()
}

fn c104_states_tell_their_progress(stage: &Stage) -> Result<()> {
    stage.master.file("c104.sls", "one:\n  test.nop: []\ntwo:\n  test.nop: []\n")?;
    let job = stage.apply("c104")?;
    job.wait(&stage.id, LONG)?;
    for n in 0..2 {
        let event = stage.master.bus()?.tagged(
            job.mark,
            LONG,
            &format!("salt/job/{}/prog/{}/{n}", job.jid, stage.id),
        )?;
        let data = &event.data["data"];
        assert_eq!((&data["len"], &data["ret"]["result"]), (&json!(2), &json!(true)), "{:#}", event.data);
    }
    Ok(())
}

fn c105_a_state_fires_its_own_event(stage: &Stage) -> Result<()> {
    stage.master.file("c105.sls", "one:\n  test.nop:\n    - fire_event: true\n")?;
    let job = stage.apply("c105")?;
    job.wait(&stage.id, LONG)?;
    let tag = format!("salt/state_result/{}/{}/one", job.jid, stage.id);
    let event = stage.master.bus()?.tagged(job.mark, LONG, &tag)?;
    assert_eq!(event.data["data"]["ret"]["result"], json!(true), "{:#}", event.data);
    Ok(())
}

fn c107_the_minion_is_up(stage: &Stage) -> Result<()> {
    let up = stage.master.salt_run(&["manage.up", &format!("tgt={}", stage.id)])?;
    assert_eq!(up.value, Some(json!([stage.id])), "{up:?}");
    Ok(())
}

fn mine(master: &Master, id: &str, fun: &str) -> Result<serde_json::Value> {
    let got = master.salt_run(&["mine.get", id, fun])?;
    got.value.clone().ok_or_else(|| lab::Error::new(format!("{got:?}")))
}

fn c060_mine_send(release: &'static Release) -> Result<()> {
    let stage = Stage::up(stage::shared(release)?, "mine")?;
    assert_eq!(stage.value("mine.send", json!(["test.ping"]))?, json!(true));
    assert_eq!(mine(stage.master, &stage.id, "test.ping")?, json!({stage.id.clone(): true}));
    stage.finish()
}

fn c061_mine_update_delete_flush(release: &'static Release) -> Result<()> {
    let functions = json!({"test.ping": [], "named": [{"mine_function": "test.echo"}, "x"]});
    let settings = Settings::new(&stage::id("mine"));
    let stage = Stage::up_with(stage::shared(release)?, settings, json!({"mine_functions": functions}))?;
    let id = stage.id.clone();
    let get = |fun: &str| stage.value("mine.get", json!(["mine*", fun]));
    assert_eq!(stage.value("mine.update", json!([]))?, json!(true));
    assert_eq!(get("test.ping")?[&id], json!(true));
    assert_eq!(get("named")?[&id], json!("x"));
    assert_eq!(stage.value("mine.delete", json!(["named"]))?, json!(true));
    assert_eq!(get("named")?.get(&id), None);
    assert_eq!(stage.value("mine.flush", json!([]))?, json!(true));
    assert_eq!(get("test.ping")?.get(&id), None);
    stage.finish()
}

fn c062_a_mine_that_not_all_may_read(release: &'static Release) -> Result<()> {
    let other = stage::plain(release)?;
    let stage = Stage::up(stage::shared(release)?, "acl")?;
    let sent = stage.call_with("mine.send", json!(["test.ping"]), json!({"allow_tgt": "other"}))?;
    assert_eq!(*sent.value(), json!(true), "{:#}", sent.load);
    assert_eq!(other.value("mine.get", json!([stage.id, "test.ping"]))?, json!({}));
    let sent = stage.call_with("mine.send", json!(["test.ping"]), json!({"allow_tgt": other.id}))?;
    assert_eq!(*sent.value(), json!(true), "{:#}", sent.load);
    assert_eq!(other.value("mine.get", json!([stage.id, "test.ping"]))?, json!({stage.id.clone(): true}));
    stage.finish()
}

fn c068_a_reactor_runs_once_a_start(release: &'static Release) -> Result<()> {
    let master = Master::start(
        &lab::Tools::with(release)?,
        json!({"auto_accept": true, "reactor": [{"salt/minion/*/start": ["salt://react.sls"]}]}),
    )?;
    master.file(
        "react.sls",
        "say:\n  runner.event.send:\n    - args:\n      - tag: reacted/{{ data['id'] }}\n",
    )?;
    let stage = Stage::up(&master, "react")?;
    let tag = format!("reacted/{}", stage.id);
    let bus = master.bus()?;
    bus.tagged(stage.mark, LONG, &tag)?;
    // A second reaction would be under way by now.
    stage.value("test.ping", json!([]))?;
    assert_eq!(bus.since(stage.mark).iter().filter(|e| e.tag == tag).count(), 1);
    stage.finish()
}

fn c101_a_minion_publishes(release: &'static Release) -> Result<()> {
    let other = stage::plain(release)?;
    let stage = Stage::up(stage::shared(release)?, "peer")?;
    let both = format!("{},{}", stage.id, other.id);
    let returned = stage.call_with(
        "publish.publish",
        json!([both, "test.ping"]),
        json!({"tgt_type": "list", "timeout": 30}),
    )?;
    let all = json!({stage.id.clone(): true, other.id.clone(): true});
    assert_eq!(*returned.value(), all, "{:#}", returned.load);
    stage.finish()
}
