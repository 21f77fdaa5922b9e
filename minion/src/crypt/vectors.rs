//! What Salt 3007.17 made, recorded by `testdata/record.py`: for tests.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(crate) struct Vectors(HashMap<&'static str, Vec<u8>>);

impl Vectors {
    pub(crate) fn load() -> Vectors {
        let lines = include_str!("testdata/vectors.txt").lines().map(|line| line.split_once(' ').unwrap());
        Vectors(lines.map(|(name, data)| (name, STANDARD.decode(data).unwrap())).collect())
    }

    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        &self.0[name]
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(&self.0[name]).unwrap()
    }
}
