use super::*;
use crate::scripted;
use crate::spool::Spool;
use salt::list;

fn at(time: &str) -> DateTime {
    format!("2026-11-22T{time}").parse().unwrap()
}

/// When a job runs, of evaluations at each second from 12:00:00 on.
fn runs(job: Map, seconds: i64) -> Vec<String> {
    let mut state = State::default();
    let mut ran = vec![];
    for second in 0..seconds {
        let now = at("12:00:00").checked_add(SignedDuration::from_millis(second * 1000 + 250)).unwrap();
        let around = around(now);
        let due = fire::evaluate("j", &job, &mut state, &around);
        if due.is_some() {
            ran.push(now.strftime("%H:%M:%S").to_string());
        }
        state.settle(due.is_some(), now);
    }
    ran
}

fn around(now: DateTime) -> Around<'static> {
    Around {
        now,
        window: SignedDuration::from_secs(1),
        enabled: true,
        splay: None,
        skip_during_range: None,
        skip_function: None,
        whens: [None, None],
        random: &|_, most| most,
    }
}

#[test]
fn intervals_begin_after_the_first_and_may_begin_at_once() {
    assert_eq!(runs(map! { "seconds" => 10 }, 25), ["12:00:10", "12:00:20"]);
    assert_eq!(runs(map! { "minutes" => "1", "seconds" => 5 }, 120), ["12:01:05"]);
    assert_eq!(runs(map! { "seconds" => 10, "run_on_start" => true }, 15), ["12:00:00", "12:00:10"]);
    assert_eq!(runs(map! { "seconds" => 10, "enabled" => false }, 25), [""; 0]);
    assert_eq!(runs(map! { "seconds" => 10, "splay" => 3 }, 30), ["12:00:13", "12:00:26"]);
    assert_eq!(
        runs(map! { "seconds" => 10, "splay" => map! { "start" => 1, "end" => 2 } }, 20),
        ["12:00:12"]
    );
    assert_eq!(runs(map! { "seconds" => "x" }, 5), [""; 0]);
    assert_eq!(runs(map! { "function" => "test.ping" }, 5), [""; 0]);
}

#[test]
fn times_of_the_day_and_of_the_calendar_are_met_once() {
    assert_eq!(runs(map! { "when" => "12:00:05" }, 20), ["12:00:05"]);
    assert_eq!(runs(map! { "when" => list!["12:00:05", "12:00:09", "11:00"] }, 20), ["12:00:05", "12:00:09"]);
    assert_eq!(runs(map! { "when" => "11:59:00" }, 20), [""; 0], "what has passed is not made up for");
    assert_eq!(runs(map! { "once" => "2026-11-22T12:00:05" }, 20), ["12:00:05"]);
    assert_eq!(runs(map! { "once" => "22.11.2026 12:00", "once_fmt" => "%d.%m.%Y %H:%M" }, 20), ["12:00:00"]);
    assert_eq!(runs(map! { "once" => "2026-11-22T11:00:00" }, 20), [""; 0]);
    assert_eq!(runs(map! { "cron" => "*/2 * * * *" }, 300), ["12:02:00", "12:04:00"]);
    assert_eq!(runs(map! { "cron" => "*/2 * * * *", "once" => "2026-11-22T12:00:05" }, 300), [""; 0]);
}

#[test]
fn bounds_and_ranges_keep_a_job_from_running() {
    let every = || map! { "seconds" => 10 };
    let range = |start: &str, end: &str| map! { "start" => start, "end" => end };
    assert_eq!(runs(every().with("until", "12:00:25"), 60), ["12:00:10", "12:00:20"]);
    assert_eq!(runs(every().with("after", "12:00:25"), 45), ["12:00:30", "12:00:40"]);
    assert_eq!(
        runs(every().with("range", range("12:00:15", "12:00:35")), 60),
        ["12:00:15", "12:00:25", "12:00:35"][..2],
        "what was due waits for the range"
    );
    let inverted = range("12:00:15", "12:00:35").with("invert", true);
    assert_eq!(runs(every().with("range", inverted), 60)[0], "12:00:10");
    let skipped = runs(every().with("skip_during_range", range("12:00:15", "12:00:35")), 55);
    assert_eq!(skipped, ["12:00:10", "12:00:40", "12:00:50"]);
    let after =
        every().with("skip_during_range", range("12:00:15", "12:00:33")).with("run_after_skip_range", true);
    assert_eq!(runs(after, 45)[..2], ["12:00:10", "12:00:34"]);
    let skip = list![map! { "time" => "2026-11-22T12:00:20" }];
    assert_eq!(runs(every().with("skip_explicit", skip), 35), ["12:00:10", "12:00:30"]);
    let later = list![map! { "time" => "2026-11-22T12:00:05" }];
    assert_eq!(runs(every().with("run_explicit", later), 12)[0], "12:00:05");
    assert_eq!(runs(every().with("range", range("12:01", "12:00")), 30), [""; 0]);
}

#[test]
fn a_skipped_job_says_why() {
    let mut state = State::default();
    let job = map! { "seconds" => 0, "until" => "11:00" };
    assert_eq!(fire::evaluate("j", &job, &mut state, &around(at("12:00:00"))), None);
    assert_eq!((state.skip_reason, state.skipped), (Some("until_passed"), Some(at("12:00:00"))));
    let mut function = around(at("12:00:00"));
    function.skip_function = Some("test.ping");
    let job = map! { "seconds" => 0, "skip_during_range" => map! { "start" => "11:00", "end" => "13:00" } };
    let due = fire::evaluate("j", &job, &mut State::default(), &function);
    assert_eq!(due, Some(Due { instead: Some("test.ping".into()) }));
    let mut state = State::default();
    fire::evaluate("j", &map! { "cron" => "x" }, &mut state, &around(at("12:00:00")));
    assert_eq!(state.error.as_deref(), Some("Invalid cron string. Ignoring job j."));
}

