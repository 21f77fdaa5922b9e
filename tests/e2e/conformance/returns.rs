//! Returns: values of all kinds, big ones, many of them, and where the master keeps them.

use std::time::Duration;

use lab::Result;
use serde_json::{Value, json};

use crate::stage::{LONG, Stage};

on_each_line! {
    plain: c098_values_of_all_kinds, c099_a_return_of_five_megabytes, c100_two_hundred_jobs, c108_the_job_cache;
}

/// What a transport must carry.
pub(super) const OVER_ANY_TRANSPORT: &[fn(&Stage) -> Result<()>] =
    &[c098_values_of_all_kinds, c100_two_hundred_jobs, c108_the_job_cache];

fn c098_values_of_all_kinds(stage: &Stage) -> Result<()> {
    let values = [
        json!({"__bytes__": "fffe"}),
        json!(9_007_199_254_740_993_u64),
        // Not of twenty characters: the master's client takes those for jids, and makes texts of them.
        json!(-9_007_199_254_740_993_i64),
        json!(9_999_999_999_999_999_999_u64),
        json!({"__map__": [[1, {"__map__": [[2, "deep"], [-3, null]]}]]}),
        Value::Null,
        json!(0.1),
        json!(-1.5e300),
        json!([[], {}, "", "ü\u{1f980}"]),
    ];
    for value in values {
        let returned = stage.ask(json!({"fun": "test.echo", "arg": [value]}))?;
        assert_eq!(*returned.value(), value, "{:#}", returned.load);
    }
    Ok(())
}

/// Whole, where a Python minion sends `VALUE_TRIMMED`.
fn c099_a_return_of_five_megabytes(stage: &Stage) -> Result<()> {
    let text = "0123456789abcdef".repeat(5 * 65536);
    stage.master.file("c099.txt", &text)?;
    let job = stage.publish(json!({"fun": "cp.get_file_str", "arg": ["salt://c099.txt"]}))?;
    // The bus may leave out what is so big: the job cache is the witness.
    let looked_up = || -> Option<Value> {
        let found = stage.master.salt_run(&["jobs.lookup_jid", &job.jid]).ok()?;
        Some(found.of(&stage.id)).filter(|v| !v.is_null())
    };
    let found = lab::eventually(LONG, looked_up).unwrap_or_default();
    assert_eq!(found.as_str().map(str::len), Some(text.len()));
    assert!(found.as_str() == Some(&text));
    Ok(())
}

fn c100_two_hundred_jobs(stage: &Stage) -> Result<()> {
    let bus = stage.master.bus()?;
    let mark = bus.mark();
    let jobs: Vec<_> =
        (0..200).map(|n| stage.publish(json!({"fun": "test.echo", "arg": [n]}))).collect::<Result<_>>()?;
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(*job.wait(&stage.id, Duration::from_secs(120))?.value(), json!(n));
    }
    let events = bus.since(mark);
    for job in &jobs {
        let tag = format!("salt/job/{}/ret/{}", job.jid, stage.id);
        assert_eq!(events.iter().filter(|e| e.tag == tag).count(), 1, "{tag}");
    }
    Ok(())
}

fn c108_the_job_cache(stage: &Stage) -> Result<()> {
    let ping = stage.publish(json!({}))?;
    ping.wait(&stage.id, LONG)?;
    let found = stage.master.salt_run(&["jobs.lookup_jid", &ping.jid])?;
    assert_eq!(found.of(&stage.id), json!(true), "{found:?}");

    stage.master.file("c108.sls", "fine:\n  test.nop: []\n")?;
    let apply = stage.apply("c108")?;
    apply.wait(&stage.id, LONG)?;
    let mut command = stage.master.command("salt-run");
    command.args(["--no-color", "jobs.lookup_jid", &apply.jid]);
    let (_, shown, _) = lab::process::run(&command, Duration::from_secs(120))?;
    assert!(shown.contains("Succeeded: 1"), "with its outputter: {shown}");
    Ok(())
}
