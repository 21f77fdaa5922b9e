//! Jobs and the returns the master gets: values, arguments, error texts, exit codes.

use std::collections::BTreeSet;

use lab::{Release, Result, Settings};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage};

on_each_line! {
    plain: c010_a_return_has_these_fields, c011_arguments_reach_the_function, c012_arguments_come_back_as_sent,
        c013_text_with_an_equals_sign_is_a_keyword, c014_an_unknown_function, c015_the_beginning_of_a_name,
        c016_an_argument_too_few, c017_an_unknown_keyword, c018_an_exception, c019_an_execution_error,
        c020_a_false_result_is_a_failure, c021_a_retcode_of_the_function, c022_a_failed_state, c023_a_missing_sls,
        c032_several_functions, c033_one_of_several_fails, c047_a_jid_runs_once, c048_jobs_of_others,
        c049_a_returner_that_is_not_there, c050_metadata_comes_back, c092_an_executor_that_is_not_there;
    own: c034_several_functions_in_order;
}

/// The checks of jobs that hold over every transport.
pub(super) const OVER_ANY_TRANSPORT: &[fn(&Stage) -> Result<()>] = &[
    c010_a_return_has_these_fields,
    c011_arguments_reach_the_function,
    c012_arguments_come_back_as_sent,
    c013_text_with_an_equals_sign_is_a_keyword,
    c014_an_unknown_function,
    c015_the_beginning_of_a_name,
    c016_an_argument_too_few,
    c017_an_unknown_keyword,
    c018_an_exception,
    c019_an_execution_error,
    c020_a_false_result_is_a_failure,
    c021_a_retcode_of_the_function,
    c022_a_failed_state,
    c023_a_missing_sls,
    c032_several_functions,
    c033_one_of_several_fails,
    c047_a_jid_runs_once,
    c048_jobs_of_others,
    c050_metadata_comes_back,
];

fn c010_a_return_has_these_fields(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.ping", json!([]))?;
    assert_eq!(*returned.value(), json!(true));
    let keys: BTreeSet<&str> =
        returned.load.as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    let wanted = ["_stamp", "cmd", "fun", "fun_args", "id", "jid", "retcode", "return", "success", "ts"];
    assert_eq!(keys, BTreeSet::from(wanted), "{:#}", returned.load);
    assert_eq!(returned.load["cmd"], "_return");
    assert_eq!((returned.retcode(), returned.success()), (0, true));
    Ok(())
}

fn with_arguments(stage: &Stage) -> Result<lab::Return> {
    stage.call_with("test.arg", json!([1, "two", {"a": 1}]), json!({"k": "v"}))
}

fn c011_arguments_reach_the_function(stage: &Stage) -> Result<()> {
    let returned = with_arguments(stage)?;
    assert_eq!(returned.value()["args"], json!([1, "two", {"a": 1}]));
    let kwargs = &returned.value()["kwargs"];
    assert_eq!(kwargs["k"], "v");
    for name in ["fun", "arg", "tgt", "jid", "ret", "tgt_type", "user"] {
        assert!(kwargs.get(format!("__pub_{name}")).is_some(), "__pub_{name}: {kwargs:#}");
    }
    Ok(())
}

fn c012_arguments_come_back_as_sent(stage: &Stage) -> Result<()> {
    let returned = with_arguments(stage)?;
    assert_eq!(returned.load["fun_args"], json!([1, "two", {"a": 1}, {"__kwarg__": true, "k": "v"}]));
    Ok(())
}

fn c013_text_with_an_equals_sign_is_a_keyword(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.kwarg", json!(["x=1"]))?;
    assert_eq!(returned.value()["x"], 1, "{:#}", returned.load);
    Ok(())
}

fn c014_an_unknown_function(stage: &Stage) -> Result<()> {
    let returned = stage.call("no.such", json!([]))?;
    assert_eq!(returned.text(), "'no.such' is not available.");
    assert_eq!((returned.retcode(), returned.success(), &returned.load["out"]), (1, false, &json!("nested")));
    Ok(())
}

fn c015_the_beginning_of_a_name(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.pin", json!([]))?;
    assert_eq!(returned.value()["test.pin"], "'test.pin' is not available.", "{:#}", returned.load);
    assert!(returned.value()["test.ping"].as_str().is_some_and(|doc| doc.contains("test.ping")));
    Ok(())
}

fn c016_an_argument_too_few(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.sleep", json!([]))?;
    let text = returned.text();
    let help = text.strip_prefix("Passed invalid arguments to test.sleep: ");
    assert!(help.is_some_and(|help| help.contains("test.sleep")), "the help follows: {text}");
    assert_eq!((returned.retcode(), returned.success()), (1, false));
    Ok(())
}

fn c017_an_unknown_keyword(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.echo", json!(["a", "b=1"]))?;
    let wanted = "ERROR executing 'test.echo': The following keyword arguments are not valid: b=1";
    assert_eq!(returned.text(), wanted);
    Ok(())
}

fn c018_an_exception(stage: &Stage) -> Result<()> {
    let mark = stage.master.bus()?.mark();
    let returned = stage.call("test.exception", json!(["x"]))?;
    let text = returned.text();
    assert!(text.starts_with("The minion function caused an exception: Traceback"), "{text}");
    assert!(text.trim_end().ends_with(": x"), "{text}");
    assert_eq!((returned.retcode(), returned.success()), (1, false));
    let ours = |e: &lab::Event| e.tag == "_salt_error" && e.data["id"] == json!(stage.id);
    let event = stage.master.bus()?.wait(mark, LONG, ours)?;
    assert_eq!(event.data["data"]["message"], "The minion function caused an exception", "{:#}", event.data);
    Ok(())
}

