//! The demo: our proxy minion under a real master, each command shown before what it says.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::error::Doing;
use crate::{Error, Master, Proxy, Result, Settings, Tools, Vcsim, eventually, process, proxy};

/// The states that the demo applies.
const SITE: &str = "\
frankfurt:
  vmware_datacenter.present: []

databases:
  vmware_folder.manage:
    - task: create
    - dc_name: DC0
    - type: vm
    - require:
      - vmware_datacenter: frankfurt
";

/// What the demo has up, from the moment it is up.
pub struct Demo {
    proxy: Proxy,
    vcsim: Vcsim,
    master: Master,
    bin: PathBuf,
}

impl Demo {
    /// Shows everything; fails at the first step that is not as it should be.
    pub fn show() -> Result<Demo> {
        say("Salt, and a simulated vCenter");
        let tools = Tools::provide()?;
        say("vsalt, built for release");
        let vsalt = proxy::build(true)?;
        let vcsim = Vcsim::start(&tools)?;
        let master = Master::start(&tools, json!({}))?;
        println!(
            "a real salt-master {} and a vCenter with {}",
            crate::provision::RELEASE.version,
            objects(&vcsim)
        );
        println!(
            "$ export PATH={}:$PATH SALT_CONFIG_DIR={}",
            tools.bin.display(),
            master.path("etc").display()
        );
        master.pillar("vc01", &proxy::pillar(&vcsim))?;
        master.file("site.sls", SITE)?;

        let settings = Settings { level: "info".to_owned(), ..Settings::new("vc01") };
        let mark = master.bus()?.mark();
        say("a proxy minion for it");
        let proxy = Proxy::start_with(&vsalt, &["proxy"], &master, settings)?;
        println!("$ {} proxy -c {} --proxyid vc01 &", vsalt.display(), proxy.config_dir().display());
        let mut demo = Demo { proxy, vcsim, master, bin: tools.bin };

        let asked = || (demo.master.key_state("vc01") == Some("minions_pre")).then_some(());
        eventually(Duration::from_secs(60), asked)
            .ok_or_else(|| Error::new(format!("vc01 asks for no key\n{}", demo.proxy.log())))?;
        demo.run("salt-key", &["-L"], &["Unaccepted Keys", "vc01"])?;
        demo.run("salt-key", &["-y", "-a", "vc01"], &["accepted"])?;
        let Demo { proxy, master, .. } = &mut demo;
        proxy.wait_ready(master, mark)?;

        say("jobs: answered from the inventory that vCenter keeps current, so that they ask it nothing");
        let before = demo.asked()?;
        demo.run("salt", &["vc01", "test.ping"], &["True"])?;
        demo.run("salt", &["vc01", "vsphere.list_vms"], &["db-01", "web-000"])?;
        demo.run("salt", &["vc01", "vmware_vm.info", "vm_name=db-01"], &["db-01", "poweredOn"])?;
        if demo.asked()? != before {
            return Err(Error::new(format!("reads asked vCenter: {before:?}, then {:?}", demo.asked()?)));
        }
        println!("\nSOAP calls of these jobs: 0");

        say("states: what would happen, then it happens, then there is nothing left to do");
        println!("$ cat {}\n{SITE}", demo.master.path("files/site.sls").display());
        demo.run(
            "salt",
            &["vc01", "state.apply", "site", "test=True"],
            &["Succeeded: 2 (unchanged=2", "Failed:    0"],
        )?;
        demo.frankfurt(false)?;
        demo.run("salt", &["vc01", "state.apply", "site"], &["Succeeded: 2 (changed=2)", "Failed:    0"])?;
        demo.frankfurt(true)?;
        let again = demo.run("salt", &["vc01", "state.apply", "site"], &["Succeeded: 2", "Failed:    0"])?;
        if again.contains("changed=") {
            return Err(Error::new("the second run changed something"));
        }

        say("what it cost, by vCenter's own count");
        let stats = demo.vcsim.stats()?;
        let number = |name: &str| stats.count(name);
        println!("$ curl -s {}/stats", demo.vcsim.control_address());
        println!(
            "logins {}, sessions {}, SOAP calls {}",
            number("logins"),
            number("sessions"),
            number("calls")
        );
        for (method, count) in stats.methods_but(&[]) {
            println!("  {count:>3} {method}");
        }
        let (rss, pss) = demo.proxy.process().memory().ok_or_else(|| Error::new("the proxy is gone"))?;
        let pss = pss.map_or_else(String::new, |kb| format!(", proportional (PSS) {kb} kB"));
        println!("memory of the proxy: resident (RSS) {rss} kB{pss}");
        if (number("logins"), number("sessions")) != (1, 1) {
            return Err(Error::new(format!("one login and one session were to be had: {:#}", stats.0)));
        }
        Ok(demo)
    }

    /// Says how to go on by hand.
    pub fn explain(&self) {
        println!(
            "
It is all up. In another terminal:
    export PATH={}:$PATH SALT_CONFIG_DIR={}
    salt vc01 sys.doc vmware_vm
    salt vc01 vmware_vm.list
    salt-run state.event pretty=True
    edit {}
    less {}
    curl -s {}/stats",
            self.bin.display(),
            self.master.path("etc").display(),
            self.master.path("files/site.sls").display(),
            self.master.path("master.out").display(),
            self.vcsim.control_address(),
        );
    }

    /// Stops the proxy as systemd would; nothing of it is left in vCenter.
    pub fn end(mut self) -> Result<()> {
        say("the end");
        let code = self.proxy.stop()?;
        let stats = self.vcsim.stats()?;
        println!("vsalt ended with {code}; sessions left in vCenter: {}", stats.count("sessions"));
        match (code, stats.count("sessions")) {
            (0, 0) => Ok(()),
            _ => Err(Error::new("it was to leave nothing behind")),
        }
    }

    /// Shows a command of Salt's and what it says; all the words must be in that.
    fn run(&self, name: &str, args: &[&str], words: &[&str]) -> Result<String> {
        let mut command = self.master.command_by_environment(name);
        command.args(args);
        println!("\n$ {name} {}", args.join(" "));
        let (code, out, err) = process::run(&command, Duration::from_secs(120)).doing(name)?;
        print!("{out}{err}");
        let missing = words.iter().find(|w| !out.contains(**w));
        match missing {
            None if code == 0 => Ok(out),
            None => Err(Error::new(format!("{name} ended with {code}\n{}", self.proxy.log()))),
            Some(word) => Err(Error::new(format!("{word:?} was to be there\n{}", self.proxy.log()))),
        }
    }

    /// What vCenter was asked so far, but for the standing wait for updates.
    fn asked(&self) -> Result<Vec<(String, u64)>> {
        Ok(self.vcsim.stats()?.methods_but(&["WaitForUpdatesEx"]))
    }

    /// vCenter itself has the datacenter of the states, or not.
    fn frankfurt(&self, there: bool) -> Result<()> {
        match self.vcsim.names("Datacenter")?.iter().any(|n| n == "frankfurt") == there {
            true => Ok(()),
            false => Err(Error::new(format!("a datacenter in vCenter: wanted {there}, is {}", !there))),
        }
    }
}

fn objects(vcsim: &Vcsim) -> String {
    let objects = &vcsim.ready()["objects"];
    let count = |kind: &str| objects[kind].as_u64().unwrap_or_default();
    format!("{} machines on {} hosts", count("VirtualMachine"), count("HostSystem"))
}

fn say(text: &str) {
    println!("\n# {text}");
}
