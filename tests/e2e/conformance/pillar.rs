//! The pillar: asked for anew, overridden, masked, broken, and what it can forbid.

use lab::{Release, Result};
use serde_json::json;

use crate::stage::{self, LONG, Stage, tail};

on_each_line! {
    plain: c054_a_pillar_override;
    own: c024_a_broken_pillar_stops_states, c051_a_pillar_is_refreshed, c091_blackout, c094_a_pillar_without_proxy;
}

fn c024_a_broken_pillar_stops_states(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let stage = Stage::up(master, "broken")?;
    master.file("c024.sls", "fine:\n  test.nop: []\n")?;
    assert_eq!(stage.call("state.apply", json!(["c024"]))?.retcode(), 0);
    let good = serde_json::to_string(&lab::proxy::pillar(&stage.vcsim))?;
    master.pillar_text(&stage.id, "#!jinja|yaml\n{{ 1 / 0 }}\n")?;
    let returned = stage.call("state.apply", json!(["c024"]))?;
    assert_eq!((returned.retcode(), returned.success()), (5, false), "{:#}", returned.load);
    assert!(returned.value().is_array(), "{:#}", returned.load);
    master.pillar_text(&stage.id, &format!("#!yaml\n{good}\n"))?;
    assert_eq!(stage.call("state.apply", json!(["c024"]))?.retcode(), 0, "and a mended one lets them run");
    stage.finish()
}

fn c051_a_pillar_is_refreshed(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let stage = Stage::up(master, "fresh")?;
    assert_eq!(stage.value("pillar.get", json!(["colour"]))?, json!(""));
    let mark = master.bus()?.mark();
    stage.new_pillar(json!({"colour": "blue"}))?;
    master.bus()?.tagged(mark, LONG, &format!("minion/refresh/{}", stage.id))?;
    // The request had all grains: targets by grain still find it.
    stage.ask(json!({"tgt": format!("id:{}", stage.id), "tgt_type": "grain"}))?;
    stage.ask(json!({"tgt": "colour:blue", "tgt_type": "pillar"}))?;
    let cached = master.salt_run(&["cache.grains", &stage.id])?.of(&stage.id);
    assert!(cached.as_object().is_some_and(|grains| grains.len() > 5), "{cached:#}");
    stage.finish()
}

fn c054_a_pillar_override(stage: &Stage) -> Result<()> {
    let returned = stage.call_with("pillar.items", json!([]), json!({"pillar": {"a": 1}}))?;
    assert_eq!(
        (&returned.value()["a"], &returned.value()["foo"]),
        (&json!(1), &json!("bar")),
        "{:#}",
        returned.load
    );
    Ok(())
}

fn c091_blackout(release: &'static Release) -> Result<()> {
    let stage = Stage::up(stage::shared(release)?, "dark")?;
    stage.new_pillar(json!({"minion_blackout": true, "minion_blackout_whitelist": ["test.echo"]}))?;
    for fun in ["test.ping", "saltutil.find_job"] {
        let returned = stage.call(fun, json!([]))?;
        let wanted = format!(
            "ERROR executing '{fun}': Minion in blackout mode. Set 'minion_blackout' to False in pillar or grains to \
             resume operations. Only saltutil.refresh_pillar allowed in blackout mode."
        );
        assert_eq!(returned.text(), wanted);
        assert_eq!((returned.retcode(), returned.success()), (1, false));
    }
    assert_eq!(stage.value("test.echo", json!(["x"]))?, json!("x"));
    stage.new_pillar(json!({}))?;
    stage.value("test.ping", json!([]))?;
    stage.finish()
}

fn c094_a_pillar_without_proxy(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let id = stage::id("bare");
    master.pillar(&id, &json!({"other": 1}))?;
    let mark = master.bus()?.mark();
    let mut proxy = lab::Proxy::start(master, lab::Settings::new(&id))?;
    assert_eq!(proxy.process().wait(LONG)?, 1, "{}", tail(&proxy.log()));
    proxy.wait_complaint(LONG, &["proxy", "pillar"])?;
    let start = format!("salt/minion/{id}/start");
    assert!(master.bus()?.since(mark).iter().all(|e| e.tag != start));
    Ok(())
}
