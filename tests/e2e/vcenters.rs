//! Several vCenters at once, passwords that change, and certificates: counted by the simulators, not by us.

use lab::{Result, Settings, Vcsim, eventually, vcsim};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage, WRONG_PASSWORD, tail};

/// A second password; no log may have it either.
const NEW_PASSWORD: &str = "vcsim-Pa55-secret-2";

/// What a job that must fail says.
fn error(stage: &Stage, fun: &str, arg: Value) -> Result<String> {
    let returned = stage.call(fun, arg)?;
    assert!(!returned.success() && returned.retcode() != 0, "{fun}: {:#}", returned.load);
    Ok(returned.text())
}

/// Logins, failed logins and live sessions.
fn counts(vcsim: &Vcsim) -> Result<(u64, u64, u64)> {
    let stats = vcsim.stats()?;
    Ok((stats.count("logins"), stats.count("logins_failed"), stats.count("sessions")))
}

/// Waits for so many sessions.
fn sessions(vcsim: &Vcsim, number: u64) {
    let there = || (vcsim.stats().ok()?.count("sessions") == number).then_some(());
    assert!(eventually(LONG, there).is_some(), "{:?}", vcsim.stats());
}

fn profile(vcsim: &Vcsim) -> Value {
    json!({
        "host": "127.0.0.1", "port": vcsim.port(), "user": vcsim::USER, "password": vcsim::PASSWORD,
        "ca_bundle": vcsim.ca_file(),
    })
}

/// The pillar of a stage with these changes of `proxy`, and the minion's knowledge of it.
fn refresh(stage: &Stage, changes: Value) -> Result<()> {
    let mut pillar = lab::proxy::pillar(&stage.vcsim);
    if let (Value::Object(proxy), Value::Object(changes)) = (&mut pillar["proxy"], changes) {
        proxy.extend(changes);
    }
    stage.master.pillar(&stage.id, &pillar)?;
    let done = stage.master.bus()?.call(
        &stage.id,
        "saltutil.refresh_pillar",
        json!([]),
        json!({"wait": true, "timeout": 60}),
    )?;
    assert_eq!(*done.value(), json!(true), "{:#}", done.load);
    Ok(())
}

#[test]
fn each_profile_has_one_session() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let other = Vcsim::start_with(master.tools(), &["-vm", "1", "-dc", "2"])?;
    let own = Vcsim::start(master.tools())?;
    let pillar =
        json!({"saltext.vmware": {"other": profile(&other), "same": profile(&own), "half": {"host": "x"}}});
    let settings = Settings::new(&stage::id("prof")).with(json!({"vcenter_session_idle": 20}));
    let stage = Stage::up_on(master, own, settings, pillar)?;
    let datacenters = |arg: Value| stage.value("vmware_datacenter.list", arg);

    assert_eq!(datacenters(json!([]))?, json!(["DC0"]));
    assert_eq!(datacenters(json!(["profile=same"]))?, json!(["DC0"]));
    assert_eq!(counts(&other)?, (0, 0, 0), "nobody has asked for it");
    let bus = master.bus()?;
    let job = json!({"tgt": stage.id, "fun": "vmware_datacenter.list", "arg": ["profile=other"]});
    let jobs: Vec<_> = (0..6).map(|_| bus.publish(&job)).collect::<Result<_>>()?;
    for job in jobs {
        let returned = job.wait(&stage.id, LONG)?;
        assert_eq!(*returned.value(), json!(["DC0", "DC1"]), "{:#}", returned.load);
    }
    assert_eq!(counts(&other)?, (1, 0, 1), "however many ask");
    assert_eq!(counts(&stage.vcsim)?, (1, 0, 1), "the profile is what the minion is connected to");

    let text = error(&stage, "vmware_datacenter.list", json!(["profile=nosuch"]))?;
    assert!(text.contains("There is no profile 'nosuch'") && text.contains("other"), "{text}");
    let text = error(&stage, "vmware_datacenter.list", json!(["profile=half"]))?;
    assert!(text.contains("credentials incomplete") && text.contains("the profile 'half'"), "{text}");

    // Nobody uses it any more; the minion's own stays.
    sessions(&other, 0);
    assert_eq!(counts(&stage.vcsim)?, (1, 0, 1));
    assert_eq!(datacenters(json!(["profile=other"]))?, json!(["DC0", "DC1"]));
    assert_eq!(counts(&other)?, (2, 0, 1));
    stage.finish()?;
    assert_eq!(counts(&other)?, (2, 0, 0), "the end of the minion ends all of its sessions");
    Ok(())
}

