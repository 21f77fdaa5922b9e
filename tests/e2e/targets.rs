//! Jobs that are for a minion by other marks than its id.

use lab::{Result, Settings};
use serde_json::json;

use crate::stage::{self, Stage};

#[test]
fn a_minion_knows_its_jobs() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let id = stage::id("tgt");
    let pillar = json!({"role": "edge", "nest": {"a": "b"}});
    let settings = Settings::new(&id).with(json!({"grains": {"shelf": "Upper", "nest": {"a": "b"}}}));
    let stage = Stage::up_with(master, settings, pillar)?;
    let grains = stage.value("grains.item", json!(["shelf", "id"]))?;
    assert_eq!(grains, json!({"shelf": "Upper", "id": id}));
    let targets = [
        ("glob", format!("{}*", &id[..4])),
        ("glob", format!("t[g]t{}", &id[3..])),
        ("pcre", format!("tg.{}", &id[3..])),
        ("list", format!("{id},somebody-else")),
        ("grain", "shelf:*".to_owned()),
        ("grain", "shelf:upper".to_owned()),
        ("grain", "nest:a:b".to_owned()),
        ("grain_pcre", "shelf:^Up.+$".to_owned()),
        ("pillar", "role:edge".to_owned()),
        ("pillar_pcre", "nest:a:[abc]".to_owned()),
        ("compound", format!("G@shelf:Upper and not nobody or ( L@{id} and E@tgt.* )")),
    ];
    for (kind, target) in targets {
        let job = json!({"tgt": target, "tgt_type": kind, "fun": "test.ping"});
        let returned = master.bus()?.publish(&job)?.wait(&id, stage::LONG)?;
        assert_eq!(*returned.value(), json!(true), "{kind} {target}");
    }
    stage.finish()
}

/// A job that others get too is not taken by the one it does not name.
#[test]
fn a_minion_leaves_the_jobs_of_others() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "own")?;
    let other = Stage::up(master, "other")?;
    let bus = master.bus()?;
    let mark = bus.mark();
    bus.publish(&json!({"tgt": other.id, "fun": "test.ping"}))?.wait(&other.id, stage::LONG)?;
    bus.publish(&json!({"tgt": "other*", "fun": "test.ping"}))?.wait(&other.id, stage::LONG)?;
    // Jobs come in order: when this one is back, the earlier ones were judged.
    stage.value("test.ping", json!([]))?;
    let mine = bus.since(mark).iter().filter(|e| e.tag.ends_with(&format!("/ret/{}", stage.id))).count();
    assert_eq!(mine, 1);
    other.finish()?;
    stage.finish()
}
