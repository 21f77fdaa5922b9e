//! The mine and publications: the loads that go to the master, and what is made of its answers.

#[allow(dead_code, reason = "other tests use the rest of the double")]
mod double;

use double::Minion;
use salt::{Args, Map, Value, list, map};

/// The loads that the master got, without their stamps.
fn loads(minion: &Minion) -> Vec<String> {
    let load = |told: &String| {
        let load = told.strip_prefix("load ")?;
        Some(load.split_once(", '_stamp'").map_or(load, |(before, _)| before).to_string())
    };
    minion.told().iter().filter_map(load).collect()
}

fn with_opts(minion: &Minion, further: Map) {
    let mut opts = (*minion.identity.opts()).clone();
    opts.extend(further);
    minion.identity.set_opts(opts);
}

#[tokio::test]
async fn a_mine_without_functions_sends_nothing() {
    let minion = Minion::new(&[], Vec::new());
    assert_eq!(minion.call("mine.update", Args::none()).await.ret, Value::None);
    assert_eq!(minion.call("mine.valid", Args::none()).await.ret, Value::None);
    assert_eq!(minion.call("mine.update", Args::none().with("mine_functions", 7)).await.ret, Value::None);
    assert!(loads(&minion).is_empty());
}

#[tokio::test]
async fn an_update_runs_what_is_there_and_wraps_what_is_restricted() {
    let minion = Minion::new(&[], Vec::new());
    let functions = map! {
        "test.ping" => list![],
        "hey" => list![map! { "mine_function" => "test.echo" }, "hey"],
        "secret" => map! { "mine_function" => "test.echo", "text" => 7, "allow_tgt" => "a*", "allow_tgt_type" => "glob" },
        "no.such" => list![],
        "bad" => list![map! { "mine_function" => "test.echo" }],
    };
    with_opts(&minion, map! { "mine_functions" => functions });
    assert_eq!(minion.call("mine.update", Args::none()).await.ret, true.into());
    let sent = "{'cmd': '_mine', 'data': {'test.ping': True, 'hey': 'hey', 'secret': {'__data__': 7, \
                '__saltmine_acl__': 1, 'allow_tgt': 'a*', 'allow_tgt_type': 'glob'}}, 'id': 'px1', 'clear': False";
    assert_eq!(loads(&minion), [sent]);
    assert_eq!(
        minion.call("mine.valid", Args::none()).await.ret,
        map! {
            "test.ping" => list![], "hey" => map! { "test.echo" => list!["hey"] },
            "secret" => map! { "test.echo" => list![map! { "text" => 7 }] },
            "bad" => map! { "test.echo" => list![] },
        }
        .into()
    );
}

#[tokio::test]
async fn to_clear_is_to_flush_first() {
    let minion = Minion::new(&[], Vec::new());
    let args = Args::none().with("clear", true).with("mine_functions", list!["test.ping"]);
    assert_eq!(minion.call("mine.update", args).await.ret, true.into());
    assert_eq!(
        loads(&minion),
        [
            "{'cmd': '_mine_flush', 'id': 'px1'",
            "{'cmd': '_mine', 'data': {'test.ping': True}, 'id': 'px1', 'clear': False"
        ]
    );
}

#[tokio::test]
async fn one_function_is_sent_under_its_name_or_another() {
    let minion = Minion::new(&[], Vec::new());
    let ret = async |args: Args| minion.call("mine.send", args).await.ret;
    assert_eq!(ret(Args::of(["test.ping"])).await, true.into());
    let args = Args::of(["e", "x"]).with("mine_function", "test.echo").with("allow_tgt", "b");
    assert_eq!(ret(args).await, true.into());
    assert_eq!(ret(Args::of(["test.arg", "x"]).with("k", 1)).await, true.into());
    assert_eq!(ret(Args::of(["test.echo"])).await, false.into());
    assert_eq!(ret(Args::of(["no.such"])).await, false.into());
    let data: Vec<String> = loads(&minion)
        .iter()
        .map(|load| load.split("'data': ").nth(1).unwrap().split(", 'id': 'px1'").next().unwrap().to_string())
        .collect();
    assert_eq!(
        data,
        [
            "{'test.ping': True}",
            "{'e': {'__data__': 'x', '__saltmine_acl__': 1, 'allow_tgt': 'b'}}",
            "{'test.arg': {'args': ['x'], 'kwargs': {'k': 1}}}"
        ]
    );
}

