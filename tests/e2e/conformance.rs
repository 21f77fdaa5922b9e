//! What a master sees of a job and its return.

use lab::Result;
use serde_json::{Value, json};

use crate::stage::{self, LONG, Stage};

/// Returns and their events, function by function.
#[test]
fn returns_are_as_salt_makes_them() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "ret")?;
    the_return_event(&stage)?;
    arguments(&stage)?;
    error_texts(&stage)?;
    retcodes(&stage)?;
    several_functions(&stage)?;
    the_same_jid_twice(&stage)?;
    events(&stage)?;
    stage.finish()
}

fn the_return_event(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.ping", json!([]))?;
    assert_eq!(*returned.value(), json!(true));
    let mut keys: Vec<&str> =
        returned.load.as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    keys.sort_unstable();
    let wanted = ["_stamp", "cmd", "fun", "fun_args", "id", "jid", "retcode", "return", "success", "ts"];
    assert_eq!(keys, wanted, "{:#}", returned.load);
    assert_eq!(returned.load["cmd"], "_return");
    assert_eq!((returned.retcode(), returned.success()), (0, true));
    Ok(())
}

fn arguments(stage: &Stage) -> Result<()> {
    let returned = stage.call_with("test.arg", json!([1, "two", {"a": 1}]), json!({"k": "v"}))?;
    assert_eq!(returned.value()["args"], json!([1, "two", {"a": 1}]));
    let kwargs = &returned.value()["kwargs"];
    assert_eq!(kwargs["k"], "v");
    for name in ["fun", "arg", "tgt", "jid", "ret", "tgt_type", "user"] {
        assert!(kwargs.get(format!("__pub_{name}")).is_some(), "__pub_{name}: {kwargs:#}");
    }
    assert_eq!(returned.load["fun_args"], json!([1, "two", {"a": 1}, {"__kwarg__": true, "k": "v"}]));
    // A text with = is a keyword wherever it comes from.
    let returned = stage.call("test.kwarg", json!(["x=1"]))?;
    assert_eq!(returned.value()["x"], 1, "{:#}", returned.load);
    Ok(())
}

fn error_texts(stage: &Stage) -> Result<()> {
    let returned = stage.call("no.such", json!([]))?;
    assert_eq!(returned.text(), "'no.such' is not available.");
    assert_eq!((returned.retcode(), returned.success(), &returned.load["out"]), (1, false, &json!("nested")));

    // The beginning of a name brings the help of what begins so.
    let returned = stage.call("test.pin", json!([]))?;
    assert_eq!(returned.value()["test.pin"], "'test.pin' is not available.", "{:#}", returned.load);
    assert!(returned.value()["test.ping"].as_str().is_some_and(|doc| doc.contains("test.ping")));

    let returned = stage.call("test.sleep", json!([]))?;
    assert!(returned.text().starts_with("Passed invalid arguments to test.sleep: "), "{}", returned.text());
    assert!(returned.text().contains("test.sleep"), "the help follows: {}", returned.text());
    assert_eq!((returned.retcode(), returned.success()), (1, false));

    let returned = stage.call("test.echo", json!(["a", "b=1"]))?;
    assert_eq!(
        returned.text(),
        "ERROR executing 'test.echo': The following keyword arguments are not valid: b=1"
    );

    let mark = stage.master.bus()?.mark();
    let returned = stage.call("test.exception", json!(["x"]))?;
    let text = returned.text();
    assert!(text.starts_with("The minion function caused an exception: Traceback"), "{text}");
    assert!(text.trim_end().ends_with(": x"), "{text}");
    assert_eq!((returned.retcode(), returned.success()), (1, false));
    let event = stage.master.bus()?.tagged(mark, LONG, "_salt_error")?;
    assert_eq!(event.data["data"]["message"], "The minion function caused an exception", "{:#}", event.data);
    Ok(())
}

fn retcodes(stage: &Stage) -> Result<()> {
    let returned = stage.call("test.echo", json!([{"result": false}]))?;
    assert_eq!(*returned.value(), json!({"result": false}));
    assert_eq!((returned.retcode(), returned.success()), (1, false));

    let returned = stage.call("test.retcode", json!([7]))?;
    assert_eq!((returned.retcode(), returned.success()), (7, false));
    assert_eq!(returned.load.get("out"), None, "{:#}", returned.load);
    Ok(())
}

