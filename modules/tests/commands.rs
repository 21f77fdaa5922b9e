//! Functions that work on the minion's host: what Salt 3007.17 answered to the same calls, and what it can't be asked.

mod double;

use std::time::{Duration, Instant};

use double::Minion;
use salt::{Args, Map, Value, list, map};

/// What the recorded script is.
const SCRIPT: &str = "#!/bin/sh\necho \"$#:$1:$2\"\npwd >&2\nexit 3\n";

#[tokio::test]
async fn answers_are_the_recorded_ones() {
    let calls: Vec<serde_json::Value> = serde_json::from_str(include_str!("data/commands.json")).unwrap();
    assert!(calls.len() > 90);
    let minion = Minion::new(&[], Vec::new());
    let script = minion.dir.path().join("script.sh");
    std::fs::write(&script, SCRIPT).unwrap();
    let script = Value::from(script.display().to_string());
    // The recording was made in this environment.
    minion
        .call(
            "environ.setenv",
            Args::of([map! { "HOME" => "/usr", "PATH" => "/usr/local/bin:/usr/bin:/bin" }]),
        )
        .await;
    let mut wrong = Vec::new();
    for call in calls {
        if call["kwarg"]["runas"] == "daemon" && !rustix::process::geteuid().is_root() {
            // Only root may become somebody else.
            continue;
        }
        let fun = call["fun"].as_str().unwrap();
        let items = call["arg"].as_array().unwrap().iter().cloned().map(Value::from_json);
        let mut args =
            Args::of(items.map(|item| if item.as_str() == Some("FILE") { script.clone() } else { item }));
        args.keywords = Value::from_json(call["kwarg"].clone()).as_map().cloned().unwrap_or_default();
        let answer = match call["inner"].as_bool() {
            Some(true) => minion.call_from_within(fun, args).await,
            _ => minion.call(fun, args).await,
        };
        let mut ret = answer.ret.clone();
        if let Some(map) = ret.as_map_mut() {
            map.remove("pid");
        }
        if (ret.to_json(), Some(answer.retcode)) != (call["ret"].clone(), call["retcode"].as_i64()) {
            wrong.push(format!("{call}\n  ours {} {}", ret.to_json(), answer.retcode));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_command_need_not_read_what_it_is_given() {
    let minion = Minion::new(&[], Vec::new());
    let big = "x".repeat(1 << 20);
    let ret =
        minion.call("cmd.run", Args::of(["exec 0<&-; echo done"]).with("stdin", big.as_str())).await.ret;
    assert_eq!(ret, "done".into());
    let ret = minion.call("cmd.run", Args::of(["wc -c"]).with("stdin", big.as_str())).await.ret;
    assert_eq!(ret, "1048576".into());
}

/// What a command started is killed with it: at the end of its time, and with its job.
#[tokio::test]
async fn nothing_of_a_killed_command_stays() {
    let minion = Minion::new(&[], Vec::new());
    let mark = minion.dir.path().join("mark").display().to_string();
    let line = format!("(echo $BASHPID > {mark}; exec sleep 600) & sleep 600");
    let begun = Instant::now();
    let ret = minion.call("cmd.run_all", Args::of([line.as_str()]).with("timeout", 2)).await.ret;
    assert!(begun.elapsed() < Duration::from_secs(300), "it did not wait for the end of what was started");
    assert!(ret.get("pid").and_then(Value::as_i64).is_some());
    gone(&mark).await;
    std::fs::remove_file(&mark).unwrap();
    let call = minion.call("cmd.run", Args::of([line.as_str()]));
    tokio::select! {
        _ = call => panic!("it ended by itself"),
        () = written(&mark) => {}
    }
    gone(&mark).await;
}

async fn written(mark: &str) {
    while std::fs::read_to_string(mark).unwrap_or_default().trim().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the process whose id is in the file is no more, or is only waited for.
async fn gone(mark: &str) {
    let pid = std::fs::read_to_string(mark).expect("it is written");
    let stat = format!("/proc/{}/stat", pid.trim());
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    for _ in 0..3000 {
        if !runs() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{pid} still runs");
}

#[tokio::test]
async fn globs_say_what_a_publication_may_run() {
    let minion = Minion::new(&[], Vec::new());
    let with = |option: &str| {
        let mut opts = (*minion.identity.opts()).clone();
        for name in ["cmd_blacklist_glob", "cmd_whitelist_glob"] {
            opts.insert(name, if name == option { list!["echo *"] } else { list![] });
        }
        minion.identity.set_opts(opts);
    };
    let run = async |line: &str| minion.call("cmd.run", Args::of([line])).await.ret;
    with("cmd_blacklist_glob");
    assert_eq!(run("echo no").await, "ERROR: The shell command \"echo no\" is not permitted".into());
    assert_eq!(run("printf yes").await, "yes".into());
    assert_eq!(minion.call_from_within("cmd.run", Args::of(["echo yes"])).await.ret, "yes".into());
    with("cmd_whitelist_glob");
    assert_eq!(run("echo yes").await, "yes".into());
    assert_eq!(run("printf no").await, "ERROR: The shell command \"printf no\" is not permitted".into());
}

#[tokio::test]
async fn a_command_in_the_background_is_not_waited_for() {
    let minion = Minion::new(&[], Vec::new());
    let mark = minion.dir.path().join("mark").display().to_string();
    let line = format!("while ! test -e {mark}.go; do sleep 0.05; done; echo done > {mark}");
    let ret = minion.call("cmd.run_bg", Args::of([line.as_str()])).await.ret;
    assert!(ret.get("pid").and_then(Value::as_i64).is_some_and(|pid| pid > 1), "{ret:?}");
    std::fs::write(format!("{mark}.go"), "").unwrap();
    written(&mark).await;
    let go = format!("{mark}.script");
    let script = minion.dir.path().join("s.sh");
    std::fs::write(&script, format!("#!/bin/sh\necho \"$0\" > {go}\n")).unwrap();
    let args = Args::of([script.display().to_string()]).with("bg", true);
    assert_eq!(minion.call("cmd.script", args).await.ret.get("stdout"), Some(&"".into()));
    written(&go).await;
    let place = std::fs::read_to_string(&go).unwrap();
    for _ in 0..3000 {
        if !std::path::Path::new(place.trim()).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the script {place} was not removed");
}

#[tokio::test]
async fn passwords_of_the_environment_are_not_shown() {
    let minion = Minion::new(&[], Vec::new());
    minion.call("environ.setval", Args::of(["DB_PASSWORD", "hunter2"])).await;
    for args in [("environ.items", Args::none()), ("environ.get", Args::of(["DB_PASSWORD"]))] {
        let shown = minion.call(args.0, args.1).await.ret.repr();
        assert!(!shown.contains("hunter2") && shown.contains("*****"), "{shown}");
    }
    let ret = minion.call("cmd.run", Args::of(["echo $DB_PASSWORD"])).await.ret;
    assert_eq!(ret, "hunter2".into(), "commands need it");
}

#[tokio::test]
async fn temporary_files_are_new_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let minion = Minion::new(&[], Vec::new());
    let parent = minion.dir.path().display().to_string();
    for (fun, mode) in [("temp.file", 0o600), ("temp.dir", 0o700)] {
        let make = async || {
            let args = Args::none().with("prefix", "a").with("suffix", ".b").with("parent", parent.as_str());
            minion.call(fun, args).await.ret.to_string()
        };
        let (one, two) = (make().await, make().await);
        assert_ne!(one, two);
        assert!(one.starts_with(&format!("{parent}/a")) && one.ends_with(".b"), "{one}");
        assert_eq!(std::fs::metadata(&one).unwrap().permissions().mode() & 0o777, mode, "{fun}");
    }
    let missing = minion.call("temp.file", Args::none().with("parent", "/nosuch")).await;
    assert_eq!(missing.retcode, 1);
    assert_eq!(minion.call("temp.file", Args::none().with("prefix", "../x")).await.retcode, 1);
}

#[tokio::test]
async fn values_are_looked_up_by_their_profile() {
    let minion = Minion::new(&[], Vec::new());
    let mut opts = (*minion.identity.opts()).clone();
    opts.insert("mine", map! { "driver" => "env" });
    opts.insert("vault", map! { "driver" => "vault" });
    minion.identity.set_opts(opts);
    minion.call("environ.setval", Args::of(["COLOUR", "blue"])).await;
    let get = async |uri: &str| minion.call("sdb.get", Args::of([uri])).await.ret;
    assert_eq!(get("sdb://mine/COLOUR").await, "blue".into());
    assert_eq!(get("sdb://mine/NOSUCH").await, Value::None);
    assert_eq!(get("sdb://vault/x").await, "EXC KeyError: 'vault.get'".into());
}

#[tokio::test]
async fn only_a_daemon_can_be_ended() {
    let minion = Minion::new(&[], Vec::new());
    for fun in ["minion.kill", "minion.restart"] {
        let answer = minion.call(fun, Args::none()).await;
        assert_eq!(answer.retcode, 1, "{answer:?}");
    }
    let keys = minion.call("minion.list", Args::none()).await.ret;
    let none = || Value::List(vec![]);
    let wanted: Map = map! {
        "minions" => none(), "minions_pre" => none(), "minions_rejected" => none(), "minions_denied" => none(),
    };
    assert_eq!(keys, wanted.into());
}

#[tokio::test]
async fn an_external_pillar_is_asked_of_the_master() {
    let minion = Minion::new(&[], Vec::new());
    let args = Args::of(["{cmd_json: 'echo {}'}"]).with("pillar", map! { "foo" => "mine" });
    let pillar = minion.call("pillar.ext", args).await.ret;
    assert_eq!(pillar.get("foo"), Some(&"mine".into()));
    assert!(minion.told().concat().contains("ext {'cmd_json': 'echo {}'}"), "{:?}", minion.told());
}
