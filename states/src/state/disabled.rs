//! Switch state functions and SLS files off and on. What is off is the grain `state_runs_disabled`.

use salt::args::Args;
use salt::{Context, Map, Result, Value, functions, map, salt_fn};

use crate::call_by_name;
use crate::state::front::split_words;

functions![disable, enable, list_disabled];

const GRAIN: &str = "state_runs_disabled";

/// Switches SLS files, state functions or the highstate off.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.disable highstate,test.succeed_without_changes
/// ```
#[salt_fn]
async fn disable(
    cx: &Context,
    /// What to switch off: a list, or text with commas.
    states: Value,
) -> Result<Map> {
    let mut disabled = names(cx);
    let (mut lines, mut changed) = (Vec::new(), false);
    for state in split_words(&states) {
        if disabled.contains(&state) {
            lines.push(format!("Info: {state} state already disabled."));
        } else {
            lines.push(format!("Info: {state} state disabled."));
            disabled.push(state);
            changed = true;
        }
    }
    save(cx, changed, disabled, lines).await
}

/// Switches SLS files, state functions or the highstate on again.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.enable highstate
/// ```
#[salt_fn]
async fn enable(
    cx: &Context,
    /// What to switch on: a list, or text with commas.
    states: Value,
) -> Result<Map> {
    let mut disabled = names(cx);
    let (mut lines, mut changed) = (Vec::new(), false);
    for state in split_words(&states) {
        match disabled.iter().position(|one| *one == state) {
            None => lines.push(format!("Info: {state} state already enabled.")),
            Some(place) => {
                lines.push(format!("Info: {state} state enabled."));
                disabled.remove(place);
                changed = true;
            }
        }
    }
    save(cx, changed, disabled, lines).await
}

/// Lists what is switched off.
///
/// CLI Example:
///
/// ```bash
/// salt '*' state.list_disabled
/// ```
#[salt_fn]
async fn list_disabled(cx: &Context) -> Result<Value> {
    Ok(cx.grains().get(GRAIN).cloned().unwrap_or_else(|| "".into()))
}

/// The sentences about those of the SLS files that are switched off (`_disabled`).
pub(super) fn messages(cx: &Context, states: &[String]) -> Vec<String> {
    let disabled = names(cx);
    let mut messages = Vec::new();
    for state in states {
        for pattern in &disabled {
            if pattern.contains(".*") {
                let module = pattern.split('.').next().unwrap_or("");
                if state.starts_with(&format!("{module}.")) {
                    messages.push(format!(
                        "The state file \"{state}\" is currently disabled by \"{pattern}\", to re-enable, run \
                         state.enable {pattern}."
                    ));
                }
            } else if pattern == state {
                messages.push(format!(
                    "The state file \"{state}\" is currently disabled, to re-enable, run state.enable {state}."
                ));
            }
        }
    }
    messages
}

fn names(cx: &Context) -> Vec<String> {
    let grains = cx.grains();
    grains.get(GRAIN).and_then(Value::as_list).unwrap_or_default().iter().map(Value::to_string).collect()
}

async fn save(cx: &Context, changed: bool, disabled: Vec<String>, lines: Vec<String>) -> Result<Map> {
    if changed {
        let args = Args { positional: vec![GRAIN.into(), disabled.into()], keywords: Map::new() };
        call_by_name::call(cx, "grains.setval", args).await?;
    }
    Ok(map! { "res" => true, "msg" => lines.join("\n") })
}
