use salt::context::Parts;
use salt::{Registry, list};

use super::*;
use crate::files::LocalFiles;
use crate::job::execute;
use crate::local::LocalMaster;

/// A minion with these beacons in its options and in its pillar.
fn engine(opts: Value, pillar: Value) -> (Arc<Engine>, Arc<Identity>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let all = map! {
        "id" => "px1", "beacons" => opts, "loop_interval" => 1,
        "conf_file" => directory.path().join("proxy").display().to_string(),
        "default_include" => "proxy.d/px1/*.conf", "cachedir" => directory.path().display().to_string(),
    };
    let jobs = Arc::new(Jobs::default());
    let identity = Identity::new(Parts {
        id: "px1".into(),
        opts: all.clone(),
        modules: Arc::new(Registry::new(modules::MODULES.iter().copied()).unwrap()),
        states: Arc::default(),
        master: LocalMaster::new(all.clone(), jobs.clone()),
        files: Arc::new(LocalFiles::new(&all)),
    });
    identity.set_pillar(map! { "beacons" => pillar });
    let engine = Engine::new(&identity, jobs, true);
    identity.set_beacons(engine.clone());
    (engine, identity, directory)
}

fn none() -> Value {
    Map::new().into()
}

/// The loops, of so many, in which there was something to tell, and how often.
async fn told(engine: &Engine, identity: &Arc<Identity>, loops: usize) -> Vec<(usize, usize)> {
    let mut told = Vec::new();
    for n in 1..=loops {
        let events = engine.look(identity).await.len();
        if events > 0 {
            told.push((n, events));
        }
    }
    told
}

#[tokio::test]
async fn an_interval_is_counted_in_loops() {
    let beacons = map! { "status" => list![map! { "time" => list!["all"] }, map! { "interval" => 5 }] };
    let (engine, identity, _dir) = engine(beacons.into(), none());
    // `salt/beacons/__init__.py`, `_process_interval`: the first loop begins to count.
    assert_eq!(told(&engine, &identity, 17).await, [(6, 1), (11, 1), (16, 1)]);
    let (engine, identity, _dir) = self::engine(map! { "status" => list![] }.into(), none());
    assert_eq!(told(&engine, &identity, 2).await, [(1, 1), (2, 1)], "each loop without one");
}

#[tokio::test]
async fn what_is_told_is_what_masters_expect() {
    let beacons = map! {
        "mine" => list![map! { "beacon_module" => "status" }, map! { "time" => list!["all"] }, map! { "loadavg" => list!["1-min", "x"] }],
    };
    let (engine, identity, _dir) = engine(beacons.into(), none());
    let events = engine.look(&identity).await;
    let event = events[0].as_map().unwrap();
    assert_eq!(event.get_str("beacon_name"), Some("status"));
    assert!(event.get_str("tag").unwrap().starts_with("salt/beacon/px1/mine/20"), "{event:?}");
    let data = event.get("data").unwrap();
    assert_eq!(data.get("id"), Some(&"px1".into()));
    let seen = data.get("data").unwrap();
    assert!(
        seen.get("time").is_some_and(|time| time.as_str().is_some_and(|time| time.len() > 10)),
        "{seen:?}"
    );
    assert_eq!(seen.get("loadavg"), Some(&"Status beacon is incorrectly configured: 'x'".into()));
}

#[tokio::test]
async fn beacons_are_switched_on_and_off() {
    let status = || list![map! { "time" => list!["all"] }];
    let (engine, identity, _dir) = engine(map! { "status" => status() }.into(), none());
    engine.switch("status", false).unwrap();
    assert!(told(&engine, &identity, 1).await.is_empty());
    engine.switch("status", true).unwrap();
    assert_eq!(told(&engine, &identity, 1).await, [(1, 1)]);
    engine.switch_all(false);
    assert!(told(&engine, &identity, 1).await.is_empty());
    engine.switch_all(true);
    let once = list![map! { "time" => list!["all"] }, map! { "run_once" => true }];
    engine.put("status", once.clone(), "update").unwrap();
    assert_eq!(told(&engine, &identity, 3).await, [(1, 1)]);
    assert_eq!(engine.list(true, true).get("status").unwrap().as_list().unwrap().len(), 3);
    let (engine, identity, _dir) = self::engine(none(), map! { "status" => once }.into());
    assert_eq!(told(&engine, &identity, 3).await, [(1, 1)], "one of the pillar, too");
}

