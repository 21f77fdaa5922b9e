//! Runs against the doubles: what no recording holds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use salt::args::Args;
use salt::{Context, Map, Value, list, map};

use crate::double::Double;
use crate::test::odd::WORK;

const JID: &str = "20261122154512725549";

fn context(double: Double) -> Context {
    double.context(JID, map! { "file_client" => "local" })
}

async fn run(cx: &Context, fun: &str, args: Args) -> Result<Value, String> {
    let found = cx.modules().find(fun).expect("a function of this crate");
    found.run(cx, args).await.map_err(|e| e.to_string())
}

async fn apply(cx: &Context, sls: &str) -> Value {
    run(cx, "state.apply", Args::of([sls])).await.expect("a return")
}

async fn text(cx: &Context, sls: &str, test: bool) -> Map {
    let args = Args::of([sls]).with("test", test);
    let found = cx.modules().find("state.template_str").expect("a function of this crate");
    match found.run(cx, args).await.expect("a return") {
        Value::Map(ret) => ret,
        other => panic!("{other}"),
    }
}

/// Result and comment of the one state of a return.
fn only(ret: &Map) -> (Value, String) {
    assert_eq!(ret.len(), 1, "{ret:?}");
    let one = ret.values().next().expect("one");
    (one.get("result").cloned().expect("a result"), one.get("comment").expect("a comment").to_string())
}

