//! The kept inputs of the fuzz targets, and some thousand bent ones, through the readers of what comes over wires. Without a
//! fuzzer this finds little, but it finds it in every test run.

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::channel::fuzzing::{Dress, Rig};
use crate::transport;

/// How often each kept input is bent.
const BENT: usize = 150;

/// All kept inputs of a target, each as it is and in bent forms. The same ones in every run.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut kept: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    kept.sort();
    assert!(!kept.is_empty(), "{target} has no kept inputs");
    let mut random = StdRng::seed_from_u64(7);
    let mut all = Vec::new();
    for path in kept {
        let bytes = std::fs::read(path).unwrap();
        all.extend((0..BENT).map(|_| bent(bytes.clone(), &mut random)));
        all.push(bytes);
    }
    all
}

fn bent(mut bytes: Vec<u8>, random: &mut StdRng) -> Vec<u8> {
    for _ in 0..random.gen_range(1..4) {
        let at = random.gen_range(0..bytes.len().max(1));
        match random.gen_range(0..4) {
            0 if at < bytes.len() => bytes[at] = random.r#gen(),
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), random.r#gen()),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.gen_range(0..8),
            _ => {}
        }
    }
    bytes
}

#[test]
fn zmtp() {
    inputs("wire_zmtp").iter().for_each(|bytes| transport::zmtp::fuzz(bytes));
}

#[tokio::test]
async fn tcp() {
    for bytes in inputs("wire_tcp") {
        transport::tcp::fuzz(&bytes).await;
    }
}

#[tokio::test]
async fn publications_and_answers() {
    let rig = Rig::new().unwrap();
    let mut read = 0;
    for bytes in inputs("wire_publication") {
        let Some((how, rest)) = bytes.split_first() else { continue };
        let dress = if how % 2 == 0 { Dress::Bare } else { Dress::Sealed };
        read += usize::from(rig.publication(rest, dress).await.is_some());
    }
    assert!(read > 50, "{read} publications get through, so what is behind the seal is reached");
    for bytes in inputs("wire_envelope") {
        let Some((how, rest)) = bytes.split_first() else { continue };
        match how % 3 {
            0 => rig.auth(rest),
            1 => rig.reply(rest, Dress::Bare).await,
            _ => rig.reply(rest, Dress::Sealed).await,
        }
    }
}
