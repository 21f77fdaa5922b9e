//! When jobs run, as it was recorded from Salt 3007.17: two days of them against a clock that is only counted.

use super::*;

fn start() -> DateTime {
    "2026-11-22T12:00:00.25".parse().unwrap()
}

/// The seconds after the start at which a job runs.
fn fires(name: &str, job: &Map, step: i64, count: i64) -> Vec<i64> {
    let mut state = State::default();
    let mut fires = Vec::new();
    for n in 0..count {
        let now = start().checked_add(SignedDuration::from_secs(n * step)).unwrap();
        let around = Around {
            now,
            window: SignedDuration::from_secs(step),
            enabled: true,
            splay: None,
            skip_during_range: None,
            skip_function: None,
            whens: [None, None],
            random: &|_, most| most,
        };
        let due = fire::evaluate(name, job, &mut state, &around).is_some();
        state.settle(due, now);
        if due {
            fires.push(n * step);
        }
    }
    fires
}

/// Where ours is another on purpose: the job, the seconds, and why.
const DIFFERENT: [(&str, &[i64], &str); 1] = [(
    "skip-explicit",
    &[60, 180, 240, 300, 360, 420, 480, 540],
    "Salt runs such a job not at all before the time that it is to skip",
)];

#[test]
fn jobs_run_when_salts_scheduler_runs_them() {
    let rows: Vec<serde_json::Value> = serde_json::from_str(include_str!("fires.json")).unwrap();
    assert!(rows.len() > 40);
    let mut wrong = Vec::new();
    for row in &rows {
        let name = row["name"].as_str().unwrap();
        let job =
            Value::from_json(row["job"].clone()).as_map().cloned().unwrap().with("function", "test.ping");
        let ours = fires(name, &job, row["step"].as_i64().unwrap(), row["count"].as_i64().unwrap());
        if let Some((_, wanted, why)) = DIFFERENT.iter().find(|(different, ..)| *different == name) {
            assert_eq!(ours, *wanted, "{name}: {why}");
            assert_ne!(serde_json::json!(ours), row["fires"], "{name} is no longer different");
            continue;
        }
        if serde_json::json!(ours) != row["fires"] {
            wrong.push(format!("{name} {}\n  Salt {}\n  ours {ours:?}", row["job"], row["fires"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