struct Bench {
    scheduler: Arc<Scheduler>,
    identity: Arc<Identity>,
    spool: Arc<Spool>,
    directory: tempfile::TempDir,
}

fn bench(opts: Map) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let conf = directory.path().join("proxy").display().to_string();
    let opts = opts.with("conf_file", conf).with("default_include", "proxy.d/vc01/*.conf");
    let identity = scripted::identity(opts);
    let spool = Spool::open(&directory.path().join("spool")).unwrap();
    let scheduler = Scheduler::new(&identity, Arc::new(Jobs::default()), spool.clone(), true);
    Bench { scheduler, identity, spool, directory }
}

async fn returned(job: Map, fun: &str) -> Option<Map> {
    let Bench { identity, .. } = bench(Map::new());
    let record = run::record(&identity, "j", &job, fun, "20261122120000000000");
    run::run(&identity, &job, record).await
}

#[tokio::test]
async fn a_return_has_salts_fields() {
    let keys = |map: &Map| map.keys().map(Value::to_string).collect::<Vec<_>>().join(" ");
    let job = map! { "args" => list![7], "metadata" => map! { "a" => 1 } };
    let ret = returned(job, "scripted.echo").await.unwrap();
    assert_eq!(keys(&ret), "id fun fun_args schedule jid metadata pid return retcode success");
    assert_eq!((ret.get_str("jid"), ret.get("return")), (Some("req"), Some(&7.into())));
    let metadata = ret.get("metadata").and_then(Value::as_map).unwrap();
    assert_eq!(keys(metadata), "a _TOS _TS _TT");
    let job = map! { "kwargs" => map! { "text" => 7 }, "return_job" => "nocache" };
    let ret = returned(job, "scripted.echo").await.unwrap();
    assert_eq!(
        (ret.get_str("jid"), ret.get("fun_args")),
        (Some("nocache"), Some(&list![map! { "text" => 7 }]))
    );
    let ret = returned(map! { "returner" => "mysql" }, "no.such").await.unwrap();
    assert_eq!(ret.get_str("jid"), Some("20261122120000000000"));
    assert_eq!(ret.get_str("return"), Some("'no.such' is not available."));
    assert_eq!((ret.get("retcode"), ret.get("success")), (Some(&254.into()), Some(&false.into())));
    for fun in ["scripted.fails", "scripted.panics", "scripted.echo"] {
        let ret = returned(Map::new(), fun).await.unwrap();
        assert_eq!(ret.get_str("return"), Some(format!("Unhandled exception running {fun}").as_str()));
    }
    assert_eq!(returned(map! { "return_job" => false, "args" => list![1] }, "scripted.echo").await, None);
}

#[tokio::test]
async fn as_many_run_as_may() {
    let job =
        map! { "function" => "scripted.waits", "args" => list![60], "seconds" => 1, "run_on_start" => true };
    let Bench { scheduler, identity, .. } = bench(map! { "schedule" => map! { "j" => job } });
    scheduler.evaluate(&identity, at("12:00:00"));
    scheduler.evaluate(&identity, at("12:00:02"));
    assert_eq!(scheduler.jobs.all().len(), 1);
    assert_eq!(scheduler.jobs.all()[0].get_str("schedule"), Some("j"));
    let status = scheduler.status("j", "%H:%M:%S").unwrap();
    assert_eq!(status.get_str("_skip_reason"), Some("maxrunning"));
    assert_eq!(status.get_str("_last_run"), Some("12:00:00"));
    scheduler.set("j", "maxrunning", 2.into());
    scheduler.run("j");
    scheduler.run("j");
    assert_eq!(scheduler.jobs.all().len(), 2);
    scheduler.jobs.abort_all();
}

#[tokio::test]
async fn a_job_returns_by_the_spool_and_the_pillar_is_no_ones_to_change() {
    let Bench { scheduler, identity, spool, directory } = bench(Map::new());
    let job =
        map! { "function" => "scripted.echo", "args" => list![1], "seconds" => 3600, "run_on_start" => true };
    identity.set_pillar(map! { "schedule" => map! { "p" => job.clone() } });
    scheduler.put("p", job.clone().with("seconds", 5));
    scheduler.set("p", "enabled", false.into());
    assert_eq!(scheduler.list(Source::Opts), Map::new());
    scheduler.put("o", job.with("_x", 1));
    scheduler.evaluate(&identity, at("12:00:00"));
    scheduler.jobs.idle().await;
    assert_eq!(spool.len(), 2);
    scheduler.save().unwrap();
    let saved = std::fs::read_to_string(directory.path().join("proxy.d/vc01/_schedule.conf")).unwrap();
    assert_eq!(
        saved,
        "schedule:\n  o:\n    args:\n    - 1\n    enabled: true\n    function: scripted.echo\n    run_on_start: true\n    \
         seconds: 3600\n"
    );
    scheduler.switch(false);
    scheduler.evaluate(&identity, at("14:00:00"));
    scheduler.jobs.idle().await;
    assert_eq!(spool.len(), 2, "nothing runs while the schedule is off");
    scheduler.remove("o");
    assert_eq!(scheduler.status("o", "%H").unwrap(), Map::new());
}
