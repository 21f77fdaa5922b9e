//! Lives with a scripted master.

use std::path::Path;

use salt::list;

use super::*;
use crate::connection::{Address, Opener};
use crate::job::{ProcDir, Seen};
use crate::minion::start::Start;
use crate::scripted::{Scripted, eventually, registry};

/// A device that is misconfigured: there is no vCenter in these tests.
fn pillar() -> Map {
    map! { "proxy" => map! { "proxytype" => "vcenter", "mechanism" => "sspi" }, "site" => "a" }
}

struct Lived {
    life: tokio::task::JoinHandle<Result<(), Exit>>,
    identity: Arc<Identity>,
    stop: watch::Sender<bool>,
}

fn live(master: &Arc<Scripted>, cachedir: &Path) -> Lived {
    live_with(&[master], cachedir, Map::new())
}

/// Masters at 127.0.0.1, 127.0.0.2 and so on, of which one is served at a time.
fn live_with(masters: &[&Arc<Scripted>], cachedir: &Path, opts: Map) -> Lived {
    begin(start(masters.len(), cachedir, opts), masters)
}

fn start(masters: usize, cachedir: &Path, opts: Map) -> Start {
    let mut all = map! { "id" => "vc01", "cachedir" => cachedir.to_str().unwrap(), "acceptance_wait_time" => 1, "random_reauth_delay" => 0 };
    all.extend(opts);
    Start {
        opts: all,
        masters: (1..=masters).map(|n| Address { host: format!("127.0.0.{n}"), port: 4506 }).collect(),
        alone: true,
        leads: true,
        jobs: Arc::new(Jobs::with_files(ProcDir::below(cachedir))),
        seen: Arc::new(Seen::open(&cachedir.join("spool/seen"), 100)),
        stop: watch::channel(false).1,
        vcenters: vcenter::Pool::new(vcenter::pool::IDLE),
    }
}

fn begin(mut start: Start, masters: &[&Arc<Scripted>]) -> Lived {
    let (stop, stopped) = watch::channel(false);
    start.stop = stopped;
    let hosts: Vec<String> = (1..=masters.len()).map(|n| format!("127.0.0.{n}")).collect();
    let openers: Vec<_> = hosts.into_iter().zip(masters.iter().map(|master| master.opener())).collect();
    let open: Opener = Arc::new(move |address| {
        let (_, open) = openers.iter().find(|(host, _)| *host == address.host).unwrap();
        open(address)
    });
    let life = start.assemble_with(open, registry(), salt::Registry::default()).unwrap();
    let identity = life.identity.clone();
    Lived { life: tokio::spawn(life.live()), identity, stop }
}

fn returned(master: &Scripted, jid: &str) -> Vec<Map> {
    master.of("_return").into_iter().filter(|r| r.get_str("jid") == Some(jid)).collect()
}

#[tokio::test]
async fn a_life_from_the_pending_key_to_the_last_return() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    master.outcomes([Ok(AuthOutcome::Pending)]);
    let Lived { life, identity, stop } = live(&master, directory.path());
    eventually(|| master.tags().len() == 2).await;
    assert_eq!(master.tags(), ["minion_start", "salt/minion/vc01/start"]);
    let pillars = master.of("_pillar");
    assert_eq!(pillars[0].get("grains"), Some(&Map::new().into()), "the first request has no grains");
    assert_eq!(pillars[1].get("grains").unwrap().get("os"), Some(&"proxy".into()));
    assert_eq!(identity.pillar().get_str("site"), Some("a"));
    assert!(identity.vcenter().is_err_and(|e| e.to_string().contains("sspi")));

    master.publish("1", "scripted.echo", vec!["x".into()]);
    master.publish("1", "scripted.echo", vec!["x".into()]);
    master.publish("2", "scripted.waits", vec![1.into()]);
    eventually(|| !returned(&master, "1").is_empty()).await;
    let ret = &returned(&master, "1")[0];
    let keys: Vec<String> = ret.keys().map(Value::to_string).collect();
    assert_eq!(keys, ["cmd", "id", "success", "return", "retcode", "jid", "fun", "fun_args", "_stamp"]);
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()), "the end waits for the job that runs");
    assert_eq!((returned(&master, "1").len(), returned(&master, "2").len()), (1, 1));
}

