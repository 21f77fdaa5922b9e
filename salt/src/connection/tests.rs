//! What the arguments of a call name.

use super::*;

fn own() -> Config {
    let mut config = Config::new("vc.example.com", Credentials::new("svc@vsphere.local", "secret"));
    config.port = 8443;
    config.trust = Trust::Thumbprint("aa".into());
    config
}

fn login(host: Option<&str>, username: Option<&str>, password: Option<&str>) -> Login {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Login {
        host: text(host),
        username: text(username),
        password: password.map_or(Value::None, Value::from).into(),
        ..Login::default()
    }
}

fn named(login: Login) -> Option<(String, u16, String, Trust)> {
    let endpoint = login.endpoint(Some(&own())).unwrap()?;
    Some((endpoint.host, endpoint.port, endpoint.credentials.username, endpoint.trust))
}

#[test]
fn without_a_password_it_is_the_minions_own() {
    for (host, user) in [
        (None, None),
        (Some("VC.example.com"), None),
        (None, Some("SVC@vsphere.local")),
        (Some("vc.example.com"), Some("svc@vsphere.local")),
        (Some(""), Some("")),
    ] {
        assert_eq!(named(login(host, user, None)), None, "{host:?} {user:?}");
    }
    let port = |port| Login { port: Some(port), ..Login::default() };
    assert_eq!(named(port(8443)), None);
    assert!(port(443).endpoint(Some(&own())).is_err(), "another port is another server");
    assert!(login(None, None, None).endpoint(None).unwrap().is_none());
}

#[test]
fn what_is_left_out_is_as_with_the_minions_own() {
    let pinned = Trust::Thumbprint("aa".into());
    let own_host = |user: &str, trust| Some(("vc.example.com".into(), 8443, user.into(), trust));
    assert_eq!(named(login(None, Some("root"), Some("x"))), own_host("root", pinned.clone()));
    assert_eq!(named(login(None, None, Some("x"))), own_host("svc@vsphere.local", pinned));
    let lax = Login { insecure: true, ..login(None, Some("root"), Some("x")) };
    assert_eq!(named(lax), own_host("root", Trust::Insecure));
    let other = Some(("esx1".into(), 443, "root".into(), Trust::default()));
    assert_eq!(named(login(Some("esx1"), Some("root"), Some("x"))), other);
}

#[test]
fn what_is_missing_is_said_in_salts_words() {
    let text = |login: Login| login.endpoint(Some(&own())).unwrap_err().to_string();
    let sentence = "Login mechanism userpass was specified but the mandatory parameter";
    assert_eq!(text(login(Some("esx1"), None, Some("x"))), format!("{sentence} 'username' is missing"));
    assert_eq!(text(login(Some("esx1"), Some("root"), None)), format!("{sentence} 'password' is missing"));
    assert_eq!(text(login(None, Some("root"), None)), format!("{sentence} 'password' is missing"));
    let ftp = Login { protocol: Some("ftp".into()), ..login(Some("esx1"), Some("root"), Some("hidden")) };
    assert_eq!(text(ftp), "'protocol' must be https or http, got 'ftp'");
    let far = Login { port: Some(70000), ..Login::default() };
    assert_eq!(text(far), "'port' must be from 1 to 65535, got 70000");
    assert!(!format!("{:?}", login(None, None, Some("hidden"))).contains("hidden"));
}

#[test]
fn a_service_instance_is_only_a_name() {
    assert_eq!(refuse_service_instance(&Value::None), Ok(()));
    assert_eq!(refuse_service_instance(&SERVICE_INSTANCE.into()), Ok(()));
    assert!(refuse_service_instance(&"x".into()).is_err());
}
