//! Many changes under cut connections and `kill -9`, counted by the simulator: none is carried out twice, none is reported
//! wrongly, all are returned.
//!
//! `VSALT_STRESS=1` makes it a thousand.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::{Error, Result, eventually};
use serde_json::{Value, json};

use super::up;
use crate::stage::{self, Stage, tail};

/// Machines, each with one change under way at a time.
const MACHINES: usize = 12;

/// How long the returns of one round may take.
const ROUND: Duration = Duration::from_secs(180);

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// A change that was asked for.
struct Asked {
    jid: String,
    vm: usize,
    method: &'static str,
    label: String,
    on: Option<bool>,
}

#[derive(Debug, Default)]
struct Count {
    asked: usize,
    succeeded: usize,
    refused: usize,
    never_came: usize,
    kills: usize,
    cuts: usize,
}

#[test]
fn every_change_is_carried_out_once_and_returned() -> Result<()> {
    let Some(master) = stage::master()? else { return Ok(()) };
    let wanted = if std::env::var_os("VSALT_STRESS").is_some() { 1000 } else { 60 };
    let mut stage = up(master, "stress", &["-vm", "12", "-standalone-host", "0", "-host", "3"])?;
    let bus = master.bus()?;
    let mut dice = Dice(7);
    let mut on = [true; MACHINES];
    let mut count = Count::default();
    let mut round = 0;
    while count.asked < wanted {
        round += 1;
        stage.vcsim.no_faults()?;
        for _ in 0..2 + dice.below(3) {
            let kind = ["reset_after", "reset", "truncate", "drop_session"][dice.below(4) as usize];
            let skip = dice.below(8);
            stage.vcsim.fault(&json!({"method": "*_Task", "kind": kind, "skip": skip, "bytes": 30}))?;
            count.cuts += 1;
        }
        stage
            .vcsim
            .fault(&json!({"method": "RetrievePropertiesEx", "kind": "reset", "skip": dice.below(6)}))?;
        // What is slow is under way when the rest breaks.
        let slow = 200 + dice.below(1500);
        stage.vcsim.fault(&json!({"method": "*_Task", "kind": "slow_task", "ms": slow, "count": 6}))?;

        let mark = bus.mark();
        let before = calls(&stage)?;
        let mut all = Vec::new();
        for (vm, on) in on.iter().enumerate() {
            let name = format!("DC0_C0_RP0_VM{vm}");
            let label = format!("r{round}-{vm}");
            let (fun, arg, method, now) = match dice.below(2) {
                0 => ("vmware_vm.create_snapshot", json!([name, label]), "CreateSnapshot_Task", None),
                _ if *on => {
                    ("vmware_vm.power_state", json!([name, "powered-off"]), "PowerOffVM_Task", Some(false))
                }
                _ => ("vmware_vm.power_state", json!([name, "powered-on"]), "PowerOnVM_Task", Some(true)),
            };
            let jid = bus.publish(&json!({"tgt": stage.id, "fun": fun, "arg": arg}))?.jid;
            all.push(Asked { jid, vm, method, label, on: now });
        }
        count.asked += all.len();
        let begun = |least: u64| (calls(&stage).ok()? >= before + least).then_some(());
        if round % 3 == 0 {
            let least = 1 + dice.below(MACHINES as u64);
            let _ = eventually(Duration::from_secs(30), || begun(least));
            let ready = bus.mark();
            stage.proxy = stage.proxy.crash(&["proxy"])?;
            stage.proxy.wait_ready(master, ready)?;
            count.kills += 1;
        } else if round % 3 == 1 {
            let least = 1 + dice.below(6);
            let _ = eventually(Duration::from_secs(30), || begun(least));
            stage.vcsim.reset_connections()?;
            count.cuts += 1;
        }
        judge(&stage, mark, &all, &mut on, &mut count)?;
    }
    assert!(count.succeeded * 2 > count.asked, "most changes come through: {count:?}");
    let empty = || (stage.proxy.journal().ok()? == 0).then_some(());
    assert!(eventually(ROUND, empty).is_some(), "{count:?}\n{}", tail(&stage.proxy.log()));
    // By itself a master keeps one return of a job and a minion, and complains of another.
    let kept = returns(&master.path("cache/jobs"), &stage.id);
    assert_eq!(kept, count.asked - count.never_came, "the master's job cache has all: {count:?}");
    eprintln!("{count:?}");
    stage.finish()
}

