//! Names that lead elsewhere, and a clock that jumps, on the machine of the proxy.

use std::time::{SystemTime, UNIX_EPOCH};

use lab::machine::{Clock, Names};
use lab::{Proxy, Result, Settings, Vcsim, eventually, proxy};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, tail};

const NAME: &str = "vcenter.lab.example";

/// A vCenter that moves to another address under its name: the next connection goes there.
#[test]
fn a_vcenter_may_move() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let names = Names::new()?;
    names.set(NAME, "127.0.0.1")?;
    let vcsim = Vcsim::start_with(master.tools(), &["-vm", "5", "-cert-names", NAME])?;
    let mut pillar = proxy::pillar(&vcsim);
    pillar["proxy"]["vcenter"] = json!(NAME);
    let settings = Settings { env: names.env(), ..Settings::new(&stage::id("move")) };
    let id = settings.id.clone();
    master.pillar(&id, &pillar)?;
    let mark = master.bus()?.mark();
    let mut proxy = Proxy::start(master, settings)?;
    proxy.wait_ready(master, mark)?;
    let mut stage = Stage { proxy, vcsim, master, id, mark };
    let machines = stage.value("vsphere.list_vms", json!([]))?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));

    for address in ["127.0.0.2", "127.0.0.3"] {
        // It is asked while it is nowhere, and answers from where it is then.
        stage.vcsim.kill();
        let bus = master.bus()?;
        let asked = bus.publish(&json!({"tgt": stage.id, "fun": "vsphere.test_vcenter_connection"}))?;
        names.set(NAME, address)?;
        stage.vcsim.move_to(address.parse().map_err(|_| lab::Error::new(address))?)?;
        let answer = asked.wait(&stage.id, LONG)?;
        assert_eq!(answer.value(), &json!(true), "{address}\n{}", tail(&stage.proxy.log()));
        let all = || stage.value("vsphere.list_vms", json!([])).ok().filter(|now| *now == machines);
        assert!(eventually(LONG, all).is_some(), "{address}");
        let stats = stage.vcsim.stats()?;
        assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "{:#}", stats.0);
    }
    stage.finish()
}

/// A clock that jumps, forwards and back: no job fails, nobody logs in anew. Only certificates are of their time, and then
/// the error says so.
#[test]
fn a_clock_may_jump() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let clock = Clock::new()?;
    let settings = Settings { env: clock.env(), ..Settings::new(&stage::id("clock")) };
    let mut stage = Stage::up_with(master, settings, json!({}))?;
    let works = |stage: &Stage, when: &str| -> Result<()> {
        for fun in ["vsphere.list_vms", "vsphere.test_vcenter_connection", "test.ping"] {
            stage.value(fun, json!([])).map_err(|error| lab::Error::new(format!("{when}: {error}")))?;
        }
        Ok(())
    };
    for days in [3, -1, 20, 0] {
        clock.jump(days)?;
        works(&stage, &format!("{days} days"))?;
        assert_eq!(fast(&stage)?, f64::from(days), "the clock has jumped");
    }
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "{:#}", stats.0);
    // The certificate of the lab is of an hour ago, and for thirty days. That is looked at by a connection that takes up no
    // earlier one's keys: a vCenter that has restarted does not know them any more.
    for (days, why) in [(-2, "not valid yet"), (60, "it has expired")] {
        clock.jump(days)?;
        stage.vcsim.restart()?;
        let refused = || {
            let answer = stage.call("vsphere.test_vcenter_connection", json!([])).ok()?;
            Some(answer.text()).filter(|text| text.contains(why))
        };
        assert!(eventually(LONG, refused).is_some(), "{days} days: {}", tail(&stage.proxy.log()));
        assert_eq!(stage.value("test.ping", json!([]))?, json!(true), "the master does not mind");
        clock.jump(0)?;
        works(&stage, "the right time")?;
    }
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.count("logins"), stats.count("sessions")), (1, 1), "{:#}", stats.0);
    stage.finish()
}

/// How many days the proxy's clock is fast.
fn fast(stage: &Stage) -> Result<f64> {
    let time = stage.value("status.time", json!(["%s"]))?;
    let theirs = match &time {
        Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    };
    let theirs: f64 = theirs.ok_or_else(|| lab::Error::new(format!("no time: {time}")))?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Ok(((theirs - ours) / 86_400.0).round())
}