#[test]
fn credentials_of_a_call_are_its_own_business() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let other = Vcsim::start_with(master.tools(), &["-vm", "1", "-dc", "2"])?;
    let stage = Stage::up(master, "cred")?;
    let args = |vcsim: &Vcsim, password: &str, further: &[&str]| {
        let mut all = vec![
            "host=127.0.0.1".to_owned(),
            format!("port={}", vcsim.port()),
            format!("username={}", vcsim::USER),
            format!("password={password}"),
        ];
        all.extend(further.iter().map(|it| (*it).to_owned()));
        json!(all)
    };
    let text = error(&stage, "vsphere.list_datacenters", args(&other, vcsim::PASSWORD, &[]))?;
    assert!(text.contains("Could not verify the SSL certificate"), "{text}");
    assert_eq!(counts(&other)?, (0, 0, 0));
    let lax = args(&other, vcsim::PASSWORD, &["verify_ssl=False"]);
    for _ in 0..3 {
        assert_eq!(stage.value("vsphere.list_datacenters", lax.clone())?, json!(["DC0", "DC1"]));
    }
    assert_eq!(counts(&other)?, (1, 0, 1));
    let warned = stage.proxy.log().lines().filter(|line| line.contains("is not verified")).count();
    assert_eq!(warned, 1, "{}", tail(&stage.proxy.log()));

    // The minion's own vCenter and user, with the right password and with a wrong one.
    assert_eq!(
        stage.value("vsphere.list_datacenters", args(&stage.vcsim, vcsim::PASSWORD, &[]))?,
        json!(["DC0"])
    );
    assert_eq!(counts(&stage.vcsim)?, (1, 0, 1));
    for _ in 0..5 {
        let text = error(&stage, "vsphere.list_datacenters", args(&stage.vcsim, WRONG_PASSWORD, &[]))?;
        assert!(text.contains("Cannot log in") && !text.contains(".."), "{text}");
    }
    assert_eq!(counts(&stage.vcsim)?, (1, 3, 1), "an account is not locked by asking on and on");
    assert_eq!(stage.value("vsphere.list_datacenters", json!([]))?, json!(["DC0"]));
    assert_eq!(counts(&stage.vcsim)?, (1, 3, 1));
    let text = error(&stage, "vsphere.list_vms", json!(["host=other.invalid"]))?;
    assert!(text.contains("the mandatory parameter 'username' is missing"), "{text}");
    stage.finish()?;
    assert_eq!(counts(&other)?, (1, 0, 0));
    Ok(())
}

/// The vCenter's security token service gives a token for the password, and the token logs in.
#[test]
fn a_token_logs_in() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let pillar = json!({"proxy": {"mechanism": "saml"}});
    let stage = Stage::up_with(master, Settings::new(&stage::id("saml")), pillar)?;
    assert_eq!(stage.value("vsphere.list_datacenters", json!([]))?, json!(["DC0"]));
    stage.vcsim.drop_sessions()?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    let stats = stage.vcsim.stats()?;
    assert_eq!((stats.method("LoginByToken"), stats.method("Login")), (2, 0), "{:#}", stats.0);
    assert_eq!(counts(&stage.vcsim)?, (2, 0, 1));
    let details = stage.value("vcenter.get_details", json!([]))?;
    assert_eq!(details["mechanism"], json!("saml"), "{details}");
    stage.finish()
}

/// What was left behind by a crash is ended when the next process comes to the same vCenter.
#[test]
fn a_killed_minion_leaves_no_session_for_long() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let other = Vcsim::start_with(master.tools(), &["-vm", "1"])?;
    let pillar = json!({"saltext.vmware": {"other": profile(&other)}});
    let mut stage = Stage::up_with(master, Settings::new(&stage::id("dead")), pillar)?;
    stage.value("vmware_datacenter.list", json!(["profile=other"]))?;
    stage.proxy.process().kill();
    assert_eq!((counts(&other)?.2, counts(&stage.vcsim)?.2), (1, 1));
    let mark = master.bus()?.mark();
    let Stage { proxy, vcsim, master, id, .. } = stage;
    let mut stage = Stage { proxy: proxy.restart(&["proxy"])?, vcsim, master, id, mark };
    stage.proxy.wait_ready(master, mark)?;
    stage.value("vmware_datacenter.list", json!(["profile=other"]))?;
    sessions(&other, 1);
    sessions(&stage.vcsim, 1);
    assert_eq!((counts(&other)?.0, counts(&stage.vcsim)?.0), (2, 2));
    stage.finish()?;
    sessions(&other, 0);
    Ok(())
}

