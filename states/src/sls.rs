//! From the text of SLS files to the results of a run: render, compile to high data, order as chunks, run.

pub mod call;
pub mod chunk;
pub mod compiler;
pub mod conditions;
pub mod events;
pub mod extend;
pub mod fnmatch;
pub mod high;
pub mod include;
pub mod listen;
pub mod low;
pub mod pause;
pub mod requisite_in;
pub mod requisites;
pub mod result;
pub mod retry;
pub mod run;
pub mod slots;
pub mod top;
pub mod verify;

/// Arguments of a state that say when it runs after others (`STATE_REQUISITE_KEYWORDS` of `salt/state.py`).
pub const REQUISITES: &[&str] = &[
    "onchanges",
    "onchanges_any",
    "onfail",
    "onfail_any",
    "onfail_all",
    "onfail_stop",
    "prereq",
    "prerequired",
    "watch",
    "watch_any",
    "require",
    "require_any",
    "listen",
];

/// Arguments of a state that the engine keeps for itself (`STATE_INTERNAL_KEYWORDS`); a function gets one only if it
/// has a parameter of that name.
pub fn is_internal(key: &str) -> bool {
    const RUNTIME: &[&str] = &[
        "onchanges_in",
        "onfail_in",
        "prereq_in",
        "watch_in",
        "require_in",
        "listen_in",
        "fun",
        "state",
        "check_cmd",
        "cmd_opts_exclude",
        "failhard",
        "onlyif",
        "unless",
        "creates",
        "retry",
        "order",
        "parallel",
        "reload_modules",
        "reload_grains",
        "reload_pillar",
        "runas",
        "runas_password",
        "fire_event",
        "saltenv",
        "umask",
        "use",
        "use_in",
    ];
    key.starts_with("__") || REQUISITES.contains(&key) || RUNTIME.contains(&key)
}
