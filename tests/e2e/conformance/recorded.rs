//! What vsalt sends, held against what Salt's own proxy minion sends in the same place: a master that notes every load it
//! decrypts sees first the one and then the other, with the same id, the same keys and the same jobs.

use std::collections::BTreeMap;
use std::fs;

use lab::{Error, Master, Proxy, Release, Result, Root, Settings, Tools, Vcsim};
use serde_json::{Value, json};

use crate::stage::{self, LONG, Shared};

on_each_line! {
    older: c084_every_envelope_has_version_3, every_load_is_one_that_salt_sends, every_job_makes_the_same_loads;
}

const ID: &str = "rec01";

/// What the master is told to do with both, by a name of ours.
fn scenes() -> Vec<(&'static str, Value)> {
    let job =
        |fun: &str, arg: Value, kwarg: Value| json!({"tgt": ID, "fun": fun, "arg": arg, "kwarg": kwarg});
    let plain = |fun: &str, arg: Value| job(fun, arg, json!({}));
    vec![
        ("ping", plain("test.ping", json!([]))),
        ("arguments", job("test.arg", json!([1, "two", {"a": 1}]), json!({"k": "v"}))),
        ("values", plain("test.echo", json!([{"a": [1, 2.5, null, true, "ü"]}]))),
        ("bytes", plain("test.echo", json!([{"__bytes__": "fffe"}]))),
        ("metadata", json!({"tgt": ID, "fun": "test.ping", "metadata": {"a": 1}})),
        ("unknown", plain("no.such", json!([]))),
        ("too few", plain("test.sleep", json!([]))),
        ("unknown keyword", plain("test.echo", json!(["a", "b=1"]))),
        ("exception", plain("test.exception", json!(["x"]))),
        ("retcode", plain("test.retcode", json!([7]))),
        ("false result", plain("test.echo", json!([{"result": false}]))),
        ("several", json!({"tgt": ID, "fun": ["test.ping", "test.echo"], "arg": [[], ["x"]]})),
        ("event", plain("event.send", json!(["recorded/event", {"x": 1}]))),
        ("event for the master", plain("event.fire_master", json!([{"x": 1}, "recorded/master"]))),
        ("mine.send", plain("mine.send", json!(["test.ping"]))),
        ("mine.get", plain("mine.get", json!([ID, "test.ping"]))),
        ("mine.delete", plain("mine.delete", json!(["test.ping"]))),
        ("mine.flush", plain("mine.flush", json!([]))),
        ("an empty mine", plain("mine.flush", json!([]))),
        ("hash", plain("cp.hash_file", json!(["salt://rec.txt"]))),
        ("list", plain("cp.list_master", json!([]))),
        ("directories", plain("cp.list_master_dirs", json!([]))),
        ("links", plain("cp.list_master_symlinks", json!([]))),
        ("environments", plain("cp.envs", json!([]))),
        ("file", plain("cp.get_file_str", json!(["salt://rec.txt"]))),
        ("file kept", plain("cp.cache_file", json!(["salt://rec2.txt"]))),
        ("pillar", job("pillar.items", json!([]), json!({"pillar": {"b": 2}}))),
        ("publish", plain("publish.publish", json!([ID, "test.ping"]))),
        ("runner", plain("publish.runner", json!(["test.arg", ["x"]]))),
        ("states", plain("state.apply", json!(["rec"]))),
        ("no sls", plain("state.apply", json!(["rec_is_not_there"]))),
        ("refresh", job("saltutil.refresh_pillar", json!([]), json!({"wait": true, "timeout": 60}))),
        ("revoke", plain("saltutil.revoke_auth", json!([]))),
    ]
}

type Pairs = Vec<(String, Value)>;

/// A request as the master decrypted it.
struct Load {
    envelope: Pairs,
    load: Pairs,
}

