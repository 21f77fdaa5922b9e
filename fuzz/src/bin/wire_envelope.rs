//! Any bytes as the master's answer: to `_auth`, to a request, to a request for the pillar. The first byte says how they come.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use minion::channel::fuzzing::{Dress, Rig};
use tokio::runtime::{Builder, Runtime};

static RIG: LazyLock<(Rig, Runtime)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    (Rig::new().expect("keys"), runtime)
});

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else { return };
    let (rig, runtime) = &*RIG;
    match how % 3 {
        0 => rig.auth(rest),
        1 => runtime.block_on(rig.reply(rest, Dress::Bare)),
        _ => runtime.block_on(rig.reply(rest, Dress::Sealed)),
    }
});
