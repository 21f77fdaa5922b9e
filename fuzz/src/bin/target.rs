//! Targeting expressions. The first byte chooses the matcher.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use salt::target::{Subject, by_kind};
use salt::{Map, Value, yaml};

const KINDS: [&str; 12] = [
    "glob",
    "pcre",
    "list",
    "grain",
    "grain_pcre",
    "pillar",
    "pillar_pcre",
    "pillar_exact",
    "ipcidr",
    "compound",
    "compound_pillar_exact",
    "nodegroup",
];

static DATA: LazyLock<[Map; 2]> = LazyLock::new(|| {
    let map = |text: &str| match yaml::load(text) {
        Ok(Value::Map(map)) => map,
        other => panic!("{other:?}"),
    };
    [
        map(
            "{os: proxy, ipv4: [127.0.0.1, 10.0.0.7], ipv6: ['::1'], a: {b: {c: [d, {e: f}, 7]}}, 'x:y': [null, true, 1.5]}",
        ),
        map("{g: 'vc*', h: 'not N@h', i: 'N@j or N@g', j: 'N@i and ( G@os:proxy )'}"),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let [data, groups] = &*DATA;
    let subject = Subject { id: "vc01", grains: data, pillar: data, nodegroups: Some(groups) };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let one = by_kind(kind, &text.into(), ":", subject);
    assert_eq!(one, by_kind(kind, &text.into(), ":", subject));
    let words: Vec<Value> = text.split(',').map(Value::from).collect();
    let _ = by_kind(kind, &words.into(), "|", subject);
});
