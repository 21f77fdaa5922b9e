//! One vCenter of a given size: loading it, reading it, and following its changes.

use std::time::{Duration, Instant};

use lab::vcsim::{PASSWORD, USER};
use lab::{Error, Result, Tools, Vcsim};
use serde_json::json;
use vcenter::inventory::{Kind, PowerState, VirtualMachine};
use vcenter::ops::generic::{self, Of};
use vcenter::transport::Trust;
use vcenter::{Client, Config, Credentials};

use crate::figures::{ms, quantile, resident};

/// Objects a page of a load has at most.
const PAGE: u64 = 250;
/// Calls of a load that do not depend on the size: log-in, views, collectors, filters.
const CONSTANT: u64 = 20;
/// What is kept of a machine, all indexes included, may take at most so many bytes.
const MEMORY: u64 = 4096;
/// How late a change by another client may be seen, at most, by 99 of 100.
const LATE: Duration = Duration::from_secs(1);
/// When nothing has come for so long, all has.
const QUIET: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(600);

/// Measures and prints; fails where a limit is broken.
pub fn measure(tools: &Tools, machines: u32) -> Result<()> {
    let vcsim = Vcsim::start_with(tools, &["-bulk", &machines.to_string()])?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut broken = Vec::new();
    println!("{machines} machines");
    let result = runtime.block_on(async {
        let client = load(&vcsim, machines, &mut broken).await?;
        read(&vcsim, &client, &mut broken).await?;
        follow(&vcsim, &client, &mut broken).await?;
        client.close().await;
        Ok::<_, Error>(())
    });
    result?;
    let stats = vcsim.stats()?;
    if (stats.count("logins"), stats.count("sessions")) != (0, 0) {
        broken.push(format!("one login and no session in the end, but: {:#}", stats.0));
    }
    if broken.is_empty() { Ok(()) } else { Err(Error::new(broken.join("\n"))) }
}

fn config(vcsim: &Vcsim) -> Config {
    let mut config = Config::new("127.0.0.1", Credentials::new(USER, PASSWORD));
    config.port = vcsim.port();
    config.trust = Trust::Verify { ca_bundle: Some(vcsim.ca_file()) };
    config.timeouts.request = LONG;
    config
}

fn told(error: vcenter::Error) -> Error {
    Error::new(error.to_string())
}

async fn load(vcsim: &Vcsim, machines: u32, broken: &mut Vec<String>) -> Result<Client> {
    // A first client makes the process's own costs before they are measured.
    let warm = Client::connect(config(vcsim)).await.map_err(told)?;
    warm.about().await.map_err(told)?;
    warm.close().await;
    vcsim.reset()?;
    let before = resident()?;
    let start = Instant::now();
    let client = Client::connect(config(vcsim)).await.map_err(told)?;
    client.ready(LONG).await.map_err(told)?;
    let took = start.elapsed();
    let after = resident()?;
    let objects = client.read().len() as u64;
    let stats = vcsim.stats()?;
    let calls = stats.count("calls");
    let bytes = stats.count("bytes_out");
    let each = after.saturating_sub(before) / u64::from(machines);
    println!(
        "  load: {objects} objects in {:.2} s, {calls} calls, {} MB ({} bytes a machine); resident memory grew by {} MB, \
         {each} bytes a machine",
        took.as_secs_f64(),
        bytes / 1_000_000,
        bytes / u64::from(machines),
        after.saturating_sub(before) / 1_000_000,
    );
    if calls > objects.div_ceil(PAGE) + CONSTANT {
        broken.push(format!("{calls} calls load {objects} objects"));
    }
    if each > MEMORY {
        broken.push(format!("{each} bytes a machine"));
    }
    let start = Instant::now();
    client.reload(LONG).await.map_err(told)?;
    let again = resident()?;
    println!(
        "  load anew: {:.2} s; resident memory is {} MB, it was {} MB after the first",
        start.elapsed().as_secs_f64(),
        again / 1_000_000,
        after / 1_000_000
    );
    Ok(client)
}