#[tokio::test]
async fn a_state_run_can_silence_a_beacon() {
    let beacons = map! { "status" => list![map! { "time" => list!["all"] }, map! { "disable_during_state_run" => true }] };
    let (engine, identity, _dir) = engine(beacons.into(), none());
    let task = tokio::spawn(std::future::pending::<()>());
    let ticket = engine.jobs.record("1", &map! { "fun" => "state.apply" }, task.abort_handle());
    assert!(told(&engine, &identity, 2).await.is_empty());
    engine.jobs.remove(ticket);
    let other = engine.jobs.record("2", &map! { "fun" => "test.sleep" }, task.abort_handle());
    assert_eq!(told(&engine, &identity, 1).await, [(1, 1)]);
    engine.jobs.remove(other);
    task.abort();
}

#[tokio::test]
async fn what_is_wrong_is_told_or_left_out() {
    let beacons =
        map! { "nosuch" => list![], "load" => list![], "memusage" => list![map! { "percent" => "0%" }] };
    let (engine, identity, _dir) = engine(beacons.into(), none());
    let events = engine.look(&identity).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].get("data").and_then(|data| data.get("memusage")).and_then(Value::as_f64).is_some());
    let (engine, identity, _dir) = self::engine(list![1], none());
    assert!(engine.look(&identity).await.is_empty());
}

/// Calls of `beacons.*` that were recorded from a running Salt 3007.17, in their order, and what our functions answer.
#[tokio::test]
async fn answers_are_the_recorded_ones() {
    let (_engine, identity, dir) = engine(none(), none());
    let calls: Vec<serde_json::Value> = serde_json::from_str(include_str!("recorded.json")).unwrap();
    let mut wrong = Vec::new();
    for call in calls {
        let mut arg: Vec<Value> =
            call["arg"].as_array().unwrap().iter().cloned().map(Value::from_json).collect();
        if let Value::Map(keywords) = Value::from_json(call["kwarg"].clone()) {
            arg.push(keywords.with("__kwarg__", true).into());
        }
        let load: Map = map! { "fun" => call["fun"].as_str().unwrap(), "arg" => arg };
        let ret = execute(&identity, "1", &load).await.unwrap();
        let text =
            ret.get("return").unwrap().to_json().to_string().replace(&*dir.path().to_string_lossy(), "ROOT");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let retcode = ret.get("retcode").unwrap().as_i64();
        if value != call["ret"] || retcode != call["retcode"].as_i64() {
            wrong.push(format!("{call}\n  ours {value} {retcode:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let saved = std::fs::read_to_string(dir.path().join("proxy.d/px1/beacons.conf")).unwrap();
    assert_eq!(saved, "beacons:\n  status:\n  - time:\n    - all\n  - interval: 700\n  - enabled: true\n");
}

#[tokio::test]
async fn the_pillars_beacons_are_the_pillars() {
    let of_pillar = map! { "memusage" => list![map! { "percent" => 101 }] };
    let (_engine, identity, _dir) = engine(none(), of_pillar.into());
    let call = async |fun: &str, arg: Vec<Value>| {
        let ret = execute(&identity, "1", &map! { "fun" => fun, "arg" => arg }).await.unwrap();
        ret.get("return").and_then(|ret| ret.get("comment")).map(Value::to_string).unwrap_or_default()
    };
    let data = || list![map! { "percent" => 5 }];
    assert_eq!(
        call("beacons.add", vec!["memusage".into(), data()]).await,
        "Beacon memusage is already configured."
    );
    for (fun, arg, verb) in [
        ("beacons.modify", vec!["memusage".into(), data()], "modify"),
        ("beacons.delete", vec!["memusage".into()], "delete"),
        ("beacons.enable_beacon", vec!["memusage".into()], "enable"),
        ("beacons.disable_beacon", vec!["memusage".into()], "disable"),
    ] {
        let wanted = format!("Cannot {verb} beacon item memusage, it is configured in pillar.");
        assert_eq!(call(fun, arg).await, wanted);
    }
    let invalid = call("beacons.add", vec!["load".into(), list![map! { "averages" => 1 }]]).await;
    assert!(invalid.starts_with("Beacon load configuration invalid, not adding.\nAverages"), "{invalid}");
}