#[tokio::test]
async fn a_job_for_somebody_else_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let Lived { life, stop, .. } = live(&master, directory.path());
    let job = |tgt: &str| {
        map! { "fun" => "scripted.echo", "arg" => list![1], "tgt" => tgt, "jid" => tgt, "tgt_type" => "glob" }
    };
    for load in [job("other"), map! { "fun" => "scripted.echo", "jid" => "3" }, job("vc01")] {
        master.published.send(PubEvent::Job(load)).unwrap();
    }
    eventually(|| !returned(&master, "vc01").is_empty()).await;
    assert_eq!(master.of("_return").len(), 1);
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn the_loss_of_the_master_is_announced_when_it_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let Lived { life, stop, .. } = live(&master, directory.path());
    eventually(|| master.tags().len() == 2).await;
    master.outcomes([Err(Error::Timeout)]);
    master.published.send(PubEvent::Disconnected).unwrap();
    eventually(|| master.forgotten() == 1).await;
    master.publish("lost", "scripted.echo", vec![1.into()]);
    master.published.send(PubEvent::Connected).unwrap();
    eventually(|| master.tags().len() == 4).await;
    eventually(|| returned(&master, "lost").len() == 1).await;
    assert_eq!(master.of("_pillar").len(), 2, "a short loss asks for no pillar");
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_lost_master_is_left_for_the_next_and_come_back_to() {
    let directory = tempfile::tempdir().unwrap();
    let masters = [(); 2].map(|()| Scripted::new(pillar()));
    let [one, two] = masters.each_ref();
    let opts = map! {
        "master_type" => "failover", "master_failback" => true, "master_failback_interval" => 0.2,
        "random_reauth_delay" => 0,
    };
    let away = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (gone, data) = (away.clone(), pillar());
    one.answers(move |load| match load.get_str("cmd") {
        Some("ping") if gone.load(std::sync::atomic::Ordering::Relaxed) => Err(Error::Timeout),
        Some("_pillar") => Ok(data.clone().into()),
        _ => Ok(Value::None),
    });
    let Lived { life, identity, stop } = live_with(&[one, two], directory.path(), opts);
    eventually(|| one.tags().len() == 2).await;
    assert!(one.of("ping").is_empty() && two.heard().is_empty());
    away.store(true, std::sync::atomic::Ordering::Relaxed);
    one.published.send(PubEvent::Disconnected).unwrap();
    eventually(|| two.tags().len() == 2).await;
    assert_eq!(identity.opts().get_str("master"), Some("127.0.0.2"));
    eventually(|| two.of("_pillar").len() == 1).await;
    two.publish("7", "scripted.echo", vec!["x".into()]);
    eventually(|| returned(two, "7").len() == 1).await;
    eventually(|| one.of("ping").len() > 1).await;
    assert_eq!(one.tags().len(), 2, "it is not there yet");
    away.store(false, std::sync::atomic::Ordering::Relaxed);
    eventually(|| one.tags().len() == 4).await;
    assert_eq!(identity.opts().get_str("master"), Some("127.0.0.1"));
    one.publish("8", "scripted.echo", vec!["x".into()]);
    eventually(|| returned(one, "8").len() == 1).await;
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_job_of_two_masters_runs_once_and_returns_to_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let masters = [(); 2].map(|()| Scripted::new(pillar()));
    let both = masters.each_ref();
    let first = Start { alone: false, ..start(2, directory.path(), Map::new()) };
    let (jobs, seen) = (first.jobs.clone(), first.seen.clone());
    let second = Start { alone: false, leads: false, jobs, seen, ..start(2, directory.path(), Map::new()) };
    let [one, two] = [(first, 0), (second, 1)].map(|(mut start, n)| {
        start.masters = vec![start.masters.remove(n)];
        begin(start, &both)
    });
    eventually(|| both.iter().all(|master| master.tags().len() == 2)).await;
    both[0].publish("5", "scripted.waits", vec![1.into()]);
    eventually(|| two.identity.master().running().len() == 1).await;
    both[1].publish("5", "scripted.waits", vec![1.into()]);
    both[1].publish("6", "scripted.echo", vec!["x".into()]);
    eventually(|| returned(both[0], "5").len() == 1 && returned(both[1], "6").len() == 1).await;
    assert!(returned(both[1], "5").is_empty() && returned(both[0], "6").is_empty());
    for lived in [one, two] {
        lived.stop.send_replace(true);
        assert_eq!(lived.life.await.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_job_that_was_here_is_not_run_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    for (round, tag) in ["a", "b"].into_iter().enumerate() {
        let master = Scripted::new(pillar());
        let Lived { life, stop, .. } = live(&master, directory.path());
        eventually(|| master.tags().len() == 2).await;
        master.publish("5", "scripted.echo", vec!["x".into()]);
        master.publish("../5", "scripted.echo", vec!["x".into()]);
        master.publish(tag, "scripted.echo", vec!["x".into()]);
        eventually(|| !returned(&master, tag).is_empty()).await;
        stop.send_replace(true);
        assert_eq!(life.await.unwrap(), Ok(()));
        assert_eq!(master.of("_return").len(), 2 - round);
    }
}

#[tokio::test]
async fn a_silent_master_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let opts = map! { "master_alive_interval" => 0.05 };
    let Lived { life, stop, .. } = live_with(&[&master], directory.path(), opts);
    eventually(|| master.tags().len() == 2 && master.of("ping").len() > 3).await;
    assert_eq!(master.forgotten(), 0);
    let misses = std::sync::Mutex::new(2);
    master.answers(move |load| match load.get_str("cmd") {
        Some("ping") if *misses.lock().unwrap() > 0 => {
            *misses.lock().unwrap() -= 1;
            Err(Error::Timeout)
        }
        _ => Ok(Value::None),
    });
    eventually(|| master.tags().len() == 4).await;
    assert_eq!(master.forgotten(), 1);
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_refused_return_comes_through_after_acceptance() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let Lived { life, stop, .. } = live(&master, directory.path());
    eventually(|| master.tags().len() == 2).await;
    let refusals = std::sync::Mutex::new(1);
    master.outcomes([Ok(AuthOutcome::Pending)]);
    master.answers(move |load| {
        let mut left = refusals.lock().unwrap();
        if load.get_str("cmd") == Some("_return") && *left > 0 {
            *left -= 1;
            return Err(Error::Unauthenticated(AuthOutcome::Pending));
        }
        Ok(Value::None)
    });
    master.publish("5", "scripted.echo", vec![1.into()]);
    eventually(|| returned(&master, "5").len() == 2).await;
    assert_eq!(master.forgotten(), 1);
    assert_eq!(master.tags().len(), 2, "no start events: it never was away");
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_refresh_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let Lived { life, identity, stop } = live(&master, directory.path());
    eventually(|| master.tags().len() == 2).await;
    let newer = pillar().with("site", "b");
    master.answers(move |_| Ok(newer.clone().into()));
    let came = identity.master().refresh_pillar(Some(Duration::from_secs(5)), true).await;
    assert_eq!((came, identity.pillar().get_str("site")), (Ok(true), Some("b")));
    assert_eq!(master.of("_pillar").last().unwrap().get("clean_cache"), Some(&true.into()));
    master.answers(|_| Err(Error::Timeout));
    let came = identity.master().refresh_pillar(Some(Duration::from_secs(5)), false).await;
    assert_eq!((came, identity.pillar().get_str("site")), (Ok(false), Some("b")), "the old pillar stays");
    assert_eq!(identity.master().refresh_grains().await, Ok(true), "unchanged grains ask for no pillar");
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn some_ends_come_before_the_first_job() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(map! { "site" => "a" });
    let exit = live(&master, directory.path()).life.await.unwrap().unwrap_err();
    assert!(exit.status == 1 && exit.reason.starts_with("No proxy key found"), "{exit}");
    assert!(master.tags().is_empty());
    let master = Scripted::new(Map::new());
    master.outcomes([Ok(AuthOutcome::FingerMismatch { expected: "a".into(), seen: "b".into() })]);
    assert_eq!(live(&master, directory.path()).life.await.unwrap().unwrap_err().status, 42);
    assert!(master.heard().is_empty(), "nothing is asked of a master that is not the right one");
    let master = Scripted::new(Map::new());
    master.outcomes(std::iter::repeat_n(Ok(AuthOutcome::Pending), 100));
    let Lived { life, stop, .. } = live(&master, directory.path());
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()), "a signal ends the wait for acceptance");
}

