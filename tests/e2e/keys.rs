//! Keys: made, asked for, accepted, rejected, and a master that is not the one it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use lab::{Error, Master, Proxy, Result, Settings, eventually};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, clean, tail};

/// The master that accepts no key by itself; shared by the tests here.
pub fn strict() -> Result<Option<&'static Master>> {
    static MASTER: OnceLock<std::result::Result<Master, String>> = OnceLock::new();
    let Some(tools) = stage::tools() else { return Ok(None) };
    let held = MASTER.get_or_init(|| Master::start(&tools, json!({})).map_err(|e| e.to_string()));
    held.as_ref().map(Some).map_err(|e| Error::new(e.clone()))
}

#[test]
fn a_new_minion_is_taken_in() -> Result<()> {
    let Some(master) = strict()? else { return Ok(()) };
    let id = stage::id("new");
    let mut stage = Stage::start(master, Settings::new(&id), json!({}))?;
    let bus = master.bus()?;
    let pend = |e: &lab::Event| e.tag == "salt/auth" && e.data["id"] == json!(id) && e.data["act"] == "pend";
    let first = bus.wait(stage.mark, LONG, pend)?;
    let again = bus.wait(stage.mark, LONG, |e| pend(e) && e.at > first.at)?;
    assert_eq!(first.data["pub"], again.data["pub"], "it asks again with the same key");

    let pki = stage.proxy.pki_dir();
    let private = fs::read_to_string(pki.join("minion.pem"))?;
    assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    assert_eq!(fs::metadata(pki.join("minion.pem"))?.permissions().mode() & 0o777, 0o400);
    assert!(!pki.join("minion_master.pub").exists(), "nothing is pinned before the master has signed");
    let listed = master.salt_key(&["-L"])?;
    let pending = listed
        .value
        .as_ref()
        .map(|v| &v["minions_pre"])
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    assert!(pending.contains(&json!(id)), "{listed:?}");

    let mark = bus.mark();
    master.accept_key(&id)?;
    stage.proxy.wait_ready(master, stage.mark)?;
    bus.wait(mark, LONG, |e| e.tag == "salt/auth" && e.data["id"] == json!(id) && e.data["act"] == "accept")?;
    let place = |tag: &str| {
        let events = bus.since(mark);
        let at =
            events.iter().position(|e| e.tag == tag && (tag != "minion_start" || e.data["id"] == json!(id)));
        at.ok_or_else(|| Error::new(format!("no event {tag}")))
    };
    let start = format!("salt/minion/{id}/start");
    let (refresh, legacy, started) =
        (place(&format!("minion/refresh/{id}"))?, place("minion_start")?, place(&start)?);
    assert!(refresh < legacy && legacy < started, "{refresh} {legacy} {started}");
    let text = bus.tagged(mark, LONG, &start)?.data["data"].as_str().unwrap_or_default().to_owned();
    assert!(text.starts_with(&format!("Minion {id} started at ")), "{text}");

    let lines =
        |text: String| text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    let pinned = lines(fs::read_to_string(pki.join("minion_master.pub"))?);
    assert_eq!(pinned, lines(fs::read_to_string(master.path("pki/master.pub"))?));

    let finger = master.salt_key(&["-f", &id])?;
    let finger = finger.value.as_ref().map(|v| v["minions"][&id].clone()).unwrap_or_default();
    assert_eq!(stage.value("key.finger", json!([]))?, finger);
    assert_eq!(finger.as_str().map(str::len), Some(95));

    let grains = master.salt_run(&["cache.grains", &id])?;
    let grains = grains.of(&id);
    assert!(grains["id"] == json!(id) && grains.as_object().is_some_and(|g| g.len() > 5), "{grains:#}");
    stage.finish()
}

#[test]
fn a_rejected_minion_gives_up_with_77() -> Result<()> {
    let Some(master) = strict()? else { return Ok(()) };
    let id = stage::id("rej");
    let mut stage = Stage::start(master, Settings::new(&id), json!({}))?;
    let pending = || (master.key_state(&id) == Some("minions_pre")).then_some(());
    assert!(eventually(LONG, pending).is_some(), "{}", tail(&stage.proxy.log()));
    let said = master.salt_key(&["-y", "-r", &id])?;
    assert_eq!(master.key_state(&id), Some("minions_rejected"), "{said:?}");
    assert_eq!(stage.proxy.process().wait(LONG)?, 77);
    let log = stage.proxy.log();
    assert!(log.to_lowercase().contains("rejected"), "the log says why: {}", tail(&log));
    clean(&stage.proxy);
    Ok(())
}

/// A pinned master key that is damaged, or another master's: no job is taken, and the proxy is there when it is mended.
#[test]
fn a_wrong_master_key_is_not_trusted() -> Result<()> {
    let Some(master) = strict()? else { return Ok(()) };
    let id = stage::id("pin");
    let mut stage = Stage::start(master, Settings::new(&id), json!({}))?;
    master.accept_key(&id)?;
    stage.proxy.wait_ready(master, stage.mark)?;
    let pin = stage.proxy.pki_dir().join("minion_master.pub");
    let good = fs::read(&pin)?;
    for bad in [
        b"-----BEGIN PUBLIC KEY-----\n*** no base64 ***\n-----END PUBLIC KEY-----\n".to_vec(),
        good[..80].to_vec(),
        vec![0xff; 300],
    ] {
        fs::write(&pin, &bad)?;
        let mark = master.bus()?.mark();
        let Stage { proxy, vcsim, id, .. } = stage;
        let mut proxy: Proxy = proxy.restart(&["proxy"])?;
        proxy.wait_log(LONG, &["minion_master.pub"])?;
        assert_eq!(proxy.process().exited(), None, "it keeps trying");
        assert_eq!(fs::read(&pin)?, bad, "the pin is left for a person to judge");
        let start = format!("salt/minion/{id}/start");
        assert!(
            master.bus()?.since(mark).iter().all(|e| e.tag != start),
            "no job is taken from such a master"
        );
        fs::write(&pin, &good)?;
        proxy.wait_ready(master, mark)?;
        stage = Stage { proxy, vcsim, master, id, mark };
    }
    stage.value("test.ping", json!([]))?;
    stage.finish()
}