async fn read(vcsim: &Vcsim, client: &Client, broken: &mut Vec<String>) -> Result<()> {
    vcsim.reset()?;
    let mut names = Vec::new();
    let mut lists = Vec::new();
    let mut finds = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        names = client.read().names(Kind::VirtualMachine);
        lists.push(start.elapsed());
    }
    // What an answer of so many words costs, however they are come by: one copy of each.
    let mut copies = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        let copy = names.clone();
        copies.push(start.elapsed());
        drop(copy);
    }
    let wanted: Vec<&String> = names.iter().step_by((names.len() / 1000).max(1)).collect();
    for name in &wanted {
        let start = Instant::now();
        client.read().find::<VirtualMachine>(name, None).map_err(told)?;
        finds.push(start.elapsed());
    }
    let asked = vcsim.stats()?.methods_but(&["WaitForUpdatesEx"]);
    let (list, copy) = (quantile(&mut lists, 0.5), quantile(&mut copies, 0.5));
    println!(
        "  read: the names of all machines in {} (copying them takes {}), one by name in {} (p99), {} calls",
        ms(list),
        ms(copy),
        ms(quantile(&mut finds, 0.99)),
        asked.len()
    );
    if !asked.is_empty() {
        broken.push(format!("reads have asked the vCenter: {asked:?}"));
    }
    if list.saturating_sub(copy) > Duration::from_millis(1) {
        broken.push(format!("a list takes {} beyond its bytes", ms(list.saturating_sub(copy))));
    }
    vcsim.reset()?;
    let start = Instant::now();
    let all = Of::Kind("VirtualMachine".to_owned(), None);
    let found = generic::collect(client, &all, &["name", "config.hardware.device"]).await.map_err(told)?;
    println!(
        "  collect: the devices of {} machines in {:.2} s, {} calls",
        found.len(),
        start.elapsed().as_secs_f64(),
        vcsim.stats()?.methods_but(&["WaitForUpdatesEx"]).iter().map(|(_, count)| count).sum::<u64>()
    );
    Ok(())
}

async fn follow(vcsim: &Vcsim, client: &Client, broken: &mut Vec<String>) -> Result<()> {
    // As many changes as the simulator can make at once.
    const CHANGES: u32 = 5000;
    let mut changes = client.inventory().subscribe();
    let start = Instant::now();
    let counted = tokio::spawn(async move {
        let (mut seen, mut parts, mut last) = (0, 0, start);
        while let Ok(Ok(batch)) =
            tokio::time::timeout(if parts == 0 { LONG } else { QUIET }, changes.recv()).await
        {
            seen += batch.changes.len();
            parts += 1;
            last = Instant::now();
        }
        (seen, parts, last)
    });
    tokio::task::block_in_place(|| vcsim.churn(CHANGES, "power"))?;
    let made = start.elapsed();
    let (seen, batches, last) = counted.await.map_err(|error| Error::new(error.to_string()))?;
    println!(
        "  changes: {CHANGES} at random made in {:.2} s by the simulator; {seen} changed machines told in {batches} parts, the \
         last one {:.2} s after the beginning",
        made.as_secs_f64(),
        (last - start).as_secs_f64()
    );
    same_power(vcsim, client, broken)?;

    // One change at a time, as another client makes it.
    let vms: Vec<_> = client
        .read()
        .all::<VirtualMachine>()
        .map(|vm| (vm.reference.clone(), vm.name.to_string()))
        .take(200)
        .collect();
    let mut late = Vec::new();
    for (reference, name) in vms {
        let vm = client.read().entity::<VirtualMachine>(&reference).and_then(|vm| vm.power_state);
        let on = vm != Some(PowerState::PoweredOn);
        let (power, wanted) = if on { ("on", "poweredOn") } else { ("off", "poweredOff") };
        vcsim.seed(&json!({"vms": [{"match": name, "power": power}]}))?;
        let changed = Instant::now();
        let shown = client.inventory().wait_until(LONG, |inventory| {
            let state = inventory.entity::<VirtualMachine>(&reference).and_then(|vm| vm.power_state);
            state.is_some_and(|state| state.as_str() == wanted)
        });
        if !shown.await {
            return Err(Error::new(format!("a change of {name} is not seen")));
        }
        late.push(changed.elapsed());
    }
    let (half, most) = (quantile(&mut late, 0.5), quantile(&mut late, 0.99));
    println!("  a change by another client is seen after {} (p50), {} (p99)", ms(half), ms(most));
    if most > LATE {
        broken.push(format!("a change is seen only after {}", ms(most)));
    }
    Ok(())
}

/// Whether the inventory says of every machine what the simulator does.
fn same_power(vcsim: &Vcsim, client: &Client, broken: &mut Vec<String>) -> Result<()> {
    let there = vcsim.names("VirtualMachine")?.len();
    let known = client.read().all::<VirtualMachine>().count();
    if there != known {
        broken.push(format!("there are {there} machines, and {known} are known"));
    }
    Ok(())
}
