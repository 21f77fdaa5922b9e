use std::time::Duration;

use salt::{Map, Value};

use super::master::{Decision, MASTER, MINION, Master, OTHER};
use crate::channel::{AuthOutcome, ChannelConfig, Error, MasterChannel, PubEvent, Publications};
use crate::crypt::Crypticle;
use crate::transport::{self, SubEvent};

async fn new(
    change: impl FnOnce(&mut ChannelConfig),
) -> (Master, MasterChannel, Publications, tempfile::TempDir) {
    let (master, dir) = (Master::new(), tempfile::tempdir().unwrap());
    let channel = master.channel(dir.path(), change);
    channel.authenticate().await.unwrap();
    let publications = channel.subscribe().unwrap();
    (master, channel, publications, dir)
}

fn job(jid: &str, serial: i64) -> Map {
    Map::new().with("fun", "test.ping").with("jid", jid).with("serial", Value::Int(serial))
}

fn jid(event: &PubEvent) -> &str {
    match event {
        PubEvent::Job(load) => {
            assert!(!load.contains_key("serial"));
            load.get_str("jid").unwrap()
        }
        other => panic!("{other:?}"),
    }
}

async fn dropped(publications: &mut Publications) -> Error {
    match publications.next().await {
        PubEvent::Dropped(e) => e,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn jobs_come_through_and_the_link_is_told() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    assert_eq!(master.subscriptions(), [(4505, Vec::new())]);
    master.send(SubEvent::Connected);
    master.publish(job("1", 1), None);
    master.publish(job("2", 2), Some(&MASTER));
    master.send(SubEvent::Overflow(3));
    master.send(SubEvent::Disconnected(transport::Error::Timeout));
    assert_eq!(publications.next().await, PubEvent::Connected);
    assert_eq!(jid(&publications.next().await), "1");
    assert_eq!(jid(&publications.next().await), "2");
    assert_eq!(dropped(&mut publications).await, Error::Overflow(3));
    assert_eq!(publications.next().await, PubEvent::Disconnected);
    assert_eq!(master.state().auths.len(), 1);
}

#[tokio::test]
async fn port_and_topics_are_as_configured() {
    let (master, channel, _publications, dir) = new(|c| c.publish_port = Some(4506)).await;
    assert_eq!(master.subscriptions()[0].0, 4505, "4506 says: not set");
    channel.forget();
    assert!(matches!(channel.subscribe(), Err(Error::SignedOut)));
    let channel = master.channel(dir.path(), |c| {
        c.publish_port = Some(14505);
        c.zmq_filtering = true;
        c.id = "minion".into();
    });
    let _publications = channel.subscribe().unwrap();
    let topics = vec!["broadcast".to_owned(), "77e4c401984e5d311e746b4f0797a24e3276f694".to_owned()];
    assert_eq!(master.subscriptions()[1], (14505, topics));
}

#[tokio::test]
async fn a_job_runs_once_per_serial_and_key() {
    let (master, channel, mut publications, _dir) = new(|_| {}).await;
    for serial in [5, 5, 4, 6] {
        master.publish(job(&serial.to_string(), serial), None);
    }
    assert_eq!(jid(&publications.next().await), "5");
    assert!(matches!(dropped(&mut publications).await, Error::Replay(_)));
    assert!(matches!(dropped(&mut publications).await, Error::Replay(_)));
    assert_eq!(jid(&publications.next().await), "6");
    // The memory outlives an `_auth` that brings the same key, and ends with the key.
    channel.authenticate().await.unwrap();
    master.publish(job("6", 6), None);
    assert!(matches!(dropped(&mut publications).await, Error::Replay(_)));
    master.state().aes = Crypticle::generate();
    master.publish(job("1", 1), None);
    assert_eq!(jid(&publications.next().await), "1");
    // Clusters number nothing; what is no number is no serial.
    let mut load = job("cluster", 0);
    load.remove("serial");
    master.publish(load.clone(), None);
    assert_eq!(jid(&publications.next().await), "cluster");
    master.publish(load.with("serial", "9"), None);
    assert!(matches!(dropped(&mut publications).await, Error::Replay(_)));
}

#[tokio::test]
async fn a_new_publish_key_costs_one_auth_and_no_job() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    master.state().aes = Crypticle::generate();
    for n in 1..=3 {
        master.publish(job(&n.to_string(), n), Some(&MASTER));
    }
    for n in 1..=3 {
        assert_eq!(jid(&publications.next().await), n.to_string());
    }
    assert_eq!(master.state().auths.len(), 2);
}

#[tokio::test]
async fn noise_on_the_publish_port_asks_the_master_once_at_most() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    for _ in 0..5 {
        master.publish_sealed(&[7; 80], None);
        master.send(SubEvent::Message(b"\xc1"[..].into()));
        // Not for us, and no reason to say anything.
        master.send(SubEvent::Message(b"\x81\xa3enc\xa5clear"[..].into()));
    }
    for _ in 0..5 {
        assert_eq!(dropped(&mut publications).await, Error::StaleKey);
        assert!(matches!(dropped(&mut publications).await, Error::Decode(_)));
    }
    assert_eq!(master.state().auths.len(), 2);
    master.publish(job("after all", 1), None);
    assert_eq!(jid(&publications.next().await), "after all");
}

#[tokio::test]
async fn signatures_are_checked_where_they_are_and_demanded_where_told() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    master.publish(job("1", 1), Some(&OTHER));
    assert!(matches!(dropped(&mut publications).await, Error::Signature(_)));

    let (master, _channel, mut publications, _dir) = new(|c| c.sign_pub_messages = true).await;
    master.publish(job("1", 1), None);
    assert!(matches!(dropped(&mut publications).await, Error::Signature(_)));
    master.publish(job("2", 1), Some(&MASTER));
    assert_eq!(jid(&publications.next().await), "2");
    assert_eq!(master.state().auths.len(), 1);
}

#[tokio::test]
async fn a_minion_that_is_refused_learns_it_with_the_job() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    master.state().aes = Crypticle::generate();
    master.state().decision = Decision::Reject;
    master.publish(job("1", 1), None);
    assert_eq!(dropped(&mut publications).await, Error::Unauthenticated(AuthOutcome::Rejected));
}

#[tokio::test]
async fn a_cancelled_wait_cuts_no_auth_short() {
    let (master, _channel, mut publications, _dir) = new(|_| {}).await;
    master.state().aes = Crypticle::generate();
    master.state().slow = Duration::from_millis(60);
    master.publish(job("1", 1), None);
    let mut waits = 0;
    let event = loop {
        match tokio::time::timeout(Duration::from_millis(5), publications.next()).await {
            Ok(event) => break event,
            Err(_) => waits += 1,
        }
    };
    assert_eq!(jid(&event), "1");
    assert!(waits > 1);
    assert_eq!(master.state().auths.len(), 2);
}

#[test]
fn handles_print_no_secrets() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let shown = runtime.block_on(async {
        let (_master, channel, _publications, _dir) = new(|_| {}).await;
        format!("{channel:?} {:?}", *MINION)
    });
    assert!(shown.contains("authenticated: true"), "{shown}");
    assert!(!shown.contains("PRIVATE") && !shown.contains("token"), "{shown}");
}
