//! States through the master: planned, done, and done again.

use lab::Result;
use serde_json::{Value, json};

use crate::stage::{self, Stage};

/// The one result of a state return whose state id is this.
fn result<'a>(ret: &'a Value, id: &str) -> &'a Value {
    let all = ret.as_object().into_iter().flatten();
    all.map(|(_, r)| r).find(|r| r["__id__"] == json!(id)).unwrap_or(&Value::Null)
}

#[test]
fn states_plan_act_and_converge() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "sls")?;
    master.file(
        "site.sls",
        "east:\n  vmware_datacenter.present: []\n\nblue:\n  vmware_folder.manage:\n    - task: create\n    - dc_name: east\n    - type: vm\n    - require:\n      - vmware_datacenter: east\n",
    )?;
    let before = stage.vcsim.names("Datacenter")?;
    assert!(!before.iter().any(|n| n == "east"));

    stage.vcsim.reset()?;
    let planned = stage.call_with("state.apply", json!(["site"]), json!({"test": true}))?;
    assert_eq!(result(planned.value(), "east")["result"], Value::Null, "{:#}", planned.load);
    assert_ne!(result(planned.value(), "east")["changes"], json!({}), "{:#}", planned.load);
    assert_eq!(stage.vcsim.names("Datacenter")?, before, "test=True changes nothing");
    let stats = stage.vcsim.stats()?;
    assert_eq!(stats.methods_but(&["WaitForUpdatesEx"]), [], "test=True asks vCenter nothing");

    let done = stage.call("state.apply", json!(["site"]))?;
    for id in ["east", "blue"] {
        assert_eq!(result(done.value(), id)["result"], json!(true), "{:#}", done.load);
        assert_ne!(result(done.value(), id)["changes"], json!({}), "{:#}", done.load);
    }
    assert_eq!((done.retcode(), done.success(), &done.load["out"]), (0, true, &json!("highstate")));
    assert!(stage.vcsim.names("Datacenter")?.iter().any(|n| n == "east"));
    assert!(stage.vcsim.names("Folder")?.iter().any(|n| n == "blue"));

    let again = stage.call("state.apply", json!(["site"]))?;
    for id in ["east", "blue"] {
        assert_eq!(result(again.value(), id)["result"], json!(true), "{:#}", again.load);
        assert_eq!(result(again.value(), id)["changes"], json!({}), "{:#}", again.load);
    }
    assert_eq!(stage.vcsim.stats()?.count("logins"), 0, "all of it in the session that was there");
    stage.finish()
}

#[test]
fn states_that_fail_say_how() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "bad")?;
    master.file(
        "failing.sls",
        "nope:\n  test.fail_without_changes: []\nafter:\n  test.nop:\n    - require:\n      - test: nope\n",
    )?;
    let returned = stage.call("state.apply", json!(["failing"]))?;
    assert_eq!(
        (returned.retcode(), returned.success(), &returned.load["out"]),
        (2, false, &json!("highstate"))
    );
    assert_eq!(result(returned.value(), "nope")["result"], json!(false));
    assert_eq!(
        result(returned.value(), "after")["result"],
        json!(false),
        "a failed requirement fails what requires it"
    );

    let returned = stage.call("state.apply", json!(["not_there"]))?;
    assert_eq!(returned.retcode(), 1, "{:#}", returned.load);
    let texts = returned.value().as_array().cloned().unwrap_or_default();
    assert!(texts.iter().any(|t| t.as_str().is_some_and(|t| t.contains("not_there"))), "{:#}", returned.load);

    // A tab is no indentation in YAML; the person shall read where it is.
    master.file("tabbed.sls", "fine:\n  test.nop: []\nbroken:\n\ttest.nop: []\n")?;
    let returned = stage.call("state.apply", json!(["tabbed"]))?;
    assert_eq!(returned.retcode(), 1, "{:#}", returned.load);
    let text = returned.value().to_string();
    assert!(text.contains("tabbed") && text.contains("line 4"), "{text}");
    stage.finish()
}

#[test]
fn a_broken_pillar_stops_states() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "pil")?;
    let good = serde_json::to_string(&lab::proxy::pillar(&stage.vcsim))?;
    master.file("fine.sls", "fine:\n  test.nop: []\n")?;
    assert_eq!(stage.call("state.apply", json!(["fine"]))?.retcode(), 0);
    master.pillar_text(&stage.id, "#!jinja|yaml\n{{ 1 / 0 }}\n")?;
    let returned = stage.call("state.apply", json!(["fine"]))?;
    assert_eq!((returned.retcode(), returned.success()), (5, false), "{:#}", returned.load);
    master.pillar_text(&stage.id, &format!("#!yaml\n{good}\n"))?;
    assert_eq!(stage.call("state.apply", json!(["fine"]))?.retcode(), 0, "and a mended one lets them run");
    stage.finish()
}