fn several_functions(stage: &Stage) -> Result<()> {
    let returned = job(stage, json!(["test.ping", "test.echo"]), json!([[], ["x"]]))?;
    assert_eq!(*returned.value(), json!({"test.ping": true, "test.echo": "x"}), "{:#}", returned.load);
    assert_eq!(returned.load["retcode"], json!({"test.ping": 0, "test.echo": 0}));
    assert_eq!(returned.load["success"], json!({"test.ping": true, "test.echo": true}));
    assert_eq!(returned.load["fun"], json!(["test.ping", "test.echo"]));
    assert_eq!(returned.load.get("out"), None);

    let returned = job(stage, json!(["test.ping", "test.exception"]), json!([[], ["boom"]]))?;
    assert_eq!(returned.load["success"], json!({"test.ping": true, "test.exception": false}));
    assert_eq!(returned.load["retcode"].get("test.exception"), None, "{:#}", returned.load);
    assert!(
        returned.value()["test.exception"].as_str().is_some_and(|t| t.contains("boom")),
        "{:#}",
        returned.load
    );
    Ok(())
}

fn job(stage: &Stage, fun: Value, arg: Value) -> Result<lab::Return> {
    stage.master.bus()?.publish(&json!({"tgt": stage.id, "fun": fun, "arg": arg}))?.wait(&stage.id, LONG)
}

fn the_same_jid_twice(stage: &Stage) -> Result<()> {
    let bus = stage.master.bus()?;
    let jid = "20260101000000000001";
    let mark = bus.mark();
    for _ in 0..2 {
        bus.publish(&json!({"tgt": stage.id, "fun": "event.send", "arg": ["twice/seen"], "jid": jid}))?;
    }
    // A later job's return means that the earlier ones were looked at.
    stage.value("test.ping", json!([]))?;
    bus.tagged(mark, LONG, &format!("salt/job/{jid}/ret/{}", stage.id))?;
    let seen = bus.since(mark).into_iter().filter(|e| e.tag == "twice/seen").count();
    assert_eq!(seen, 1, "one execution");
    Ok(())
}

fn events(stage: &Stage) -> Result<()> {
    let bus = stage.master.bus()?;
    let mark = bus.mark();
    stage.value("event.send", json!(["a/b", {"x": 1}]))?;
    let event = bus.tagged(mark, LONG, "a/b")?;
    assert_eq!(event.data["data"]["x"], 1, "{:#}", event.data);
    assert_eq!(event.data["cmd"], "_minion_event");
    assert_eq!(event.data["id"], json!(stage.id));
    assert_eq!(event.data["pretag"], Value::Null);
    Ok(())
}

/// `salt`'s own command, not only its bus.
#[test]
fn the_salt_command_prints_what_it_should() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let stage = Stage::up(master, "cli")?;
    let output = master.salt(&[&stage.id, "test.ping"])?;
    assert_eq!((output.status, output.of(&stage.id)), (0, json!(true)), "{output:?}");
    // The command makes YAML of its words.
    let output = master.salt(&[&stage.id, "test.arg", "1", "two", "{a: 1}", "k=[x, yes]"])?;
    assert_eq!(output.of(&stage.id)["args"], json!([1, "two", {"a": 1}]), "{output:?}");
    assert_eq!(output.of(&stage.id)["kwargs"]["k"], json!(["x", true]), "{output:?}");
    let output = master.salt(&[&stage.id, "no.such"])?;
    assert_eq!(output.of(&stage.id), "'no.such' is not available.", "{output:?}");
    assert_ne!(output.status, 0, "a failed job fails the command");
    // find_job is answered, so that the command waits longer than its timeout.
    let output = master.salt(&["-t", "3", &stage.id, "test.sleep", "12"])?;
    assert_eq!((output.status, output.of(&stage.id)), (0, json!(true)), "{output:?}");
    stage.finish()
}