fn c019_an_execution_error(stage: &Stage) -> Result<()> {
    let returned = stage.call("vmware_folder.create", json!(["x", "no-such-datacenter", "vm"]))?;
    assert!(returned.text().starts_with("ERROR: "), "{:#}", returned.load);
    assert_eq!((returned.retcode(), returned.success(), &returned.load["out"]), (1, false, &json!("nested")));
    Ok(())
}

fn c020_a_false_result_is_a_failure(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.echo", json!([{"result": false}]))?;
    assert_eq!(*returned.value(), json!({"result": false}));
    assert_eq!((returned.retcode(), returned.success()), (1, false));
    Ok(())
}

fn c021_a_retcode_of_the_function(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.retcode", json!([7]))?;
    assert_eq!((returned.retcode(), returned.success()), (7, false));
    assert_eq!(returned.load.get("out"), None, "{:#}", returned.load);
    Ok(())
}

fn c022_a_failed_state(stage: &Stage) -> Result<()> {
    stage.master.file("c022.sls", "nope:\n  test.fail_without_changes: []\n")?;
    let returned = stage.apply("c022")?.wait(&stage.id, LONG)?;
    assert_eq!(returned.value()["test_|-nope_|-nope_|-fail_without_changes"]["result"], json!(false));
    assert_eq!(
        (returned.retcode(), returned.success(), &returned.load["out"]),
        (2, false, &json!("highstate"))
    );
    Ok(())
}

fn c023_a_missing_sls(stage: &Stage) -> Result<()> {
    let returned = stage.apply("c023_is_not_there")?.wait(&stage.id, LONG)?;
    let texts = returned.value().as_array().cloned().unwrap_or_default();
    let said = texts.iter().any(|t| t.as_str().is_some_and(|t| t.contains("c023_is_not_there")));
    assert!(said && returned.retcode() == 1, "{:#}", returned.load);
    Ok(())
}

fn c032_several_functions(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"fun": ["test.ping", "test.echo"], "arg": [[], ["x"]]}))?;
    assert_eq!(*returned.value(), json!({"test.ping": true, "test.echo": "x"}), "{:#}", returned.load);
    assert_eq!(returned.load["retcode"], json!({"test.ping": 0, "test.echo": 0}));
    assert_eq!(returned.load["success"], json!({"test.ping": true, "test.echo": true}));
    assert_eq!(returned.load["fun"], json!(["test.ping", "test.echo"]));
    assert_eq!(returned.load["fun_args"], json!([[], ["x"]]));
    assert_eq!(returned.load.get("out"), None);
    Ok(())
}

fn c033_one_of_several_fails(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"fun": ["test.ping", "test.exception"], "arg": [[], ["boom"]]}))?;
    assert_eq!(returned.load["success"], json!({"test.ping": true, "test.exception": false}));
    assert_eq!(returned.load["retcode"], json!({"test.ping": 0}), "{:#}", returned.load);
    let text = returned.value()["test.exception"].as_str().unwrap_or_default().to_owned();
    assert!(text.starts_with("Traceback") && text.contains("boom"), "{text}");
    Ok(())
}

fn c034_several_functions_in_order(release: &'static Release) -> Result<()> {
    let settings = Settings::new(&stage::id("order")).with(json!({"multifunc_ordered": true}));
    let stage = Stage::up_with(stage::shared(release)?, settings, json!({}))?;
    let returned = stage
        .ask(json!({"fun": ["test.echo", "test.exception", "test.echo"], "arg": [["a"], ["no"], ["b"]]}))?;
    let values = returned.value().as_array().cloned().unwrap_or_default();
    assert_eq!((&values[0], &values[2]), (&json!("a"), &json!("b")), "{:#}", returned.load);
    assert_eq!(returned.load["success"], json!([true, false, true]));
    assert_eq!(returned.load["retcode"], json!([0, Value::Null, 0]), "{:#}", returned.load);
    stage.finish()
}

fn c047_a_jid_runs_once(stage: &Stage) -> Result<()> {
    let bus = stage.master.bus()?;
    let tag = format!("twice/{}", stage.id);
    let first = stage.publish(json!({"fun": "event.send", "arg": [tag]}))?;
    stage.publish(json!({"fun": "event.send", "arg": [tag], "jid": first.jid}))?;
    // A later job's return means that the earlier ones were looked at.
    stage.value("test.ping", json!([]))?;
    first.wait(&stage.id, LONG)?;
    let seen = bus.since(first.mark).into_iter().filter(|e| e.tag == tag).count();
    assert_eq!(seen, 1, "one execution");
    Ok(())
}

fn c048_jobs_of_others(stage: &Stage) -> Result<()> {
    stage.ignores(json!({"tgt": format!("{}-not", stage.id)}))
}

/// No returner is ours: the master's return is unaffected, and the log says what is missing.
fn c049_a_returner_that_is_not_there(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"ret": "nowhere"}))?;
    assert_eq!(*returned.value(), json!(true));
    stage.proxy.wait_complaint(LONG, &["nowhere.returner", "not available"])?;
    Ok(())
}

fn c050_metadata_comes_back(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"metadata": {"a": 1}}))?;
    assert_eq!(returned.load["metadata"], json!({"a": 1}), "{:#}", returned.load);
    Ok(())
}

fn c092_an_executor_that_is_not_there(stage: &Stage) -> Result<()> {
    let returned = stage.ask(json!({"module_executors": ["nowhere"]}))?;
    assert_eq!(returned.text(), "ERROR executing 'test.ping': Executor 'nowhere' is not available");
    assert_eq!((returned.retcode(), returned.success()), (1, false));
    Ok(())
}
