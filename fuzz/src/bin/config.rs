//! Any text as the configuration file of a proxy, and what it makes of the device's map.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use config::{Request, Role};
use libfuzzer_sys::fuzz_target;
use salt::Map;

/// A directory for the one file, in memory where the machine has such a place.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let directory = base.join(format!("vsalt-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
});

fuzz_target!(|text: &str| {
    // What is named by include would be read from this machine.
    if text.contains("include") {
        return;
    }
    std::fs::write(DIRECTORY.join("proxy"), text).expect("a file");
    let request = Request {
        role: Role::Proxy,
        dir: Some(DIRECTORY.clone()),
        id: Some("vc01".into()),
        overrides: Map::new(),
        env: |_| None,
    };
    match config::load(&request) {
        Ok(config) => {
            let _ = config.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
            let _ = config::mask(&config.opts);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