#[tokio::test]
async fn reading_and_deleting_have_salts_loads() {
    let minion = Minion::new(&[], Vec::new());
    minion.answer(map! { "px1" => 1, "px2" => 2 });
    let args = Args::of(["*", "test.ping"]).with("exclude_minion", true);
    assert_eq!(minion.call("mine.get", args).await.ret, map! { "px2" => 2 }.into());
    minion.call("mine.delete", Args::of(["test.ping"])).await;
    minion.call("mine.flush", Args::none()).await;
    assert_eq!(
        loads(&minion),
        [
            "{'cmd': '_mine_get', 'id': 'px1', 'tgt': '*', 'fun': 'test.ping', 'tgt_type': 'glob'}",
            "{'cmd': '_mine_delete', 'id': 'px1', 'fun': 'test.ping'",
            "{'cmd': '_mine_flush', 'id': 'px1'"
        ]
    );
}

#[tokio::test]
async fn without_a_master_the_mine_is_in_the_own_store() {
    let minion = Minion::new(&[], Vec::new());
    with_opts(&minion, map! { "file_client" => "local" });
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    ret("mine.send", Args::of(["test.ping"]).with("allow_tgt", "x")).await;
    ret("mine.send", Args::of(["test.echo", "a"])).await;
    assert_eq!(ret("mine.get", Args::of(["px*", "test.ping"])).await, map! { "px1" => true }.into());
    assert_eq!(
        ret("mine.get", Args::of(["*", "test.ping,test.echo"])).await,
        map! { "test.ping" => map! { "px1" => true }, "test.echo" => map! { "px1" => "a" } }.into()
    );
    assert_eq!(ret("mine.get", Args::of(["other", "test.ping"])).await, Map::new().into());
    ret("mine.delete", Args::of(["test.ping"])).await;
    assert_eq!(ret("mine.get", Args::of(["*", "test.ping"])).await, Map::new().into());
    assert!(loads(&minion).is_empty());
}

#[tokio::test(start_paused = true)]
async fn answers_of_others_are_waited_for() {
    let minion = Minion::new(&[], Vec::new());
    let ret = async |fun: &str, args: Args| minion.call(fun, args).await.ret;
    minion.answer(map! { "jid" => "1", "minions" => list!["a", "b"] });
    minion.answer(map! { "a" => map! { "ret" => 1 } });
    minion.answer(map! { "a" => map! { "ret" => 1 }, "b" => map! { "ret" => 2, "out" => "x" } });
    assert_eq!(
        ret("publish.publish", Args::of(["*", "test.echo", "[7]"])).await,
        map! { "a" => 1, "b" => 2 }.into()
    );
    let told = loads(&minion);
    assert_eq!(
        told[0],
        "{'cmd': 'minion_pub', 'fun': 'test.echo', 'arg': [7], 'tgt': '*', 'tgt_type': 'glob', 'ret': '', 'tmo': 5, \
         'form': 'clean', 'id': 'px1', 'no_parse': []}"
    );
    assert_eq!(told[1..], ["{'cmd': 'pub_ret', 'id': 'px1', 'jid': '1'}"; 2]);

    minion.answer(Map::new());
    assert_eq!(ret("publish.publish", Args::of(["*", "test.ping"])).await, Map::new().into(), "refused");
    minion.answer(map! { "jid" => "2", "minions" => list![] });
    assert_eq!(ret("publish.publish", Args::of(["*", "test.ping"])).await, Value::None, "nobody");
    assert_eq!(ret("publish.publish", Args::of(["*", "publish.publish"])).await, Map::new().into());
    minion.answer(map! { "jid" => "3", "minions" => list!["a"] });
    minion.answer(map! { "a" => map! { "ret" => 1 } });
    let full = ret("publish.full_data", Args::of(["*", "test.ping"])).await;
    assert_eq!(full, map! { "a" => map! { "ret" => 1 } }.into());
    minion.answer("up");
    assert_eq!(ret("publish.runner", Args::of(["manage.up"])).await, "up".into());
    assert!(
        loads(&minion).last().unwrap().starts_with("{'cmd': 'minion_runner', 'fun': 'manage.up', 'arg': []")
    );
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for_for_ever() {
    let minion = Minion::new(&[], Vec::new());
    minion.answer(map! { "jid" => "1", "minions" => list!["a", "b"] });
    minion.answer(map! { "a" => map! { "ret" => 1 } });
    let args = Args::of(["*", "test.ping"]).with("timeout", 0);
    assert_eq!(minion.call("publish.publish", args).await.ret, map! { "a" => 1 }.into());
}
