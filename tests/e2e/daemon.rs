//! What the minion does by itself, and what it does on its own host: beacons, the schedule, commands, its log.

use std::fs;
use std::time::Duration;

use lab::{Result, Settings, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage};

#[test]
fn beacons_reach_the_masters_bus() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let beacons = json!({"beacons": {"status": [{"time": ["all"]}, {"interval": 1}]}});
    let stage = Stage::up_with(master, Settings::new(&stage::id("bea")).with(beacons), json!({}))?;
    let bus = master.bus()?;
    let tag = format!("salt/beacon/{}/status/", stage.id);
    let event = bus.wait(stage.mark, LONG, |e| e.tag.starts_with(&tag))?;
    assert_eq!(event.data["id"], json!(stage.id), "{:#}", event.data);
    assert!(event.data["data"]["time"].is_string(), "{:#}", event.data);

    stage.value("beacons.disable", json!([]))?;
    let add = json!(["mine", [{"beacon_module": "memusage"}, {"percent": 0}]]);
    assert_eq!(stage.value("beacons.add", add)?["result"], json!(true));
    stage.value("beacons.delete", json!(["status"]))?;
    let mark = bus.mark();
    stage.value("beacons.enable", json!([]))?;
    let mine = format!("salt/beacon/{}/mine/", stage.id);
    let event = bus.wait(mark, LONG, |e| e.tag == mine)?;
    assert!(event.data["memusage"].is_number(), "{:#}", event.data);
    stage.value("beacons.save", json!([]))?;
    let saved = stage.proxy.config_dir().join(format!("proxy.d/{}/beacons.conf", stage.id));
    assert!(fs::read_to_string(saved)?.contains("beacon_module: memusage"));
    stage.finish()
}

/// Jobs of the schedule are kept by the master, survive a restart, and say that they are the schedule's.
#[test]
fn the_master_keeps_what_the_schedule_did() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let mut stage = Stage::up(master, "sch")?;
    let bus = master.bus()?;
    let add = |name: &str, more: Value| {
        let mut job = json!({"function": "test.echo", "job_args": [name], "seconds": 1});
        if let (Value::Object(job), Value::Object(more)) = (&mut job, more) {
            job.extend(more);
        }
        stage.call_with("schedule.add", json!([name]), job)
    };
    let added = add("kept", json!({"metadata": {"why": "test"}}))?;
    assert_eq!(added.value()["result"], json!(true), "{:#}", added.load);
    add("silent", json!({"return_job": false}))?;
    let is =
        |e: &lab::Event, name: &str| e.data["schedule"] == json!(name) && e.data["id"] == json!(stage.id);
    let ret = bus.wait(stage.mark, LONG, |e| e.tag.contains("/ret/") && is(e, "kept"))?;
    assert_eq!((&ret.data["return"], &ret.data["fun"]), (&json!("kept"), &json!("test.echo")));
    assert_eq!(ret.data["metadata"]["why"], json!("test"));
    let jid = ret.data["jid"].as_str().unwrap_or_default().to_owned();
    let kept = eventually(LONG, || {
        let found = master.salt_run(&["jobs.lookup_jid", &jid]).ok()?;
        (found.of(&stage.id) == json!("kept")).then_some(())
    });
    assert!(kept.is_some(), "the job cache of the master has {jid}");

    let mark = bus.mark();
    let Stage { proxy, vcsim, id, .. } = stage;
    let proxy = proxy.restart(&["proxy"])?;
    stage = Stage { proxy, vcsim, master, id, mark };
    stage.proxy.wait_ready(master, mark)?;
    bus.wait(mark, LONG, |e| {
        e.tag.contains("/ret/") && e.data["schedule"] == json!("kept") && e.data["id"] == json!(stage.id)
    })?;
    let silent = |e: &lab::Event| e.data["schedule"] == json!("silent") && e.data["id"] == json!(stage.id);
    assert!(!bus.since(stage.mark).iter().any(silent), "what returns nothing is not heard of");
    let list = stage.call_with("schedule.list", json!([]), json!({"return_yaml": false}))?;
    assert!(list.value().get("kept").is_some() && list.value().get("silent").is_some(), "{:#}", list.load);
    stage.finish()
}

#[test]
fn commands_run_on_the_minions_host() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "cmd")?;
    assert_eq!(stage.value("cmd.run", json!(["echo $((40+2)) | tr 4 5"]))?, json!("52"));
    let failed = stage.call("cmd.run_all", json!(["echo out; echo err >&2; exit 3"]))?;
    assert_eq!((failed.retcode(), failed.success()), (3, false));
    assert_eq!(failed.value()["stderr"], json!("err"));
    master.file("script.sh", "#!/bin/sh\necho \"$1 of $#\"\n")?;
    let script = stage.value("cmd.script", json!(["salt://script.sh", "'a b' c"]))?;
    assert_eq!(script["stdout"], json!("a b of 2"));
    stage.finish()
}

/// On SIGHUP the log is opened anew, at the level that the configuration says by then: what is said of it is no error.
#[test]
fn a_log_follows_its_configuration() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let quiet = Settings::new(&stage::id("log")).with(json!({"log_level_logfile": "error"}));
    let mut stage = Stage::up_with(master, quiet, json!({}))?;
    let file = stage.proxy.config_dir().join("proxy");
    let text = fs::read_to_string(&file)?;
    let log =
        file.parent().and_then(|etc| etc.parent()).map(|root| root.join("proxy.log")).unwrap_or_default();
    let moved = log.with_extension("1");
    fs::rename(&log, &moved)?;
    fs::write(&file, text.replace("\"log_level_logfile\": \"error\"", "\"log_level_logfile\": \"debug\""))?;
    stage.proxy.process().signal("HUP");
    let said = || fs::read_to_string(&log).ok().filter(|log| log.contains("SIGHUP"));
    assert!(eventually(LONG, said).is_some(), "{}", stage.proxy.log());
    fs::write(&file, text)?;
    stage.finish()
}

/// A stop gives running jobs a moment, but no more than that.
#[test]
fn a_stop_does_not_wait_for_ever() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let mut stage = Stage::up(master, "stp")?;
    let bus = master.bus()?;
    bus.publish(&json!({"tgt": stage.id, "fun": "cmd.run", "arg": ["sleep 600"]}))?;
    let runs = || stage.value("saltutil.is_running", json!(["cmd.run"])).ok().filter(|r| r != &json!([]));
    assert!(eventually(LONG, runs).is_some());
    stage.proxy.process().signal("INT");
    assert_eq!(stage.proxy.process().wait(Duration::from_secs(60))?, 0);
    let stats = stage.vcsim.stats()?;
    assert_eq!(stats.count("sessions"), 0, "it has signed out of the vCenter: {:#}", stats.0);
    Ok(())
}
