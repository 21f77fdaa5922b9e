//! What is logged of a command. Of the command itself only the first word: secrets may stand in the others.

use salt::Value;
use tracing::{debug, error, info, trace, warn};

use super::command::{Command, Ran};

/// False for `output_loglevel=quiet`.
pub fn wanted(command: &Command) -> bool {
    !level(command).eq_ignore_ascii_case("quiet")
}

fn level(command: &Command) -> &str {
    command.output_loglevel.as_deref().unwrap_or("debug")
}

fn name(command: &Command) -> String {
    let line = match &command.cmd {
        Value::List(words) => words.first().map(Value::to_string).unwrap_or_default(),
        other => other.to_string(),
    };
    line.split_whitespace().next().unwrap_or_default().to_string()
}

/// Before the command runs.
pub fn begin(command: &Command, cwd: &str) {
    if !wanted(command) {
        return;
    }
    let word = |what: &str, name: &Option<String>| match name {
        Some(name) => format!("{what} '{name}' "),
        None => String::new(),
    };
    let end =
        if command.bg { ". Executing command in the background, no output will be logged." } else { "" };
    info!(
        "Executing command '{}' {}{}in directory '{cwd}'{end}",
        name(command),
        word("as user", &command.runas),
        word("in group", &command.group),
    );
}

/// After it.
pub fn end(command: &Command, ran: &Ran) {
    if !wanted(command) {
        return;
    }
    let failed = !command.ignore_retcode && ran.retcode != Value::Int(0);
    if failed {
        error!("Command '{}' failed with return code: {}", name(command), ran.retcode);
    }
    for (what, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        match level(command).to_ascii_lowercase().as_str() {
            _ if text.is_empty() => {}
            _ if failed => error!("{what}: {text}"),
            "error" | "critical" => error!("{what}: {text}"),
            "warning" | "warn" => warn!("{what}: {text}"),
            "debug" | "profile" => debug!("{what}: {text}"),
            "trace" | "garbage" | "all" => trace!("{what}: {text}"),
            _ => info!("{what}: {text}"),
        }
    }
}
