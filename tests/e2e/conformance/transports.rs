//! The other transports, and `zmq_filtering`: the same jobs, returns and targets over each.

use std::time::Duration;

use lab::{Master, Release, Result, Tools, Wire, process};
use serde_json::{Value, json};

use crate::conformance::{jobs, returns, targets};
use crate::stage::{self, Stage};

on_each_line! {
    own: c086_filtered_publications, c087_tcp, c089_tls, detecting_tcp;
    newer: c088_websocket, c089_tls_below_websocket, detecting_websocket;
}

/// A proxy minion at a master of its own, both with these options; then all that must hold over any transport, and
/// again for targets once the master was away.
fn all_over(release: &'static Release, master: Value, minion: Value) -> Result<()> {
    let mut options = json!({"auto_accept": true, "loop_interval": 5, "presence_events": true});
    stage::merge(&mut options, master);
    let mut master = Master::start(&Tools::with(release)?, options)?;
    let stage = stage::plain_at(&master, &minion)?;
    for check in
        jobs::OVER_ANY_TRANSPORT.iter().chain(returns::OVER_ANY_TRANSPORT).chain(targets::ONE_OF_EACH)
    {
        check(&stage)?;
    }
    let Stage { mut proxy, vcsim, id, .. } = stage;
    master.restart()?;
    proxy.wait_ready(&master, 0)?;
    let stage = Stage { proxy, vcsim, master: &master, id, mark: 0 };
    for check in targets::ONE_OF_EACH {
        check(&stage)?;
    }
    stage.finish()
}

/// Jobs for others do not even reach the socket.
fn c086_filtered_publications(release: &'static Release) -> Result<()> {
    let filtering = json!({"zmq_filtering": true});
    all_over(release, filtering.clone(), filtering.clone())?;

    let mut options = json!({"auto_accept": true});
    stage::merge(&mut options, filtering.clone());
    let master = Master::start(&Tools::with(release)?, options)?;
    let wire = Wire::to(master.publish_port())?;
    let mut ours = json!({"publish_port": wire.port()});
    stage::merge(&mut ours, filtering);
    let stage = stage::plain_at(&master, &ours)?;
    let other = Stage::up_with(
        &master,
        lab::Settings::new(&stage::id("other")).with(json!({"zmq_filtering": true})),
        json!({}),
    )?;
    let before = wire.received();
    let long = "x".repeat(100_000);
    let job = json!({"tgt": other.id, "fun": "test.echo", "arg": [long]});
    master.bus()?.publish(&job)?.wait(&other.id, stage::LONG)?;
    stage.value("test.ping", json!([]))?;
    let came = wire.received() - before;
    assert!(came < 50_000, "{came} bytes");
    other.finish()?;
    stage.finish()
}

fn c087_tcp(release: &'static Release) -> Result<()> {
    all_over(release, json!({"transport": "tcp"}), json!({"transport": "tcp"}))
}

fn c088_websocket(release: &'static Release) -> Result<()> {
    all_over(release, json!({"transport": "ws"}), json!({"transport": "ws"}))
}

fn detecting_tcp(release: &'static Release) -> Result<()> {
    detects(release, "tcp")
}

fn detecting_websocket(release: &'static Release) -> Result<()> {
    detects(release, "ws")
}

fn detects(release: &'static Release, transport: &str) -> Result<()> {
    let options = json!({"auto_accept": true, "transport": transport});
    let master = Master::start(&Tools::with(release)?, options)?;
    let stage = stage::plain_at(&master, &json!({"transport": "detect"}))?;
    for check in targets::ONE_OF_EACH {
        check(&stage)?;
    }
    stage.finish()
}

fn c089_tls(release: &'static Release) -> Result<()> {
    tls(release, "tcp")
}

fn c089_tls_below_websocket(release: &'static Release) -> Result<()> {
    tls(release, "ws")
}

/// Both sides show certificates of one authority, and each insists on the other's.
fn tls(release: &'static Release, transport: &str) -> Result<()> {
    if release.line() == 3007 {
        return no_master_with_tls(release);
    }
    let root = lab::Root::new()?;
    let path = |name: &str| json!(root.path().join(name));
    certificates(&Tools::with(release)?, root.path())?;
    let ssl = |who: &str| {
        json!({
            "certfile": path(&format!("{who}.crt")),
            "keyfile": path(&format!("{who}.key")),
            "ca_certs": path("ca.crt"),
            "cert_reqs": "CERT_REQUIRED",
        })
    };
    let mut master = json!({"transport": transport, "ssl": ssl("master")});
    if release.line() >= 3008 {
        // The pooled front of 3008 opens its inner connections without TLS.
        master["worker_pools_enabled"] = json!(false);
    }
    all_over(release, master, json!({"transport": transport, "ssl": ssl("minion")}))
}

/// The master of this release sets the `protocol` of an `SSLContext`, which Python 3.11 lets nobody do: it never listens.
/// When this test fails, there is a master to test with.
fn no_master_with_tls(release: &'static Release) -> Result<()> {
    let master = Master::start(
        &Tools::with(release)?,
        json!({"transport": "tcp", "ssl": {"certfile": "x", "keyfile": "y"}}),
    );
    assert!(master.is_err(), "this master starts with TLS now");
    Ok(())
}

/// An authority, and keys with certificates for `127.0.0.1`.
fn certificates(tools: &Tools, into: &std::path::Path) -> Result<()> {
    let mut make = tools.python("python3");
    make.arg(lab::provision::workspace().join("tests/lab/python/certificates.py")).arg(into);
    let (code, out, err) = process::run(&make, Duration::from_secs(120))?;
    if code == 0 { Ok(()) } else { Err(lab::Error::new(format!("{out}{err}"))) }
}
