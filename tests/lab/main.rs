//! `lab`: provisions the lab, and holds one up for use by hand.

use std::io::{Write, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use lab::demo::Demo;
use lab::endure::{self, endure};
use lab::error::Doing;
use lab::soak;
use lab::stress::{self, Plan};
use lab::{Error, Master, Proxy, Result, Settings, Tools, Vcsim, process, provision, proxy, vcsim};
use serde_json::json;

const USAGE: &str = "usage: lab provision            make what the lab needs: all three lines of Salt, and the simulator
       lab prove                  check the simulator itself: vet, tests, and pyVmomi against it
       lab up [--proxy|--python]  hold up a master and a simulator (and our proxy minion, or Salt's own) until enter or Ctrl-C
       lab demo [--keep]          the demo; with --keep all stays up until enter or Ctrl-C
       lab endure [JOBS [DEATHS [SEED]]]
                                  many jobs while master and minion are killed at random (10000 jobs, 20 deaths of each)
       lab vcsim [FLAG...]        hold up a simulator alone
       lab stress [NAME=N...]     prove that there is one session for life, with a release build: jobs, kills and
                                  restarts of the vCenter, crashes of the proxy (by default 10000, 100, 20, 5)
       lab soak [hours] [NAME=N...]
                                  prove that memory and open files stay as they are, with a release build: jobs, and new
                                  session keys (by default 5000 and 100; for hours 100000 and 1000)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["provision"] => Tools::provide_all(&provision::RELEASES),
        ["prove"] => prove(),
        ["demo"] => Demo::show().and_then(Demo::end),
        ["demo", "--keep"] => Demo::show().and_then(|demo| {
            demo.explain();
            hold()?;
            demo.end()
        }),
        ["up"] => up(None),
        ["up", who @ ("--proxy" | "--python")] => up(Some(who)),
        ["endure", numbers @ ..] => endurance(numbers),
        ["vcsim", flags @ ..] => simulator(flags),
        ["stress", numbers @ ..] => stress(numbers),
        ["soak", "hours", numbers @ ..] => soak(soak::Plan::HOURS, numbers),
        ["soak", numbers @ ..] => soak(soak::Plan::MINUTES, numbers),
        _ => Err(Error::new(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

/// Go's checks of the simulator's source, and an independent client against the built one.
fn prove() -> Result<()> {
    let tools = Tools::provide()?;
    for (name, mut command) in [
        ("go vet", provision::go(&["vet", "."])),
        ("go test", provision::go(&["test", "."])),
        ("prove.py", tools.python("python3")),
    ] {
        if name == "prove.py" {
            command.arg(provision::vcsim_source().join(name)).arg(&tools.vcsim);
        }
        let (code, out, err) = process::run(&command, Duration::from_secs(600))?;
        if code != 0 {
            return Err(Error::new(format!("{name} ended with {code}\n{out}{err}")));
        }
        println!("{name}: {}", out.lines().last().unwrap_or("nothing to say"));
    }
    Ok(())
}

fn endurance(numbers: &[&str]) -> Result<()> {
    let number = |at: usize, default: u32| match numbers.get(at) {
        Some(text) => text.parse().map_err(|_| Error::new(format!("{text} is no number\n{USAGE}"))),
        None => Ok(default),
    };
    let deaths = number(1, 20)?;
    let plan = endure::Plan {
        jobs: number(0, 10_000)?,
        restarts: deaths,
        kills: deaths,
        seed: number(2, 1)?.into(),
    };
    let outcome = endure(&Tools::provide()?, plan)?;
    println!("{outcome}");
    match outcome.repeated.is_empty() && outcome.missing.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::new(format!("more than once: {:?}\nmissing: {:?}", outcome.repeated, outcome.missing)))
        }
    }
}

fn simulator(flags: &[&str]) -> Result<()> {
    let sim = Vcsim::start_with(&Tools::provide()?, flags)?;
    println!(
        "{:#}\nuser {}  password {}  ca {}",
        sim.ready(),
        vcsim::USER,
        vcsim::PASSWORD,
        sim.ca_file().display()
    );
    hold()
}

fn stress(numbers: &[&str]) -> Result<()> {
    let mut plan = Plan::FULL;
    for number in numbers {
        let (name, n) = number.split_once('=').ok_or_else(|| Error::new(USAGE))?;
        let n = n.parse().doing(number)?;
        match name {
            "jobs" => plan.jobs = n,
            "kills" => plan.kills = n,
            "restarts" => plan.restarts = n,
            "crashes" => plan.crashes = n,
            _ => return Err(Error::new(USAGE)),
        }
    }
    let program = proxy::build(true)?;
    let figures = stress::run(&Tools::provide()?, Some(program), plan, |what| println!("{what}"))?;
    println!("\n{figures}");
    let wrong = figures.check();
    if wrong.is_empty() { Ok(()) } else { Err(Error::new(wrong.join("\n"))) }
}

fn soak(mut plan: soak::Plan, numbers: &[&str]) -> Result<()> {
    for number in numbers {
        match number.split_once('=') {
            Some(("jobs", n)) => plan.jobs = n.parse().doing(number)?,
            Some(("keys", n)) => plan.keys = n.parse().doing(number)?,
            _ => return Err(Error::new(USAGE)),
        }
    }
    let program = proxy::build(true)?;
    let figures = soak::run(&Tools::provide()?, Some(program), plan, |what| println!("{what}"))?;
    println!("\n{figures}");
    let wrong = figures.check();
    if wrong.is_empty() { Ok(()) } else { Err(Error::new(wrong.join("\n"))) }
}

fn up(who: Option<&str>) -> Result<()> {
    let tools = Tools::provide()?;
    let sim = Vcsim::start(&tools)?;
    let master = Master::start(&tools, json!({}))?;
    let pillar = match who {
        // Salt's own vCenter proxy trusts no certificate authority but the machine's: its dummy shows as much of a master.
        Some("--python") => json!({"proxy": {"proxytype": "dummy"}}),
        _ => proxy::pillar(&sim),
    };
    master.pillar("vc01", &pillar)?;
    let bin = tools.bin.display();
    let etc = master.path("etc").display().to_string();
    let root = master.path("").display().to_string();
    proxy::configure(&master.path("proxy"), &master, &Settings::new("vc01"))?;
    let _proxy = match who {
        None => None,
        Some(who) => {
            let mark = master.bus()?.mark();
            let mut proxy = match who {
                "--proxy" => Proxy::start(&master, Settings::new("vc01"))?,
                _ => Proxy::start_with(&tools.bin.join("salt-proxy"), &[], &master, Settings::new("vc01"))?,
            };
            master.accept_key("vc01")?;
            proxy.wait_ready(&master, mark)?;
            println!("vc01 is up, its configuration in {}", proxy.config_dir().display());
            Some(proxy)
        }
    };
    println!(
        "
vCenter    https://127.0.0.1:{port}/sdk  user {user}  password {password}  ca {ca}
           curl -s {control}/stats
master     root {root}  publish {publish}  requests {ret}  log {root}master.out
           file roots {root}files  pillar roots {root}pillar
proxy      vsalt proxy -c {root}proxy/etc --proxyid vc01 -l debug
keys       {bin}/salt-key -c {etc} -L
           {bin}/salt-key -c {etc} -y -a vc01
jobs       {bin}/salt -c {etc} vc01 test.ping
events     {bin}/salt-run -c {etc} state.event pretty=True
",
        port = sim.port(),
        user = vcsim::USER,
        password = vcsim::PASSWORD,
        ca = sim.ca_file().display(),
        control = sim.control_address(),
        publish = master.publish_port(),
        ret = master.ret_port(),
    );
    hold()
}

/// Waits for enter, or without anybody at the keyboard for ever.
fn hold() -> Result<()> {
    println!("enter ends it");
    stdout().flush()?;
    if stdin().read_line(&mut String::new()).doing("standard input")? == 0 {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    Ok(())
}
