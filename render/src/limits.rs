//! What one template may cost.

use std::time::Duration;

use salt::{Map, Value};

/// What one template may cost. Salt has no such limits: a template that loops for ever takes its minion with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take, without the time in which it waits for functions and files.
    pub time: Duration,
    /// How many bytes the process may grow while it runs.
    pub memory: usize,
    /// How many bytes it may write.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(60), memory: 1 << 30, output: 64 << 20 }
    }
}

impl Limits {
    /// The options `template_timeout` (seconds), `template_memory` and `template_output` (MiB). What is no positive number
    /// is the default.
    pub fn of(opts: &Map) -> Limits {
        let number = |key: &str| opts.get(key).and_then(Value::as_f64).filter(|n| *n > 0.0 && *n < 1e9);
        let bytes = |key: &str, default: usize| number(key).map_or(default, |n| (n * 1_048_576.0) as usize);
        let default = Limits::default();
        Limits {
            time: number("template_timeout").map_or(default.time, Duration::from_secs_f64),
            memory: bytes("template_memory", default.memory),
            output: bytes("template_output", default.output),
        }
    }
}

/// The bytes of memory that this process has in use; none where the system does not say.
pub(crate) fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