/// A password is changed: first in the pillar, then in the vCenter. No job fails, and no connection is made anew.
#[test]
fn a_password_changes_under_running_jobs() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let mut stage = Stage::up(master, "rota")?;
    let bus = master.bus()?;
    let job = json!({"tgt": stage.id, "fun": "vsphere.test_vcenter_connection", "arg": []});
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(bus.publish(&job)?);
    }
    refresh(&stage, json!({"passwords": [vcsim::PASSWORD, NEW_PASSWORD]}))?;
    for _ in 0..6 {
        jobs.push(bus.publish(&job)?);
    }
    for job in jobs {
        let returned = job.wait(&stage.id, LONG)?;
        assert_eq!(*returned.value(), json!(true), "{:#}", returned.load);
    }
    assert_eq!(counts(&stage.vcsim)?, (1, 0, 1), "new passwords need no new log-in");
    stage.vcsim.change_password(NEW_PASSWORD)?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    assert_eq!(counts(&stage.vcsim)?, (1, 1, 1), "the old one, which worked last, then the new one");
    stage.vcsim.drop_sessions()?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    assert_eq!(counts(&stage.vcsim)?, (2, 1, 1), "the good one is remembered");
    assert!(!stage.proxy.log().contains(NEW_PASSWORD));
    stage.finish()
}

/// A refused password is tried as often as is allowed, and again after a correction in the pillar.
#[test]
fn a_correction_needs_no_restart() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let settings = Settings::new(&stage::id("corr")).with(json!({"vcenter_login_refusals": 1}));
    let stage = Stage::up_with(master, settings, json!({"proxy": {"passwords": [WRONG_PASSWORD]}}))?;
    let text = error(&stage, "vsphere.list_vms", json!([]))?;
    assert!(text.contains("saltutil.refresh_pillar") && !text.contains(".."), "{text}");
    assert_eq!(counts(&stage.vcsim)?, (0, 1, 0));
    refresh(&stage, json!({"passwords": [WRONG_PASSWORD]}))?;
    let twice = || (counts(&stage.vcsim).ok()?.1 == 2).then_some(());
    assert!(eventually(LONG, twice).is_some(), "somebody may have corrected it in the vCenter");
    refresh(&stage, json!({"passwords": [vcsim::PASSWORD]}))?;
    assert!(stage.value("vsphere.list_vms", json!([]))?.as_array().is_some_and(|vms| !vms.is_empty()));
    assert_eq!(counts(&stage.vcsim)?, (1, 2, 1));
    // Another user on the same server: the old session serves until the new one is there.
    refresh(&stage, json!({"passwords": [vcsim::PASSWORD], "username": vcsim::USER.to_uppercase()}))?;
    assert_eq!(counts(&stage.vcsim)?.0, 1, "user names know no capitals");
    stage.finish()
}

#[test]
fn a_changed_certificate_is_named_with_the_one_expected() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let own = Vcsim::start(master.tools())?;
    let print = |vcsim: &Vcsim| vcsim.ready()["sha256"].as_str().unwrap_or_default().to_owned();
    let first = print(&own);
    let pinned = |print: &str| json!({"ssl_thumbprint": print, "verify_ssl": null, "ca_bundle": null});
    let pillar = json!({"proxy": pinned(&first.replace(':', "").to_lowercase())});
    let mut stage = Stage::up_on(master, own, Settings::new(&stage::id("pin")), pillar)?;
    stage.value("vsphere.list_vms", json!([]))?;
    stage.vcsim.renew_certificate()?;
    let second = print(&stage.vcsim);
    assert!(first != second && second.len() == 95, "{first} {second}");
    let text = error(&stage, "vsphere.test_vcenter_connection", json!([]))?;
    assert!(text.contains(&first) && text.contains(&second), "both thumbprints: {text}");
    assert_eq!(counts(&stage.vcsim)?, (0, 0, 0), "no password is sent to whom nobody knows");
    refresh(&stage, pinned(&second))?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    // The SHA-1 print is as good.
    let sha1 = stage.vcsim.ready()["sha1"].as_str().unwrap_or_default().to_owned();
    refresh(&stage, pinned(&sha1))?;
    assert_eq!(stage.value("vsphere.test_vcenter_connection", json!([]))?, json!(true));
    sessions(&stage.vcsim, 1);
    stage.finish()
}
