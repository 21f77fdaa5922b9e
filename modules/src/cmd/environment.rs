//! The environment of a command.

use std::time::Duration;

use salt::{Context, Error, Map, Result, Value};
use tracing::error;

use super::command::Command;
use super::user::Account;

/// The locale of a command, unless its caller says otherwise.
const LOCALE: [&str; 13] = [
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
    "LANGUAGE",
];
/// How long the login of another user may take.
const LOGIN: Duration = Duration::from_secs(10);
/// Marks the beginning of a user's environment among what a login prints.
const MARK: &str = "<<<environment of the user>>>";

/// The variables that a command gets.
pub async fn of(
    cx: &Context,
    command: &Command,
    account: Option<&Account>,
    shell: Option<&str>,
) -> Result<Vec<(String, String)>> {
    let asked = said(command.env.as_ref());
    let mut given = Map::new();
    if let Some(account) = account {
        given = login(account, shell).await;
        given.extend(asked.clone());
        given.insert("USER", account.name.as_str());
        given.insert("HOME", account.home.as_str());
    } else {
        given.extend(asked.clone());
    }
    if command.reset_system_locale {
        for name in LOCALE {
            if !given.contains_key(name) {
                given.insert(name, "C");
            }
        }
    }
    let mut all = if command.clean_env { Map::new() } else { crate::environ::all(cx) };
    all.extend(given);
    if let Some(front) = command.prepend_path.as_deref().filter(|front| !front.is_empty()) {
        let path = all.get_str("PATH").unwrap_or_default().to_string();
        all.insert("PATH", format!("{front}:{path}"));
    }
    // The service manager listens to the minion, not to what it runs.
    if !asked.contains_key("NOTIFY_SOCKET") {
        all.remove("NOTIFY_SOCKET");
    }
    let mut variables = Vec::with_capacity(all.len());
    for (name, value) in all {
        let (name, value) = (name.to_string(), value.to_string());
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(Error::exception("ValueError", format!("illegal environment variable {name:?}")));
        }
        variables.push((name, value));
    }
    Ok(variables)
}

/// `env` in its forms: a map, or a list of maps.
fn said(env: Option<&Value>) -> Map {
    let mut said = match env {
        Some(Value::Map(env)) => env.clone(),
        Some(Value::List(maps)) => maps
            .iter()
            .filter_map(Value::as_map)
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        _ => Map::new(),
    };
    for (name, value) in said.iter_mut().filter(|(_, value)| value.is_none()) {
        error!("Environment variable '{name}' passed without a value. Setting value to an empty string");
        *value = "".into();
    }
    said
}

/// The environment that a user gets at a login. Empty if there is none.
async fn login(account: &Account, shell: Option<&str>) -> Map {
    let mut su = tokio::process::Command::new("su");
    if let Some(shell) = shell {
        su.args(["-s", shell]);
    }
    su.args(["-", &account.name, "-c", &format!("printf '%s' '{MARK}'; env -0")]);
    su.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(LOGIN, su.output()).await {
        Ok(Ok(output)) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        _ => String::new(),
    };
    let Some((_, variables)) = output.split_once(MARK) else {
        error!("Environment could not be retrieved for user '{}'", account.name);
        return Map::new();
    };
    let pairs = variables.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.into(), value.into())).collect()
}
