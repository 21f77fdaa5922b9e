//! Calls of `schedule.*` that were recorded from a running Salt 3007.17, in their order, and what our functions answer.

use std::sync::Arc;

use salt::context::{Identity, Parts};
use salt::{Map, Registry, Value, map};

use super::Scheduler;
use crate::files::LocalFiles;
use crate::job::{Jobs, execute};
use crate::local::LocalMaster;
use crate::spool::Spool;

#[tokio::test]
async fn answers_are_the_recorded_ones() {
    let directory = tempfile::tempdir().unwrap();
    let opts = map! {
        "id" => "px1", "conf_file" => directory.path().join("proxy").display().to_string(),
        "default_include" => "proxy.d/px1/*.conf", "cachedir" => directory.path().display().to_string(),
    };
    let identity = Identity::new(Parts {
        id: "px1".into(),
        opts: opts.clone(),
        modules: Arc::new(Registry::new(modules::MODULES.iter().copied()).unwrap()),
        states: Arc::default(),
        master: LocalMaster::new(opts.clone(), Arc::new(Jobs::default())),
        files: Arc::new(LocalFiles::new(&opts)),
    });
    let spool = Spool::open(&directory.path().join("spool")).unwrap();
    let scheduler = Scheduler::new(&identity, Arc::new(Jobs::default()), spool, true);
    identity.set_schedule(scheduler);
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
        let (value, retcode) = (ret.get("return").unwrap().to_json(), ret.get("retcode").unwrap().as_i64());
        if value != call["ret"] || retcode != call["retcode"].as_i64() {
            wrong.push(format!("{call}\n  ours {value} {retcode:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
