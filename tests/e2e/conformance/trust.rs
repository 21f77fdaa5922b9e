//! Signatures, algorithms and clocks that master and minion agree on, or do not.

use lab::{Master, Release, Result, Settings, Tools};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, tail};

on_each_line! {
    own: c080_the_other_algorithms, c081_an_unknown_algorithm, c082_publications_without_signature,
        c083_signed_returns, c085_a_clock_that_is_off;
}

fn c080_the_other_algorithms(release: &'static Release) -> Result<()> {
    let algorithms = json!({"encryption_algorithm": "OAEP-SHA224", "signing_algorithm": "PKCS1v15-SHA224"});
    let settings = Settings::new(&stage::id("sha")).with(algorithms);
    let stage = Stage::up_with(stage::shared(release)?, settings, json!({}))?;
    stage.value("test.ping", json!([]))?;
    stage.value("pillar.items", json!([]))?;
    stage.finish()
}

fn c081_an_unknown_algorithm(release: &'static Release) -> Result<()> {
    let master = stage::shared(release)?;
    for option in ["encryption_algorithm", "signing_algorithm"] {
        let settings = Settings::new(&stage::id("alg")).with(json!({option: "ROT-13"}));
        let mut proxy = lab::Proxy::start(master, settings)?;
        assert_ne!(proxy.process().wait(LONG)?, 0, "{}", tail(&proxy.log()));
        assert!(proxy.log().contains(option) && proxy.log().contains("ROT-13"), "{}", tail(&proxy.log()));
    }
    Ok(())
}

fn c082_publications_without_signature(release: &'static Release) -> Result<()> {
    let master =
        Master::start(&Tools::with(release)?, json!({"auto_accept": true, "sign_pub_messages": false}))?;
    let settings = Settings::new(&stage::id("unsigned")).with(json!({"sign_pub_messages": true}));
    let stage = Stage::up_with(&master, settings, json!({}))?;
    let trusting = Stage::up(&master, "trusting")?;
    let job = stage.publish(json!({"tgt": "*"}))?;
    job.wait(&trusting.id, LONG)?;
    stage.proxy.wait_complaint(LONG, &["sign"])?;
    assert!(!stage.proxy.log().contains(&job.jid), "{}", tail(&stage.proxy.log()));
    trusting.finish()?;
    stage.finish()
}

fn c083_signed_returns(release: &'static Release) -> Result<()> {
    let options = json!({
        "auto_accept": true,
        "signing_algorithm": "PKCS1v15-SHA1",
        "require_minion_sign_messages": true,
        "drop_messages_signature_fail": true,
    });
    let master = Master::start(&Tools::with(release)?, options)?;
    let settings = Settings::new(&stage::id("signed")).with(json!({"minion_sign_messages": true}));
    let stage = Stage::up_with(&master, settings, json!({}))?;
    for value in [json!("text"), json!({"a": [1, 2.5, null]}), Value::Null, json!("x".repeat(300))] {
        assert_eq!(stage.value("test.echo", json!([value.clone()]))?, value);
    }
    let unsigned = Stage::up(&master, "plainly")?;
    let job = unsigned.publish(json!({}))?;
    unsigned.proxy.wait_log(LONG, &["Returning information for job", &job.jid])?;
    stage.value("test.ping", json!([]))?;
    let tag = format!("salt/job/{}/ret/{}", job.jid, unsigned.id);
    assert!(master.bus()?.since(job.mark).iter().all(|e| e.tag != tag));
    unsigned.finish()?;
    stage.finish()
}

/// The master's clock is the one that is off: the difference is the same.
fn c085_a_clock_that_is_off(release: &'static Release) -> Result<()> {
    let options = json!({"auto_accept": true, "request_server_ttl": 60});
    let ahead = "import time\n_real = time.time\ntime.time = lambda: _real() + 300\n";
    let mut master = Master::start_after(&Tools::with(release)?, options, ahead)?;
    let mut stage = Stage::start(&master, Settings::new(&stage::id("late")), json!({}))?;
    stage.proxy.wait_complaint(LONG, &["pillar"])?;
    let Stage { mut proxy, vcsim, id, .. } = stage;
    assert_eq!(proxy.process().exited(), None, "{}", tail(&proxy.log()));
    let start = format!("salt/minion/{id}/start");
    assert!(master.bus()?.since(0).iter().all(|e| e.tag != start));
    master.set_prelude("");
    master.restart()?;
    proxy.wait_ready(&master, 0)?;
    stage = Stage { proxy, vcsim, master: &master, id, mark: 0 };
    stage.value("test.ping", json!([]))?;
    stage.finish()
}