#[tokio::test]
async fn test_mode_never_does_the_work_of_a_plan() {
    let cx = context(Double::default());
    let sls = "a:\n  test.plans:\n    - counter: 0\n";
    assert_eq!(only(&text(&cx, sls, true).await), (Value::None, "a would be done".into()));
    assert_eq!(WORK[0].load(Ordering::Relaxed), 0);
    assert_eq!(only(&text(&cx, sls, false).await), (true.into(), "a was done".into()));
    assert_eq!(WORK[0].load(Ordering::Relaxed), 1);
    let done = "a:\n  test.plans:\n    - done: true\n";
    assert_eq!(only(&text(&cx, done, true).await), (true.into(), "a is done".into()));
    assert_eq!(WORK[0].load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_prereq_looks_at_the_plan_and_does_not_carry_it_out() {
    let cx = context(Double::default());
    let sls = "a:\n  test.plans:\n    - counter: 1\n    - fails: true\nb:\n  test.nop:\n    - prereq:\n      - test: a\n";
    let ret = text(&cx, sls, false).await;
    // b ran because a would have changed; then a was carried out once, and failed.
    assert_eq!(ret.get("test_|-b_|-b_|-nop").and_then(|ret| ret.get("result")), Some(&true.into()));
    let a = ret.get("test_|-a_|-a_|-plans").expect("a");
    assert_eq!((a.get("result"), a.get("comment")), (Some(&false.into()), Some(&"no luck".into())));
    assert_eq!(WORK[1].load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_panic_fails_its_state_alone() {
    let cx = context(Double::default());
    let ret = text(&cx, "a:\n  test.panics: []\nb:\n  test.nop: []\n", false).await;
    let a = ret.get("test_|-a_|-a_|-panics").expect("a");
    assert_eq!(a.get("result"), Some(&false.into()));
    let wanted =
        "An exception occurred in this state: Traceback (most recent call last):\nException: out of a\n";
    assert_eq!(a.get("comment"), Some(&wanted.into()));
    assert_eq!(ret.get("test_|-b_|-b_|-nop").and_then(|ret| ret.get("result")), Some(&true.into()));
}

#[tokio::test]
async fn a_shell_command_as_condition_is_refused_in_plain_words() {
    let cx = context(Double::default());
    let ret = text(&cx, "a:\n  test.nop:\n    - unless: 'true'\n", false).await;
    let (result, comment) = only(&ret);
    assert_eq!(result, false.into());
    assert!(comment.starts_with("The condition 'true' is a shell command"), "{comment}");
}

#[tokio::test]
async fn progress_and_own_events_are_fired() {
    let double = Double { master_opts: map! { "state_events" => true }, ..Double::default() };
    let events = double.events.clone();
    let cx = context(double);
    apply(&cx, "fire").await;
    let events = events.lock().expect("no panic").clone();
    let tags: Vec<&str> = events.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(
        tags,
        [format!("salt/state_result/{JID}/minion/a"), format!("salt/state_result/{JID}/minion/my/custom"),]
    );
    let double = Double { master_opts: map! { "state_events" => true }, ..Double::default() };
    let fired = double.events.clone();
    apply(&context(double), "fireprog").await;
    let fired = fired.lock().expect("no panic").clone();
    let (tag, data) = fired.last().expect("an event");
    assert_eq!(*tag, format!("salt/job/{JID}/prog/minion/1"));
    assert_eq!(data.get("len"), Some(&2.into()));
    assert_eq!(data.get("ret").and_then(|ret| ret.get("comment")), Some(&"Failure!".into()));
    assert_eq!(fired.len(), 2);
}

#[tokio::test]
async fn pillar_errors_forbid_a_run() {
    let cx = context(Double { errors: vec!["it broke".into()], ..Double::default() });
    let ret = apply(&cx, "tgt").await;
    assert_eq!(ret, list!["Pillar failed to render with the following messages:", "it broke"]);
    assert_eq!(cx.job().retcode(), 5);
    let shown = run(&cx, "state.show_sls", Args::of(["tgt"])).await;
    assert_eq!(shown, Err("Pillar failed to render. Additional info follows:\n\n- it broke".into()));
    let forced = run(&cx, "state.apply", Args::of(["tgt"]).with("force", true)).await.expect("a return");
    assert_eq!(forced.as_map().map(Map::len), Some(2));
}

#[tokio::test]
async fn what_is_switched_off_does_not_run() {
    let grains = map! { "state_runs_disabled" => ["incsub", "test.succeed*", "highstate", "sub.*"] };
    let cx = context(Double { grains, ..Double::default() });
    let ret = apply(&cx, "incsub").await;
    let sentence = "The state file \"incsub\" is currently disabled, to re-enable, run state.enable incsub.";
    assert_eq!((ret, cx.job().retcode()), (list![sentence], 1));
    let sentence = "The state file \"sub.rel\" is currently disabled by \"sub.*\", to re-enable, run state.enable sub.*.";
    assert_eq!(apply(&cx, "sub.rel").await, list![sentence]);
    let ret = apply(&cx, "tgt").await;
    let t2 = ret.get("test_|-t2_|-t2_|-succeed_with_changes").expect("t2");
    let comment = "The state function \"test.succeed_with_changes\" is currently disabled by \"test.succeed*\", to \
                   re-enable, run state.enable test.succeed*.";
    assert_eq!(
        t2,
        &map! { "changes" => Map::new(), "result" => false, "comment" => comment, "__run_num__" => 0,
        "__sls__" => "tgt" }
        .into()
    );
    let ret = run(&cx, "state.highstate", Args::none()).await.expect("a return");
    assert_eq!((ret.get("result"), ret.get("comment")), (Some(&"False".into()), Some(&"Disabled".into())));
}

#[tokio::test]
async fn a_second_run_is_refused_unless_it_may_run_beside_the_first() {
    let double = Double::default();
    let other = "20261122154500000001";
    let job = map! { "fun" => "state.apply", "jid" => other, "pid" => 7 };
    let own = map! { "fun" => "state.apply", "jid" => JID, "pid" => 7 };
    *double.jobs.lock().expect("no panic") = vec![job, own];
    let cx = context(double);
    let sentence = "The function \"state.apply\" is running as PID 7 and was started at 2026, Nov 22 15:45:00.000001 \
                    with jid 20261122154500000001";
    assert_eq!((apply(&cx, "tgt").await, cx.job().retcode()), (list![sentence], 1));
    assert_eq!(run(&cx, "state.running", Args::none()).await, Ok(list![sentence]));
    assert_eq!(run(&cx, "state.running", Args::none().with("concurrent", true)).await, Ok(list![]));
    let beside = run(&cx, "state.apply", Args::of(["tgt"]).with("concurrent", true)).await.expect("a return");
    assert!(beside.as_map().is_some());
    // A number is how many may be there already.
    let full = run(&cx, "state.apply", Args::of(["tgt"]).with("queue", 1)).await.expect("a return");
    assert_eq!(full, list![sentence]);
}

#[tokio::test(start_paused = true)]
async fn a_queued_run_waits_for_its_turn_and_returns_the_real_thing() {
    let double = Double::default();
    let jobs = double.jobs.clone();
    let of = |jid: &str| map! { "fun" => "state.apply", "jid" => jid, "pid" => 7 };
    *jobs.lock().expect("no panic") = vec![of("20261122154500000001"), of(JID)];
    let cx = context(double);
    let queued = async {
        let started = tokio::time::Instant::now();
        let ret = run(&cx, "state.apply", Args::of(["tgt"]).with("queue", true)).await.expect("a return");
        (ret, started.elapsed())
    };
    let ends = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        jobs.lock().expect("no panic").remove(0);
    };
    let ((ret, waited), ()) = tokio::join!(queued, ends);
    assert_eq!(ret.as_map().map(Map::len), Some(2));
    assert!(waited >= Duration::from_secs(3) && waited < Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn a_soft_kill_ends_the_run_before_its_state() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let opts = map! { "file_client" => "local", "cachedir" => dir.path().to_str().expect("text") };
    let cx = Double::default().context(JID, opts);
    let kill = Args::of([JID, "t2"]);
    assert_eq!(run(&cx, "state.soft_kill", kill).await, Ok(Value::None));
    let ret = apply(&cx, "tgt").await;
    let tags: Vec<String> = ret.as_map().expect("a run").keys().map(Value::to_string).collect();
    assert_eq!(tags, ["test_|-t1_|-t1_|-nop"]);
    // The run has taken the file with it.
    assert_eq!(apply(&cx, "tgt").await.as_map().map(Map::len), Some(2));
    let outside = run(&cx, "state.pause", Args::of(["../x"])).await;
    assert_eq!(outside, Err("'../x' is no job id".into()));
}

#[tokio::test]
async fn a_request_is_tested_now_and_run_later() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let opts = map! { "file_client" => "local", "cachedir" => dir.path().to_str().expect("text") };
    let cx = Double::default().context(JID, opts);
    let result = |ret: &Value| {
        ret.get("test_|-is_|-is_|-succeed_with_changes").and_then(|one| one.get("result")).cloned()
    };
    let asked = run(&cx, "state.request", Args::of(["incsub"])).await.expect("a return");
    assert_eq!(result(&asked), Some(Value::None));
    let waiting = run(&cx, "state.check_request", Args::none()).await.expect("a return");
    assert_eq!(waiting.traverse("default:mods", ":"), Some(&"incsub".into()));
    let ran = run(&cx, "state.run_request", Args::none()).await.expect("a return");
    assert_eq!(result(&ran), Some(true.into()));
    assert_eq!(run(&cx, "state.run_request", Args::none()).await, Ok(Map::new().into()));
}

#[tokio::test]
async fn a_long_chain_of_requisites_needs_no_deep_stack() {
    let cx = context(Double::default());
    let mut sls = String::new();
    for i in 0..700 {
        sls.push_str(&format!("s{i}:\n  test.nop:\n    - require:\n      - test: s{}\n", i + 1));
    }
    sls.push_str("s700:\n  test.nop: []\n");
    let ret = text(&cx, &sls, false).await;
    let number = |i: usize| {
        ret.get(&format!("test_|-s{i}_|-s{i}_|-nop")).and_then(|one| one.get("__run_num__")).cloned()
    };
    assert_eq!((ret.len(), number(700), number(0)), (701, Some(0.into()), Some(700.into())));
}
