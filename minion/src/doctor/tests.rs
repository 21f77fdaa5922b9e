use std::path::Path;
use std::time::Duration;

use config::Role;
use jiff::{SignedDuration, Timestamp};
use salt::{list, map};
use vcenter::Credentials;

use super::*;
use crate::channel::AuthOutcome;
use crate::connection::Address;

/// What there was to say, and the advice with it.
fn words(report: &Report) -> String {
    report.to_string()
}

fn request(dir: &Path, id: Option<&str>) -> Request {
    let dir = Some(dir.to_path_buf());
    Request { role: Role::Proxy, dir, id: id.map(str::to_string), overrides: Map::new(), env: |_| None }
}

/// A configuration whose minion never comes as far as its master.
async fn examined(text: &str, id: Option<&str>) -> Report {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("proxy"), format!("root_dir: {}\n{text}", dir.path().display())).unwrap();
    examine(&request(dir.path(), id)).await
}

/// A port of this host that nobody listens on.
fn nobody() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_configuration_that_is_wrong_is_named_with_its_line() {
    let report = examined("master: a\n\tid: b\n", Some("vc01")).await;
    assert_eq!(report.verdict(), Verdict::Trouble);
    assert!(words(&report).contains("proxy") && words(&report).contains("line 3"), "{report}");
    assert!(words(&report).contains("tabs"), "{report}");

    let report = examined("master: a\n", None).await;
    assert!(words(&report).contains("--proxyid"), "{report}");
    let report = examined("id: ../x\n", None).await;
    assert!(words(&report).contains("name of a file"), "{report}");

    let text = format!("master: 127.0.0.1\nmaster_port: {}\nauth_tries: often\nbeacons: [1]\n", nobody());
    let report = examined(&text, Some("vc01")).await;
    let said = words(&report);
    for part in ["proxy:4", "'auth_tries'", "whole number", "'often'", "proxy:5", "'beacons'"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let report =
        examined(&format!("master: 127.0.0.1\nmaster_port: {}\ninclude: nosuch/*\n", nobody()), Some("v"))
            .await;
    assert!(words(&report).contains("nosuch/*"), "{report}");
}

#[tokio::test]
async fn a_master_that_is_not_there_is_told_from_one_that_is_none() {
    let refused = examined(&format!("master: 127.0.0.1\nmaster_port: {}\n", nobody()), Some("vc01")).await;
    assert!(words(&refused).contains("refused") && words(&refused).contains("is master_port"), "{refused}");
    let unknown = examined("master: no.such.name.invalid\n", Some("vc01")).await;
    assert!(words(&unknown).contains("cannot resolve no.such.name.invalid"), "{unknown}");
    let none = examined("master: ''\n", Some("vc01")).await;
    assert!(words(&none).contains("Correct the options master"), "{none}");
    let odd = examined("master: 127.0.0.1\ntransport: pigeon\n", Some("vc01")).await;
    assert!(words(&odd).contains("'transport'"), "{odd}");

    // Somebody listens who says nothing that a master would say.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example.com ESMTP\r\n").await;
        }
    });
    let wrong = examined(&format!("master: 127.0.0.1\nmaster_port: {port}\n"), Some("vc01")).await;
    other.abort();
    assert!(words(&wrong).contains("does not answer as a salt-master does"), "{wrong}");
    assert!(words(&wrong).contains("publish_port"), "{wrong}");
}

#[tokio::test]
async fn a_local_port_that_is_taken_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "master: 127.0.0.1\nmaster_port: {}\nsource_address: 127.0.0.1\nsource_ret_port: {}\n",
        listener.local_addr().unwrap().port(),
        taken.local_addr().unwrap().port()
    );
    let report = examined(&text, Some("vc01")).await;
    assert!(words(&report).contains("local port") && words(&report).contains("source_ret_port"), "{report}");
}

#[tokio::test]
async fn a_directory_that_can_not_be_written_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let text = format!(
        "master: 127.0.0.1\nmaster_port: {port}\ncachedir: {0}/file/cache\npki_dir: {0}/pki\nlog_file: {0}/log\npidfile: {0}/pid\n",
        dir.path().display(),
        port = nobody(),
    );
    let conf = tempfile::tempdir().unwrap();
    std::fs::write(conf.path().join("proxy"), text).unwrap();
    let report = examine(&request(conf.path(), Some("vc01"))).await;
    let said = words(&report);
    assert!(said.contains("(option cachedir)") && said.contains("it is no directory"), "{said}");
    assert!(!said.contains("(option pki_dir)") && said.contains("no key yet"), "{said}");
}

#[tokio::test]
async fn keys_that_are_none_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["minion.pem", "minion_master.pub"] {
        std::fs::write(dir.path().join(name), "nonsense").unwrap();
    }
    let text = format!("master: 127.0.0.1\nmaster_port: {}\npki_dir: {}\n", nobody(), dir.path().display());
    // The directory is put below root_dir, so that it has to be the same as before.
    let text = format!(
        "root_dir: /\ncachedir: {0}\nlog_file: {0}/log\npidfile: {0}/pid\n{text}",
        dir.path().display()
    );
    let conf = tempfile::tempdir().unwrap();
    std::fs::write(conf.path().join("proxy"), text).unwrap();
    let report = examine(&request(conf.path(), Some("vc01"))).await;
    let said = words(&report);
    assert!(said.contains("the minion's key") && said.contains("the master's key"), "{said}");
}

