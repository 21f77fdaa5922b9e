//! Spools with a scripted master.

use super::*;
use crate::scripted::{Scripted, eventually};
use crate::transport::Error::TooMuch;
use salt::map;
use tokio::sync::mpsc;

fn sample(jid: &str) -> Map {
    map! { "cmd" => "_return", "id" => "vc01", "jid" => jid, "return" => Value::Bytes(vec![0xff]) }
}

fn files(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}

fn link() -> Arc<Link> {
    Link::new(mpsc::unbounded_channel().0)
}

#[tokio::test]
async fn a_return_survives_the_process_and_is_sent_once() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    spool.push(sample("1"), true).await;
    spool.push(sample("2"), true).await;
    spool.push(sample("3"), false).await;
    drop(spool);
    std::fs::write(directory.path().join("00000000000000000001-000001.p"), b"\xc1").unwrap();
    std::fs::write(directory.path().join("x.part"), b"").unwrap();

    let spool = Spool::open(directory.path()).unwrap();
    assert_eq!((spool.len(), files(directory.path())), (2, 2));
    let (master, link) = (Scripted::new(Map::new()), link());
    let delivery = tokio::spawn(spool.clone().deliver(link.clone(), Timing::of(&Map::new())));
    tokio::task::yield_now().await;
    assert!(master.heard().is_empty(), "nothing is sent before there is a master");
    link.up(master.clone());
    spool.drained().await;
    // They are sent at the same time, so any of them may come first.
    let mut heard = master.heard();
    heard.sort_by_key(|load| load.get_str("jid").map(str::to_string));
    assert_eq!(heard, [sample("1"), sample("2")]);
    assert_eq!(files(directory.path()), 0);
    delivery.abort();
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_sent_again_until_it_is_refused_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    let (master, link) = (Scripted::new(Map::new()), link());
    let tries = Mutex::new(0);
    master.answers(move |load| match load.get_str("jid") {
        Some("refused") => Ok("".into()),
        _ => {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            if *tries < 4 { Err(Error::Timeout) } else { Ok(Value::None) }
        }
    });
    link.up(master.clone());
    let delivery = tokio::spawn(spool.clone().deliver(link.clone(), Timing::of(&Map::new())));
    spool.push(sample("late"), true).await;
    spool.push(sample("refused"), true).await;
    eventually(|| spool.is_empty()).await;
    let count = |jid: &str| master.heard().iter().filter(|l| l.get_str("jid") == Some(jid)).count();
    assert_eq!((count("late"), count("refused")), (4, 3));
    assert_eq!(files(directory.path()), 0);
    delivery.abort();
}

#[tokio::test]
async fn an_answer_about_jobs_is_not_worth_keeping() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    let (master, link) = (Scripted::new(Map::new()), link());
    master.answers(|_| Err(Error::Timeout));
    link.up(master.clone());
    spool.push(sample("poll"), false).await;
    assert_eq!(files(directory.path()), 0);
    let delivery = tokio::spawn(spool.clone().deliver(link, Timing::of(&Map::new())));
    spool.drained().await;
    assert_eq!(master.heard().len(), 1);
    delivery.abort();
}

#[test]
fn the_time_of_a_try_lies_between_the_options() {
    let timing = Timing::of(
        &map! { "return_retry_timer" => 2, "return_retry_timer_max" => 0, "return_retry_tries" => 5 },
    );
    assert_eq!(timing.patience(), Patience { timeout: Duration::from_secs(2), tries: 5 });
    let patience = Timing::of(&Map::new()).patience();
    assert!((5..=10).contains(&patience.timeout.as_secs()) && patience.tries == 3);
}

#[tokio::test]
async fn what_is_larger_than_the_transport_carries_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    let (master, link) = (Scripted::new(Map::new()), link());
    master.answers(|load| match load.get("return") {
        Some(Value::Bytes(_)) => Err(Error::Transport(TooMuch { length: 7, limit: 4 })),
        _ => Ok(Value::None),
    });
    link.up(master.clone());
    let delivery = tokio::spawn(spool.clone().deliver(link, Timing::of(&Map::new())));
    spool.push(sample("large").with("retcode", 0).with("success", true), true).await;
    spool.drained().await;
    let heard = master.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard[1].get_str("return").unwrap().starts_with("ERROR: the job is done"), "{:?}", heard[1]);
    assert_eq!((heard[1].get("retcode"), heard[1].get_str("jid")), (Some(&1.into()), Some("large")));
    assert_eq!(files(directory.path()), 0);
    delivery.abort();
}

#[tokio::test]
async fn what_is_over_the_limits_goes_the_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let size = msgpack::pack(&sample("1").into()).unwrap().len() as i64;
    let limits = Limits::of(&map! { "spool_max_size" => 2 * size });
    let spool = Spool::open_within(directory.path(), limits).unwrap();
    for jid in ["1", "2", "3"] {
        spool.push(sample(jid), true).await;
    }
    assert_eq!((spool.len(), files(directory.path())), (2, 2));
    assert_eq!(spool.next().map(|(ticket, _)| spool.jid(ticket)).as_deref(), Some("2"));
    drop(spool);
    let old = directory.path().join("00000000000000000001-000000.p");
    std::fs::write(&old, msgpack::pack(&sample("old").into()).unwrap()).unwrap();
    let forever = Limits::of(&map! { "spool_max_age" => 0, "spool_max_size" => 0 });
    assert_eq!(Spool::open_within(directory.path(), forever).unwrap().len(), 3);
    assert_eq!(Spool::open(directory.path()).unwrap().len(), 2);
    assert!(!old.exists());
}

#[tokio::test]
async fn a_return_too_large_for_the_spool_is_not_too_large_for_the_master() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open_within(directory.path(), Limits::of(&map! { "spool_max_size" => 1 })).unwrap();
    spool.push(sample("1"), true).await;
    assert_eq!(spool.len(), 1);
}

#[tokio::test]
async fn a_full_disk_does_not_cost_the_return() {
    let directory = tempfile::tempdir().unwrap();
    let spool = Spool::open(directory.path()).unwrap();
    directory.close().unwrap();
    let (master, link) = (Scripted::new(Map::new()), link());
    link.up(master.clone());
    let mut kept = false;
    spool.push_then(sample("1"), true, || kept = true).await;
    assert!(kept);
    let delivery = tokio::spawn(spool.clone().deliver(link, Timing::of(&Map::new())));
    spool.drained().await;
    assert_eq!(master.heard(), [sample("1")]);
    delivery.abort();
}

#[tokio::test]
async fn without_a_master_nothing_is_kept() {
    let spool = Spool::nowhere();
    spool.push(sample("1"), true).await;
    spool.drained().await;
}
