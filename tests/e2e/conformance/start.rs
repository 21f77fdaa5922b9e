//! From no key at all to the start events.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lab::{Error, Event, Release, Result, Settings, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Shared, Stage, tail};

on_each_line! {
    own: c001_a_key_is_made_and_asked_for, c002_a_pending_minion_asks_again, c003_the_fingerprint,
        c004_an_accepted_key, c005_the_start_events, c006_no_legacy_start_event, c007_grains_in_start_events,
        c008_the_first_pillar_request_has_no_grains, c009_the_master_has_all_grains;
}

/// What was seen of a minion that came new to a master that a person accepts keys for.
struct Newcomer {
    stage: Stage<'static>,
    private_key: String,
    mode: u32,
    pinned_before: bool,
    listed: Value,
    /// Events of the time it was pending.
    pending: Vec<Event>,
    /// Events from its acceptance to its start.
    accepted: Vec<Event>,
}

/// One for each release: it takes a while to be a newcomer.
fn newcomer(release: &Release) -> Result<&'static Newcomer> {
    static NEWCOMERS: Shared<Newcomer> = Shared::new();
    NEWCOMERS.get(release, |_| {
        let master = stage::strict(release)?;
        let bus = master.bus()?;
        let id = stage::id("new");
        let settings = Settings::new(&id).with(json!({"acceptance_wait_time": 2}));
        let mut stage = Stage::start(master, settings, json!({}))?;
        let pends = || bus.since(stage.mark).into_iter().filter(|e| is_auth(e, &id, "pend")).count();
        eventually(LONG, || (pends() >= 4).then_some(()))
            .ok_or_else(|| Error::new(format!("{id} does not ask again\n{}", tail(&stage.proxy.log()))))?;
        let pki = stage.proxy.pki_dir();
        let (private_key, mode) = (
            fs::read_to_string(pki.join("minion.pem"))?,
            fs::metadata(pki.join("minion.pem"))?.permissions().mode() & 0o777,
        );
        let pinned_before = pki.join("minion_master.pub").exists();
        let listed = master.salt_key(&["-L"])?.value.unwrap_or_default();
        let (pending, mark) = (bus.since(stage.mark), bus.mark());
        master.accept_key(&id)?;
        stage.proxy.wait_ready(master, stage.mark)?;
        let accepted = bus.since(mark);
        Ok(Newcomer { stage, private_key, mode, pinned_before, listed, pending, accepted })
    })
}

fn is_auth(event: &Event, id: &str, act: &str) -> bool {
    event.tag == "salt/auth" && event.data["id"] == json!(id) && event.data["act"] == json!(act)
}

