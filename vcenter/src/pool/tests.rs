//! What a pool makes, shares and closes.

use super::*;
use crate::double::{Asked, Double, Reply};
use crate::session::Credentials;

/// A vCenter whose only password is "secret", and which has no inventory to follow.
async fn vcenter() -> Double {
    Double::start(|request: &Asked| {
        let wrong = request.method() == "Login" && !request.body.contains("<password>secret</password>");
        wrong.then(|| Reply::fault("InvalidLogin", ""))
    })
    .await
}

fn with(double: &Double, password: &str) -> Config {
    let mut config = double.config();
    config.credentials = Credentials::new("Root", password);
    config
}

const SHORT: Duration = Duration::from_millis(100);

async fn until(what: impl Fn() -> bool) {
    for _ in 0..1000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came");
}

#[tokio::test]
async fn who_wants_the_same_gets_the_same() {
    let (double, pool) = (vcenter().await, Pool::new(IDLE));
    let all = (0..8).map(|_| pool.client(with(&double, "secret")));
    let clients = join_all(all).await.into_iter().collect::<Result<Vec<_>>>().unwrap();
    assert_eq!((double.count("Login"), pool.len()), (1, 1));
    // Names know no capitals.
    let mut config = with(&double, "secret");
    config.credentials.username = "rOOT".into();
    pool.client(config).await.unwrap();
    let other = with(&vcenter().await, "secret");
    assert!(pool.client(other).await.is_err(), "that server is gone");
    assert_eq!((double.count("Login"), pool.len()), (1, 2));
    drop(clients);
    pool.close().await;
    assert_eq!((double.count("Logout"), pool.len()), (1, 0));
    assert!(matches!(pool.client(with(&double, "secret")).await, Err(Error::Closed)));
}

#[tokio::test]
async fn a_wrong_password_harms_nobody_else_and_no_account() {
    let (double, pool) = (vcenter().await, Pool::new(IDLE));
    let right = pool.client(with(&double, "secret")).await.unwrap();
    for _ in 0..10 {
        let error = pool.client(with(&double, "wrong")).await.unwrap_err();
        assert!(matches!(error, Error::Login { .. }), "{error}");
        assert!(!format!("{error} {pool:?}").contains("wrong"), "{error} {pool:?}");
    }
    assert_eq!(double.count("Login"), 1 + 3, "the right one, and the wrong one as often as is allowed");
    right
        .session()
        .call(&crate::MoRef::new("ServiceInstance", "ServiceInstance"), "CurrentTime", ())
        .await
        .unwrap();
    assert_eq!(double.count("Login"), 4);
    pool.forgive();
    assert!(pool.client(with(&double, "wrong")).await.is_err());
    assert_eq!(double.count("Login"), 5, "after a correction it is asked again");
    pool.close().await;
    assert_eq!(double.count("Logout"), 1);
}

#[tokio::test]
async fn what_nobody_uses_is_closed() {
    let (double, pool) = (vcenter().await, Pool::new(SHORT));
    let client = pool.client(with(&double, "secret")).await.unwrap();
    tokio::time::sleep(SHORT * 5).await;
    assert_eq!((double.count("Logout"), pool.len()), (0, 1), "it is in use");
    drop(client);
    until(|| double.count("Logout") == 1 && pool.is_empty()).await;
    let held = pool.hold(with(&double, "secret")).unwrap();
    held.client().await.unwrap();
    tokio::time::sleep(SHORT * 5).await;
    assert_eq!((double.count("Login"), double.count("Logout")), (2, 1), "it is held");
    drop(held);
    until(|| double.count("Logout") == 2).await;
}

#[tokio::test]
async fn what_is_retired_serves_those_who_have_it() {
    let (double, pool) = (vcenter().await, Pool::new(IDLE));
    let held = pool.hold(with(&double, "secret")).unwrap();
    let client = held.client().await.unwrap();
    pool.retire(held);
    tokio::time::sleep(SHORT * 3).await;
    client.session().login().await.unwrap();
    assert_eq!(double.count("Logout"), 0);
    pool.client(with(&double, "secret")).await.unwrap();
    assert_eq!(double.count("Login"), 2, "it is handed out to nobody any more");
    drop(client);
    until(|| double.count("Logout") == 1).await;
    pool.close().await;
    assert_eq!(double.count("Logout"), 2);
}

#[tokio::test]
async fn passwords_change_without_a_log_in() {
    let (double, pool) = (vcenter().await, Pool::new(IDLE));
    let held = pool.hold(with(&double, "secret")).unwrap();
    held.client().await.unwrap();
    held.session().set_passwords(vec!["other".into(), "secret".into()]);
    held.client().await.unwrap();
    // Both lists have the password that works.
    let mut config = with(&double, "third");
    config.credentials.passwords.push("secret".into());
    pool.client(config).await.unwrap();
    assert_eq!((double.count("Login"), pool.len()), (1, 1));
    pool.close().await;
}