#[test]
fn each_answer_to_the_key_has_its_advice() {
    let master = Address { host: "salt".into(), port: 4506 };
    let outcomes = [
        (AuthOutcome::Pending, "salt-key -a"),
        (AuthOutcome::Rejected, "another minion use this id"),
        (AuthOutcome::Full, "max_minions"),
        (AuthOutcome::ClusterNotReady, "Wait"),
        (AuthOutcome::BadEncryptionAlgorithm, "Set encryption_algorithm"),
        (AuthOutcome::BadSigningAlgorithm, "Set signing_algorithm"),
        (AuthOutcome::MasterKeyChanged, "remove minion_master.pub"),
        (AuthOutcome::FingerMismatch { expected: "aa".into(), seen: "bb".into() }, "salt-key -F"),
        (AuthOutcome::MasterUnverified("why"), "verify_master_pubkey_sign"),
    ];
    for (outcome, advice) in outcomes {
        let mut report = Report::default();
        assert_eq!(master::signed_in(&master, Ok(outcome), &mut report), None);
        assert!(report.verdict() == Verdict::Trouble && words(&report).contains(advice), "{report}");
    }
    let mut report = Report::default();
    let accepted = AuthOutcome::Accepted { publish_port: 4505, renewed: true };
    assert_eq!(master::signed_in(&master, Ok(accepted), &mut report), Some(4505));
    assert_eq!(report.verdict(), Verdict::Fine);
}

#[test]
fn a_pillar_says_what_the_device_is_or_what_is_missing() {
    let opts = map! { "id" => "vc01" };
    let judged = |pillar: Map| {
        let mut report = Report::default();
        let usable = master::judged(&opts, pillar, &mut report).is_some();
        (usable, report)
    };
    let (usable, report) = judged(map! { "other" => 1 });
    assert!(
        !usable && words(&report).contains("No proxy key found in pillar or opts for id vc01"),
        "{report}"
    );
    let (usable, report) = judged(map! { "proxy" => map! { "proxytype" => "junos" } });
    assert!(!usable && words(&report).contains("proxytype: vcenter"), "{report}");
    let proxy = map! { "proxytype" => "vcenter" };
    let (usable, report) =
        judged(map! { "proxy" => proxy.clone(), "_errors" => list!["Rendering SLS 'x' failed"] });
    assert!(
        usable && report.verdict() == Verdict::Trouble && words(&report).contains("Rendering SLS"),
        "{report}"
    );
    let (usable, report) = judged(map! { "proxy" => proxy });
    assert!(usable && report.verdict() == Verdict::Fine, "{report}");
}

#[tokio::test]
async fn each_way_not_to_get_into_a_vcenter_has_its_advice() {
    let config = vcenter::Config::new("vc.example.com", Credentials::new("root", "x"));
    let login = |reason: &str| vcenter::Error::Login {
        host: "vc.example.com".into(),
        user: "root".into(),
        reason: reason.into(),
    };
    let transport = |reason: &str| vcenter::Error::Transport {
        endpoint: "vc.example.com:443".into(),
        reason: reason.into(),
        sent: false,
    };
    let cases = [
        (login("Cannot complete login due to an incorrect user name or password."), "may be locked"),
        (login("The account is locked."), "Unlock the account"),
        (transport("dns error: failed to lookup address information"), "make the name known"),
        (transport("connection refused"), "is it up"),
        (vcenter::Error::Tls("Could not verify".into()), "ca_bundle"),
        (vcenter::Error::Timeout { what: "Login".into(), after: Duration::from_secs(1) }, "firewall"),
        (vcenter::Error::Closed, "healthy"),
    ];
    for (error, advice) in cases {
        let mut report = Report::default();
        device::refused(&config, &error, &mut report);
        assert!(report.verdict() == Verdict::Trouble && words(&report).contains(advice), "{report}");
    }
    let mut report = Report::default();
    let opts =
        map! { "id" => "vc01", "proxy" => map! { "proxytype" => "vcenter", "vcenter" => "127.0.0.1" } };
    device::examine(&opts, &mut report).await;
    assert!(words(&report).contains("username") && words(&report).contains("passwords"), "{report}");
}

#[test]
fn clocks_and_privileges_are_weighed() {
    let now = Timestamp::now();
    let apart = |seconds: i64| {
        let mut report = Report::default();
        device::clock(now, now - SignedDuration::from_secs(seconds), &mut report);
        (report.verdict(), words(&report))
    };
    assert_eq!(apart(2).0, Verdict::Fine);
    assert_eq!(apart(-60).0, Verdict::Doubt);
    let (verdict, text) = apart(7200);
    assert!(verdict == Verdict::Trouble && text.contains("7200 s ahead of"), "{text}");
    assert!(apart(-7200).1.contains("behind"));
    let lacks = |lacking: &[&str]| {
        let mut report = Report::default();
        device::privileges(&lacking.iter().map(ToString::to_string).collect::<Vec<_>>(), &mut report);
        (report.verdict(), words(&report))
    };
    assert_eq!(lacks(&[]).0, Verdict::Fine);
    let (verdict, text) = lacks(&["Folder.Create"]);
    assert!(verdict == Verdict::Doubt && text.contains("Folder.Create"), "{text}");
    let (verdict, text) = lacks(&["System.Read", "Folder.Create"]);
    assert!(verdict == Verdict::Trouble && text.contains("System.Read"), "{text}");
}

#[test]
fn a_report_can_be_read_by_programs() {
    let mut report = Report::default();
    report.fine("host", "good");
    report.trouble("master", "bad", "mend it");
    let json = report.to_json();
    assert_eq!(json[0]["verdict"], "ok");
    assert_eq!(json[1]["verdict"], "trouble");
    assert_eq!(json[1]["advice"], "mend it");
}