#[test]
fn the_states_of_the_start_are_a_job_of_the_minions_own() {
    let job = |opts: Map| {
        startup_states(&opts)
            .map(|load| (load.get_str("fun").unwrap().to_string(), load.get("arg").unwrap().clone()))
    };
    assert_eq!(job(map! { "startup_states" => "" }), None);
    assert_eq!(job(map! { "startup_states" => "highstate" }), Some(("state.highstate".into(), list![])));
    let opts = map! { "startup_states" => "sls", "sls_list" => list!["a"], "top_file" => "t" };
    assert_eq!(job(opts.clone()), Some(("state.sls".into(), list![list!["a"]])));
    assert_eq!(job(opts.with("startup_states", "top")), Some(("state.top".into(), list!["t"])));
}

#[tokio::test]
async fn a_killed_job_returns_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let Lived { life, identity, stop } = live(&master, directory.path());
    eventually(|| master.tags().len() == 2).await;
    master.publish("9", "scripted.waits", vec![60.into()]);
    eventually(|| identity.master().running().len() == 1).await;
    let running = &identity.master().running()[0];
    assert_eq!(running.keys().next(), Some(&"pid".into()));
    assert_eq!(running.get_str("fun"), Some("scripted.waits"));
    assert!(identity.master().signal_job("9", 9).is_some());
    assert!(identity.master().running().is_empty());
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
    assert!(returned(&master, "9").is_empty());
}