/// How often changes were asked for, whatever became of that.
fn calls(stage: &Stage<'_>) -> Result<u64> {
    let stats = stage.vcsim.stats()?;
    Ok(["CreateSnapshot_Task", "PowerOnVM_Task", "PowerOffVM_Task"]
        .iter()
        .map(|name| stats.method(name))
        .sum())
}

/// Waits for the returns of a round and holds each against what the simulator did.
fn judge(
    stage: &Stage<'_>,
    mark: usize,
    all: &[Asked],
    on: &mut [bool; MACHINES],
    count: &mut Count,
) -> Result<()> {
    let bus = stage.master.bus()?;
    let mut returned: BTreeMap<&str, Value> = BTreeMap::new();
    let mut settled = 0;
    let complete = eventually(ROUND, || {
        for event in bus.since(mark) {
            let of = all.iter().find(|asked| event.tag == format!("salt/job/{}/ret/{}", asked.jid, stage.id));
            if let Some(asked) = of {
                returned.insert(&asked.jid, event.data);
            }
        }
        // A publication that came when nobody listened is in no journal, and nothing is done for it.
        settled = if stage.proxy.journal().ok()? == 0 { settled + 1 } else { 0 };
        (returned.len() == all.len() || settled > 500).then_some(())
    });
    if complete.is_none() {
        return Err(Error::new(format!(
            "{} of {} jobs were returned\n{}",
            returned.len(),
            all.len(),
            tail(&stage.proxy.log())
        )));
    }
    let ledger = stage.vcsim.ledger()?;
    for asked in all {
        let about = |deed: &&Value| deed["op"].as_str().is_some_and(|op| op.starts_with(&asked.jid));
        let deeds: Vec<&Value> = ledger.iter().filter(about).collect();
        let done = deeds.iter().filter(|deed| deed["outcome"] == "success").count();
        let case =
            || format!("{} of VM{}: {deeds:#?}\n{:#?}", asked.method, asked.vm, returned.get(&*asked.jid));
        assert!(deeds.len() <= 1, "carried out more than once: {}", case());
        assert!(deeds.iter().all(|deed| deed["call"] == asked.method), "another method: {}", case());
        match returned.get(&*asked.jid) {
            None => {
                assert_eq!(done, 0, "carried out, not returned: {}\n{}", case(), tail(&stage.proxy.log()));
                count.never_came += 1;
            }
            Some(ret) if ret["success"] == json!(true) => {
                assert_eq!(done, 1, "a success that was none: {}", case());
                count.succeeded += 1;
                if let Some(now) = asked.on {
                    on[asked.vm] = now;
                    let state = if now { "poweredOn" } else { "poweredOff" };
                    assert_eq!(ret["return"]["changes"]["state"], state, "{}", case());
                } else {
                    assert_eq!(deeds[0]["label"], json!(asked.label), "{}", case());
                }
            }
            Some(ret) => {
                assert_eq!(done, 0, "a failure that was none: {}\n{}", case(), tail(&stage.proxy.log()));
                let text = ret["return"].as_str().unwrap_or_default();
                assert!(!text.contains("is not known"), "what became of it could be found out: {}", case());
                count.refused += 1;
            }
        }
    }
    Ok(())
}

/// The returns of changes that the master keeps of a minion.
fn returns(below: &std::path::Path, id: &str) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name == id) {
            found += usize::from(path.join("return.p").exists());
        } else if path.is_dir() {
            found += returns(&path, id);
        }
    }
    found
}
