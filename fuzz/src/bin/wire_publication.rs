//! Any bytes as a publication, as they are or well sealed: what comes out of one is held against this minion.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use minion::channel::fuzzing::{Dress, Rig};
use salt::target::{Subject, matches};
use salt::{Args, Map, Value};
use tokio::runtime::{Builder, Runtime};

static RIG: LazyLock<(Rig, Runtime)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    (Rig::new().expect("keys"), runtime)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let (rig, runtime) = &*RIG;
    let dress = if how % 2 == 0 { Dress::Bare } else { Dress::Sealed };
    let Some(load) = runtime.block_on(rig.publication(rest, dress)) else { return };
    let data = Map::new().with("os", "proxy").with("a", Value::List(vec!["b".into()]));
    let _ = matches(&load, Subject { id: "vc01", grains: &data, pillar: &data, nodegroups: None });
    if let Some(jid) = load.get_str("jid") {
        let _ = salt::file_name(jid);
    }
    if let Some(arg) = load.get("arg").and_then(Value::as_list) {
        let _ = Args::from_load(arg);
    }
});