#[tokio::test]
async fn a_job_that_waits_for_its_turn_can_be_found_and_killed() {
    let directory = tempfile::tempdir().unwrap();
    let master = Scripted::new(pillar());
    let opts = map! { "process_count_max" => 1 };
    let Lived { life, identity, stop } = live_with(&[&master], directory.path(), opts);
    eventually(|| master.tags().len() == 2).await;
    master.publish("1", "scripted.waits", vec![60.into()]);
    eventually(|| identity.master().running().len() == 1).await;
    for jid in ["2", "3"] {
        master.publish(jid, "scripted.echo", vec!["x".into()]);
    }
    eventually(|| identity.master().queued().len() == 2).await;
    let queued = identity.master().queued();
    // Which of them came to wait first is nobody's promise.
    let second = queued.iter().find(|job| job.get_str("jid") == Some("2")).unwrap();
    assert_eq!(second.get("pid"), Some(&0.into()));
    assert!(identity.master().signal_job("2", 9).is_some());
    assert!(identity.master().signal_job("1", 15).is_some());
    eventually(|| returned(&master, "3").len() == 1).await;
    assert_eq!(master.of("_return").len(), 1);
    stop.send_replace(true);
    assert_eq!(life.await.unwrap(), Ok(()));
    let left = std::fs::read_dir(directory.path().join("journal")).unwrap().count();
    assert_eq!(left, 0, "what was killed is not told of at the next start");
}