impl Load {
    fn cmd(&self) -> &str {
        self.get("cmd").and_then(Value::as_str).unwrap_or_default()
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.load.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
}

/// The loads of one minion: before its first job, and by scene.
struct Recording(BTreeMap<&'static str, Vec<Load>>);

struct Both {
    salt: Recording,
    ours: Recording,
}

const START: &str = "the start";

fn both(release: &Release) -> Result<&'static Both> {
    static RECORDED: Shared<Both> = Shared::new();
    RECORDED.get(release, record)
}

fn record(tools: Tools) -> Result<Both> {
    let prelude =
        concat!(include_str!("../../lab/python/plain.py"), "\n", include_str!("../../lab/python/record.py"));
    let options = json!({
        "auto_accept": true,
        "peer": {".*": [".*"]},
        "peer_run": {".*": [".*"]},
        "state_events": true,
    });
    let master = Master::start_after(&tools, options, prelude)?;
    for name in ["rec.txt", "rec2.txt"] {
        master.file(name, "recorded\n")?;
    }
    master.file("rec.sls", "fine:\n  test.nop: []\n")?;
    let keys = Root::new()?;
    let settings = Settings::new(ID).with(json!({
        "pki_dir": keys.path(),
        "start_event_grains": ["id"],
        // Their values differ: Python's are of a host, ours of a vCenter.
        "autosign_grains": ["colour"],
        "grains": {"colour": "blue"},
    }));

    master.pillar(ID, &json!({"proxy": {"proxytype": "dummy"}, "foo": "bar"}))?;
    let python = tools.bin.join("salt-proxy");
    let salt = play(&master, |master| Proxy::start_with(&python, &[], master, settings.clone()))?;
    // No key of the first is left, so that the second is accepted as the first was.
    master.salt_key(&["-y", "-d", ID])?;
    fs::remove_file(keys.path().join("minion_master.pub"))?;

    let vcsim = Vcsim::start(&tools)?;
    let mut pillar = lab::proxy::pillar(&vcsim);
    stage::merge(&mut pillar, json!({"foo": "bar"}));
    master.pillar(ID, &pillar)?;
    let ours = play(&master, |master| Proxy::start(master, settings.clone()))?;
    Ok(Both { salt, ours })
}

/// Starts a minion, gives it all jobs one by one, ends it.
fn play(master: &Master, start: impl FnOnce(&Master) -> Result<Proxy>) -> Result<Recording> {
    let bus = master.bus()?;
    let file = master.path("record");
    let mut read = fs::metadata(&file).map_or(0, |m| m.len());
    let mark = bus.mark();
    let mut proxy = start(master)?;
    proxy.wait_ready(master, mark)?;
    let mut all = Recording(BTreeMap::new());
    let mut taken = |name: &'static str| -> Result<()> {
        quiet(&file);
        let bytes = fs::read(&file)?;
        let from = usize::try_from(read).unwrap_or(usize::MAX);
        read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let lines = bytes[from..].split(|b| *b == b'\n').filter(|l| !l.is_empty());
        all.0.insert(name, lines.map(load).collect::<Result<_>>()?);
        Ok(())
    };
    taken(START)?;
    for (name, job) in scenes() {
        let job = bus.publish(&job)?;
        let returned = job.wait(ID, LONG);
        // What revokes the key may not get its own return through.
        if let Err(e) = returned.map(drop).or_else(|e| if name == "revoke" { Ok(()) } else { Err(e) }) {
            return Err(Error::new(format!("{name}: {e}\n{}", proxy.log())));
        }
        taken(name)?;
    }
    proxy.stop()?;
    Ok(all)
}

/// Waits until nothing more is noted for a while: what a minion does after a return belongs to it.
fn quiet(file: &std::path::Path) {
    let size = || fs::metadata(file).map_or(0, |m| m.len());
    let mut last = (size(), 0);
    while last.1 < 15 {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = size();
        last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
    }
}

