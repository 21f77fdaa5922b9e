//! Calls that were recorded from a running Salt 3007.17, and what our functions answer to them: pure, against a double of
//! the master.

mod double;

use double::{Answer, Minion};
use salt::{Args, Map, Value, list, map};

#[tokio::test]
async fn answers_are_the_recorded_ones() {
    let calls: Vec<serde_json::Value> = serde_json::from_str(include_str!("data/calls.json")).unwrap();
    let minion = Minion::new(&[], Vec::new());
    let mut wrong = Vec::new();
    // In the recorded order: grains that are set are read later.
    for call in calls {
        let fun = call["fun"].as_str().unwrap();
        let mut arg: Vec<Value> =
            call["arg"].as_array().unwrap().iter().cloned().map(Value::from_json).collect();
        if let Value::Map(keywords) = Value::from_json(call["kwarg"].clone())
            && !keywords.is_empty()
        {
            arg.push(keywords.with("__kwarg__", true).into());
        }
        let args = Args::from_load(&arg);
        let answer = minion.call(fun, args).await;
        let out = call.get("out").and_then(|out| out.as_str());
        let wanted = (Value::from_json(call["ret"].clone()), call["retcode"].as_i64().unwrap(), out);
        let Answer { ret, retcode, out } = answer;
        if (ret.to_json(), retcode, out) != (wanted.0.to_json(), wanted.1, wanted.2) {
            wrong.push(format!("{call}\n  ours {} {retcode} {out:?}", ret.to_json()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Jobs, files on the server and signals: what functions do with what the master and the minion tell.
#[tokio::test]
async fn jobs_are_found_and_ended_but_never_the_own_one() {
    let job = |jid: &str, fun: &str| map! { "jid" => jid, "fun" => fun, "pid" => 4711, "arg" => list![] };
    let own = job("20261122150000000000", "saltutil.running");
    let other = job("20261122145900000000", "state.apply");
    let minion = Minion::new(&[], vec![own, other.clone()]);
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    assert_eq!(ret("saltutil.running", Args::none()).await, list![other.clone()]);
    assert_eq!(ret("saltutil.is_running", Args::of(["state.*"])).await, list![other.clone()]);
    assert_eq!(ret("saltutil.is_running", Args::of(["test.*"])).await, list![]);
    assert_eq!(ret("saltutil.find_job", Args::of(["20200101000000000000"])).await, Map::new().into());
    assert_eq!(ret("saltutil.find_job", Args::of(["20261122145900000000"])).await, other.into());
    assert_eq!(
        ret("saltutil.kill_all_jobs", Args::none()).await,
        list!["Signal 9 sent to job 20261122145900000000 at pid 4711"]
    );
    assert_eq!(minion.told(), ["signal 9 to 20261122145900000000"]);
}

#[tokio::test]
async fn grains_that_are_set_are_written_and_read_back() {
    let minion = Minion::new(&[], Vec::new());
    let file = minion.dir.path().join("proxy.d/px1/grains");
    minion.call("grains.setvals", Args::of([map! { "role" => "web", "n" => list![1, 2] }])).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "n:\n- 1\n- 2\nrole: web\n");
    minion.call("grains.delkey", Args::of(["role"])).await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "n:\n- 1\n- 2\n");
    assert_eq!(minion.call("grains.get", Args::of(["role"])).await.ret, "".into());
    assert!(minion.told().contains(&"refresh grains".to_string()));
    std::fs::write(&file, "a: [").unwrap();
    let ret = minion.call("grains.setval", Args::of(["a", "b"])).await.ret;
    assert!(
        ret.as_str().is_some_and(|text| text.starts_with("Unable to read existing grains file: ")),
        "{ret:?}"
    );
}

#[tokio::test]
async fn events_carry_what_was_asked_for() {
    let minion = Minion::new(&[], Vec::new());
    let args =
        Args::of(["my/tag"]).with("with_grains", list!["id"]).with("with_pillar", "foo").with("k", "v");
    minion.call("event.send", args).await;
    let told = minion.told().concat();
    for part in [
        "event my/tag {'grains': {'id': 'px1'}, 'pillar': {'foo': 'bar'}, 'k': 'v'",
        "'__pub_fun': 'event.send'",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("hunter2"));
}

#[tokio::test]
async fn secrets_of_the_options_are_not_shown() {
    let minion = Minion::new(&[], Vec::new());
    let mut opts = (*minion.identity.opts()).clone();
    opts.insert(
        "proxy",
        map! { "proxytype" => "vcenter", "vcenter" => "vc", "passwords" => ["hunter2", "hunter3"] },
    );
    minion.identity.set_opts(opts.clone());
    minion.identity.set_pillar(map! { "proxy" => opts.get("proxy").unwrap().clone() });
    for fun in ["config.items", "test.get_opts", "test.opts_pkg", "vcenter.get_details"] {
        let answer = minion.call(fun, Args::none()).await;
        assert!(!answer.ret.repr().contains("hunter"), "{fun}");
        assert!(answer.ret.repr().contains("**********"), "{fun}");
    }
}

#[tokio::test]
async fn files_of_the_server_are_cached_copied_and_listed() {
    let files = [
        ("hello.txt", "hello\n"),
        ("sub/a/init.sls", ""),
        ("sub/b.sls", ""),
        ("subway/c", ""),
        ("_modules/m.py", ""),
    ];
    let minion = Minion::new(&files, Vec::new());
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    let cache = minion.dir.path().join("cache/files/base");
    let dest = minion.dir.path().join("out").display().to_string();
    assert_eq!(ret("cp.is_cached", Args::of(["salt://hello.txt"])).await, "".into());
    let place = cache.join("hello.txt").display().to_string();
    assert_eq!(ret("cp.cache_file", Args::of(["salt://hello.txt"])).await, place.clone().into());
    assert_eq!(ret("cp.cache_file", Args::of(["salt://hello.txt?saltenv=dev"])).await, false.into());
    assert_eq!(ret("cp.is_cached", Args::of(["salt://hello.txt"])).await, place.clone().into());
    assert_eq!(ret("cp.list_minion", Args::none()).await, list![place]);
    assert_eq!(ret("cp.get_file_str", Args::of(["salt://hello.txt"])).await, "hello\n".into());
    assert_eq!(ret("cp.get_file_str", Args::of(["salt://nosuch"])).await, false.into());
    assert_eq!(ret("cp.list_states", Args::none()).await, list!["sub.a", "sub.b"]);
    assert_eq!(ret("cp.get_file", Args::of(["salt://nosuch", &dest])).await, "".into());
    let deep = format!("{dest}/x/");
    assert_eq!(ret("cp.get_file", Args::of(["salt://hello.txt", &deep])).await, false.into());
    let got = format!("{dest}/x/hello.txt");
    let args = Args::of(["salt://hello.txt", &deep]).with("makedirs", true);
    assert_eq!(ret("cp.get_file", args).await, got.clone().into());
    assert_eq!(std::fs::read_to_string(got).unwrap(), "hello\n");
    let got = ret("cp.get_dir", Args::of(["salt://sub", &dest])).await;
    assert_eq!(got, list![format!("{dest}/sub/a/init.sls"), format!("{dest}/sub/b.sls")]);
    let refused = ret("cp.cache_dest", Args::of(["salt://../../etc/passwd"])).await;
    assert_eq!(refused, "ERROR: '../../etc/passwd' leads out of its directory".into());
    let refused = ret("cp.cache_file", Args::of(["https://example.com/x"])).await;
    assert!(refused.as_str().is_some_and(|text| text.contains("'https' is not served")), "{refused:?}");
}

#[tokio::test]
async fn paths_are_found_upwards() {
    let minion = Minion::new(&[("map.jinja", ""), ("a/b/c/x", "")], Vec::new());
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    assert_eq!(ret("slsutil.findup", Args::of(["a/b/c", "map.jinja"])).await, "map.jinja".into());
    assert_eq!(ret("slsutil.findup", Args::of(["a/b/c", "x"])).await, "a/b/c/x".into());
    let missing = ret("slsutil.findup", Args::of(["a/b/c", "y"])).await;
    assert_eq!(missing, "ERROR: File pattern(s) not found in path ancestry".into());
    assert_eq!(ret("slsutil.file_exists", Args::of(["a/b/c/x"])).await, true.into());
    assert_eq!(ret("slsutil.dir_exists", Args::of(["a/b/c"])).await, true.into());
    assert_eq!(ret("slsutil.path_exists", Args::of(["a/b/d"])).await, false.into());
}

#[tokio::test]
async fn what_the_store_holds_can_be_matched() {
    let minion = Minion::new(&[], Vec::new());
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    ret("data.update", Args::of(["k".into(), list!["One", "two"]])).await;
    assert_eq!(ret("match.data", Args::of(["k:one"])).await, true.into());
    assert_eq!(ret("match.data", Args::of(["k:three"])).await, false.into());
    assert_eq!(ret("match.data", Args::of(["nosuch:x"])).await, false.into());
}

#[tokio::test]
async fn a_seed_gives_the_same_again() {
    let minion = Minion::new(&[], Vec::new());
    let shuffled = async |seed: &str| {
        let items: Vec<Value> = (0..20).map(Value::from).collect();
        minion.call("random.shuffle", Args::of([Value::from(items)]).with("seed", seed)).await.ret
    };
    assert_eq!(shuffled("s").await, shuffled("s").await);
    assert_ne!(shuffled("s").await, shuffled("t").await);
}

#[tokio::test]
async fn a_file_is_pushed_in_pieces() {
    let minion = Minion::new(&[], Vec::new());
    let mut opts = (*minion.identity.opts()).clone();
    opts.insert("file_buffer_size", 4);
    minion.identity.set_opts(opts);
    let file = minion.dir.path().join("f");
    std::fs::write(&file, "abcdef").unwrap();
    let args =
        Args::of([file.display().to_string()]).with("upload_path", "/up/f").with("remove_source", true);
    assert_eq!(minion.call("cp.push", args).await.ret, true.into());
    let told = minion.told();
    assert_eq!(told.len(), 2);
    assert!(told[0].contains("'path': ['up', 'f'], 'size': 6, 'loc': 0, 'data': b'abcd'"), "{told:?}");
    assert!(told[1].contains("'loc': 4, 'data': b'ef'"), "{told:?}");
    assert!(!file.exists());
    assert_eq!(minion.call("cp.push", Args::of(["/nosuch"])).await.ret, false.into());
    assert_eq!(minion.call("cp.push", Args::of(["relative"])).await.ret, false.into());
}

#[tokio::test]
async fn a_file_can_be_had_by_its_url() {
    let minion = Minion::new(&[("a/hello.txt", "hello\n")], Vec::new());
    let ret = async |args: Args| minion.call("cp.get_url", args).await.ret;
    let out = minion.dir.path().join("out").display().to_string();
    let cached = minion.dir.path().join("cache/files/base/a/hello.txt").display().to_string();
    assert_eq!(ret(Args::of(["salt://a/hello.txt"])).await, cached.into());
    assert_eq!(ret(Args::of(["salt://a/hello.txt".into(), Value::None])).await, "hello\n".into());
    assert_eq!(ret(Args::of(["salt://a/hello.txt", &format!("{out}/")])).await, false.into());
    let made = ret(Args::of(["salt://a/hello.txt", &format!("{out}/")]).with("makedirs", true)).await;
    assert_eq!(made, format!("{out}/hello.txt").into());
    assert_eq!(ret(Args::of(["salt://nosuch", "/x"])).await, false.into());
    assert_eq!(ret(Args::of(["/etc/hosts", "/x"])).await, "/etc/hosts".into());
    assert_eq!(ret(Args::of(["hosts", "/x"])).await, "ERROR: Path 'hosts' is not absolute".into());
    let own = ret(Args::of([format!("{out}/hello.txt").into(), Value::None])).await;
    assert_eq!(own, "hello\n".into());
    assert!(ret(Args::of(["ftp://h/x", "/x"])).await.to_string().contains("'ftp' is not served"));
}

#[tokio::test]
async fn a_file_comes_in_pieces() {
    let minion = Minion::new(&[], Vec::new());
    let dest = minion.dir.path().join("sub/f").display().to_string();
    // Two pieces as `salt-cp` sends them: gzip, base64.
    let pieces = ["H4sIAAAAAAACA8tIzcnJBwCGphA2BQAAAA==", "H4sIAAAAAAACA1Mozy/KSeECAOkmKz4HAAAA"];
    for (n, piece) in pieces.iter().enumerate() {
        let args = Args::of([dest.as_str(), *piece]).with("append", n > 0).with("mode", 0o600);
        assert_eq!(minion.call("cp.recv_chunked", args).await.ret, true.into());
    }
    assert_eq!(std::fs::read_to_string(&dest).unwrap(), "hello world\n");
    let bad = minion.call("cp.recv_chunked", Args::of([dest.as_str(), "*"])).await;
    assert_eq!(bad.retcode, 1);
    assert!(bad.ret.as_str().is_some_and(|text| text.contains("Invalid")), "{bad:?}");
    let dir = minion.dir.path().join("new/dir").display().to_string();
    let made = minion.call("cp.recv_chunked", Args::of([dir.as_str().into(), Value::None])).await.ret;
    assert!(made == true.into() && std::path::Path::new(&dir).is_dir());
    let kept = minion.call("cp.recv_chunked", Args::of([dest.as_str().into(), Value::None])).await;
    assert_eq!((kept.ret, kept.retcode), ("Path exists and is a file".into(), 0));
}