fn c001_a_key_is_made_and_asked_for(release: &'static Release) -> Result<()> {
    let new = newcomer(release)?;
    assert!(new.private_key.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert_eq!(new.mode, 0o400);
    let waiting = new.listed["minions_pre"].as_array().cloned().unwrap_or_default();
    assert!(waiting.contains(&json!(new.stage.id)), "{:#}", new.listed);
    Ok(())
}

fn c002_a_pending_minion_asks_again(release: &'static Release) -> Result<()> {
    let new = newcomer(release)?;
    let pends: Vec<&Event> = new.pending.iter().filter(|e| is_auth(e, &new.stage.id, "pend")).collect();
    assert!(pends.windows(2).all(|two| two[0].data["pub"] == two[1].data["pub"]), "always the same key");
    // Two seconds apart, less what the bus makes of it.
    let apart = pends[pends.len() - 1].at - pends[0].at;
    let rounds = u32::try_from(pends.len() - 1).unwrap_or(u32::MAX);
    assert!(apart / rounds > Duration::from_millis(1500), "{} in {apart:?}", pends.len());
    let others =
        new.pending.iter().filter(|e| e.tag.contains(&new.stage.id) || e.data["id"] == json!(new.stage.id));
    let others: Vec<&str> = others.map(|e| e.tag.as_str()).filter(|t| *t != "salt/auth").collect();
    assert!(others.is_empty(), "a pending minion asks for nothing else: {others:?}");
    assert!(!new.pinned_before, "nothing is pinned before the master has signed");
    Ok(())
}

/// `salt-key` of 3008.5 takes the hash of the whole file, headers and all: its own minions, too, show another one than it. What
/// Salt's library says of the file is what counts.
fn c003_the_fingerprint(release: &'static Release) -> Result<()> {
    let stage = &newcomer(release)?.stage;
    let key = stage.master.path("pki/minions").join(&stage.id);
    let mut python = stage.master.tools().python("python3");
    python.args(["-c", "import sys, salt.utils.crypt as c; print(c.pem_finger(path=sys.argv[1]))"]).arg(key);
    let (_, finger, errors) = lab::process::run(&python, LONG)?;
    let finger = finger.trim();
    assert_eq!(finger.len(), 95, "{errors}");
    assert_eq!(stage.value("key.finger", json!([]))?, json!(finger));
    if release.line() < 3008 {
        let said = stage.master.salt_key(&["-f", &stage.id])?;
        assert_eq!(said.value.as_ref().map(|v| &v["minions"][&stage.id]), Some(&json!(finger)), "{said:?}");
    }
    Ok(())
}

fn c004_an_accepted_key(release: &'static Release) -> Result<()> {
    let new = newcomer(release)?;
    assert!(new.accepted.iter().any(|e| is_auth(e, &new.stage.id, "accept")));
    let lines =
        |text: String| text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    let pinned = lines(fs::read_to_string(new.stage.proxy.pki_dir().join("minion_master.pub"))?);
    assert_eq!(pinned, lines(fs::read_to_string(new.stage.master.path("pki/master.pub"))?));
    Ok(())
}

fn c005_the_start_events(release: &'static Release) -> Result<()> {
    let Newcomer { stage, accepted, .. } = newcomer(release)?;
    let place = |tag: &str| {
        let wanted = |e: &Event| e.tag == tag && (tag != "minion_start" || e.data["id"] == json!(stage.id));
        accepted.iter().position(wanted).ok_or_else(|| Error::new(format!("no event {tag}")))
    };
    let start = place(&format!("salt/minion/{}/start", stage.id))?;
    let (refresh, legacy) = (place(&format!("minion/refresh/{}", stage.id))?, place("minion_start")?);
    assert!(refresh < legacy && legacy < start, "{refresh} {legacy} {start}");
    let text = accepted[start].data["data"].as_str().unwrap_or_default();
    assert!(text.starts_with(&format!("Minion {} started at ", stage.id)), "{text}");
    Ok(())
}

fn c006_no_legacy_start_event(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let settings = Settings::new(&stage::id("mute")).with(json!({"enable_legacy_startup_events": false}));
    let stage = Stage::up_with(master, settings, json!({}))?;
    let legacy = |e: &Event| e.tag == "minion_start" && e.data["id"] == json!(stage.id);
    // Both would have come one after the other, before any return.
    stage.value("test.ping", json!([]))?;
    assert!(!master.bus()?.since(stage.mark).iter().any(legacy));
    stage.finish()
}

fn c007_grains_in_start_events(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let settings = Settings::new(&stage::id("told")).with(json!({"start_event_grains": ["os", "id"]}));
    let stage = Stage::up_with(master, settings, json!({}))?;
    let wanted = stage.value("grains.item", json!(["os", "id"]))?;
    let bus = master.bus()?;
    let start = bus.tagged(stage.mark, LONG, &format!("salt/minion/{}/start", stage.id))?;
    let legacy = |e: &Event| e.tag == "minion_start" && e.data["id"] == json!(stage.id);
    for event in [start, bus.wait(stage.mark, LONG, legacy)?] {
        assert_eq!(event.data["grains"], wanted, "{:#}", event.data);
    }
    stage.finish()
}

/// A minion that dies between its first pillar request and the next one.
fn c008_the_first_pillar_request_has_no_grains(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    let id = stage::id("first");
    // A vCenter that answers nothing: the minion gives it twenty seconds before it goes on without.
    let vcsim = lab::Vcsim::start(master.tools())?;
    vcsim.outage()?;
    master.pillar(&id, &lab::proxy::pillar(&vcsim))?;
    let mark = master.bus()?.mark();
    let mut proxy = lab::Proxy::start(master, Settings::new(&id))?;
    master.bus()?.tagged(mark, LONG, &format!("minion/refresh/{id}"))?;
    proxy.process().kill();
    let grains = master.salt_run(&["cache.grains", &id])?.of(&id);
    assert_eq!(grains, json!({"id": id}), "{}", tail(&proxy.log()));
    Ok(())
}

fn c009_the_master_has_all_grains(release: &'static Release) -> Result<()> {
    let stage = stage::plain(release)?;
    let cached = stage.master.salt_run(&["cache.grains", &stage.id])?.of(&stage.id);
    let own = stage.value("grains.items", json!([]))?;
    let keys = |grains: &Value| grains.as_object().map(|g| g.keys().cloned().collect::<Vec<_>>());
    assert_eq!(keys(&cached), keys(&own));
    Ok(())
}