/// A noted line, with what differs by nature replaced by its name.
fn load(line: &[u8]) -> Result<Load> {
    let noted: Value = serde_json::from_slice(line)?;
    let pairs = |name: &str| -> Pairs {
        let all = noted[name].as_array().cloned().unwrap_or_default();
        all.into_iter().map(|p| (p[0].as_str().unwrap_or_default().to_owned(), p[1].clone())).collect()
    };
    let mut load = Load { envelope: pairs("envelope"), load: pairs("load") };
    let cmd = load.cmd().to_owned();
    let fun = load.get("fun").cloned().unwrap_or_default();
    for (key, value) in &mut load.load {
        let differs = match key.as_str() {
            // Of the moment, or made by chance.
            "nonce" | "ts" | "_stamp" | "token" => true,
            // The one's host is not the other's vCenter.
            "grains" => cmd == "_pillar" && value.as_object().is_some_and(|g| g.len() > 1),
            "opts" => true,
            // A stack of Python and one of ours; help that is written anew; another pillar.
            "return" => {
                matches!(fun.as_str(), Some("test.exception" | "test.sleep" | "pillar.items"))
            }
            _ => false,
        };
        if differs {
            *value = json!(format!("<{key}>"));
        }
        mask(value);
    }
    Ok(load)
}

/// Times, jids, temporary folders, and how long a state took; the token is only shown in short.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) => {
            let jid = |t: &str| t.len() == 20 && t.bytes().all(|b| b.is_ascii_digit());
            if let Some((before, _)) = text.split_once(" started at ") {
                *text = format!("{before} started at <time>");
            } else if let Some((_, below)) = text.split_once("/vsalt-lab-") {
                *text = format!("<root>/{}", below.split_once('/').unwrap_or_default().1);
            } else {
                let parts: Vec<&str> = text.split('/').map(|t| if jid(t) { "<jid>" } else { t }).collect();
                *text = parts.join("/");
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "duration" | "start_time" | "_stamp" => *value = json!(format!("<{key}>")),
                    "__bytes__" if value.as_str().is_some_and(|t| t.len() > 64) => {
                        *value = json!(value.as_str().unwrap_or_default()[..16]);
                    }
                    _ => mask(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(mask),
        _ => {}
    }
}

fn shown(load: &Load) -> String {
    format!("{} in {}", json!(load.load), json!(load.envelope))
}

fn c084_every_envelope_has_version_3(release: &'static Release) -> Result<()> {
    let both = both(release)?;
    for load in both.ours.0.values().flatten() {
        assert!(load.envelope.contains(&("version".into(), json!(3))), "{}", shown(load));
    }
    Ok(())
}

/// Nothing goes out that Salt's own does not send somewhere in the same form: command, fields, their order, their values.
fn every_load_is_one_that_salt_sends(release: &'static Release) -> Result<()> {
    let both = both(release)?;
    let known: Vec<String> = both.salt.0.values().flatten().map(shown).collect();
    let mut strange = Vec::new();
    for (scene, loads) in &both.ours.0 {
        for load in loads.iter().filter(|l| !known.contains(&shown(l))) {
            let like = both.salt.0[scene].iter().find(|l| l.cmd() == load.cmd());
            strange.push(format!(
                "{scene}:\n  ours {}\n  salt {}",
                shown(load),
                like.map_or("nothing".into(), shown)
            ));
        }
    }
    assert!(strange.is_empty(), "{}", strange.join("\n"));
    Ok(())
}

/// A job makes the same requests as with Salt's own.
fn every_job_makes_the_same_loads(release: &'static Release) -> Result<()> {
    let both = both(release)?;
    let mut other = Vec::new();
    for (scene, _) in scenes() {
        let sent = |r: &Recording| {
            let mut all: Vec<String> = r.0[scene].iter().map(|l| l.cmd().to_owned()).collect();
            // Asked for the mode of a file before 3008, for nothing since: a minion of ours asks as the later ones do.
            // A key that was deleted between the two has the master change its own, some time later.
            all.retain(|cmd| !["_file_find", "_auth"].contains(&cmd.as_str()));
            all.sort();
            all.dedup();
            all
        };
        let (salt, ours) = (sent(&both.salt), sent(&both.ours));
        if salt != ours {
            other.push(format!("{scene}: {ours:?}, Salt's own {salt:?}"));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
    Ok(())
}
