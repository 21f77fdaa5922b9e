//! States that do nothing, each in its own way: the vocabulary of tests of requisites (`salt/states/test.py`).

use std::time::{SystemTime, UNIX_EPOCH};

use salt::{Context, Error, Map, Result, StateRet, Value, functions, list, map, salt_state};

#[cfg(test)]
pub(crate) mod functions;
#[cfg(test)]
pub(crate) mod odd;

functions![
    nop,
    succeed_without_changes,
    fail_without_changes,
    succeed_with_changes,
    fail_with_changes,
    configurable_test_state,
    show_notification,
    mod_watch,
    check_pillar,
];

/// Does nothing and succeeds, whatever its arguments.
#[salt_state]
async fn nop(
    _cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] _kwargs: Map,
) -> Result<StateRet> {
    Ok(StateRet { name, ..StateRet::ok("Success!") })
}

/// Succeeds without changes.
#[salt_state]
async fn succeed_without_changes(
    _cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    Ok(commented(name, true, &kwargs, "Success!"))
}

/// Fails without changes.
#[salt_state]
async fn fail_without_changes(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    if cx.test() {
        return Ok(StateRet { name, ..StateRet::failed("If we weren't testing, this would be a failure!") });
    }
    Ok(commented(name, false, &kwargs, "Failure!"))
}

/// Succeeds and pretends to have changed something.
#[salt_state]
async fn succeed_with_changes(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    Ok(changing(cx, name, true, &kwargs, "successful"))
}

/// Fails and pretends to have changed something.
#[salt_state]
async fn fail_with_changes(
    cx: &Context,
    /// Any text.
    name: Value,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    Ok(changing(cx, name, false, &kwargs, "failed"))
}

/// Returns what its arguments say.
#[salt_state]
async fn configurable_test_state(
    cx: &Context,
    /// Any text.
    name: Value,
    /// Pretend changes: true, false or `Random`.
    #[default(true)]
    changes: Value,
    /// The result: true, false or `Random`. Under `test=True` it is none if there are changes.
    #[default(true)]
    result: Value,
    /// The comment.
    #[default("")]
    comment: Value,
    /// A warning, or a list of them.
    warnings: Option<Value>,
    /// Under `test=True`, fail where the result is false.
    #[default(false)]
    allow_test_mode_failure: bool,
) -> Result<StateRet> {
    let wrong = |what: &str, should: &str| {
        Error::invocation(format!(
            "You have specified the state option {what} with invalid arguments. It must {should}"
        ))
    };
    let random = |value: &Value| value.to_string().eq_ignore_ascii_case("random");
    let pretends = match &changes {
        Value::Bool(changes) => *changes,
        other if random(other) => toss(),
        _ => return Err(wrong("'changes'", "be either True, False, or 'Random'")),
    };
    let mut succeeded = match &result {
        Value::Bool(result) => Some(*result),
        other if random(other) => Some(toss()),
        _ => return Err(wrong("'result'", "be either True, False, or 'Random'")),
    };
    let mut extra = Map::new();
    match warnings {
        None => {}
        Some(one @ Value::Str(_)) => {
            extra.insert("warnings", list![one]);
        }
        Some(many @ Value::List(_)) => {
            extra.insert("warnings", many);
        }
        Some(_) => return Err(wrong("'warnings'", "be a string or a list of strings")),
    }
    let mut comment = comment;
    if cx.test() {
        succeeded = match result {
            Value::Bool(false) if allow_test_mode_failure => Some(false),
            _ => (changes.as_bool() == Some(false)).then_some(true),
        };
        if !comment.truthy() {
            comment = "This is a test".into();
        }
    }
    // A comment of any type is given back as it came.
    extra.insert("comment", comment);
    let changes = if pretends { pretended() } else { Map::new() };
    Ok(StateRet { name, changes, result: succeeded, comment: String::new(), extra })
}

/// Succeeds with a text as its comment.
#[salt_state]
async fn show_notification(
    _cx: &Context,
    /// Any text.
    name: Value,
    /// The comment.
    text: Option<Value>,
    #[kwargs] _kwargs: Map,
) -> Result<StateRet> {
    let text =
        text.filter(Value::truthy).ok_or_else(|| Error::invocation("Missing required argument text."))?;
    Ok(StateRet { name, extra: map! { "comment" => text }, ..StateRet::ok("") })
}

/// Runs where a state of this module watches one that has changed.
#[salt_state]
async fn mod_watch(
    _cx: &Context,
    /// Any text.
    name: Value,
    /// The function of the state that watches.
    sfun: Option<Value>,
    #[kwargs] kwargs: Map,
) -> Result<StateRet> {
    let _ = sfun;
    let watched = kwargs.get("__watched__").cloned().unwrap_or_else(|| list![]);
    let or = |key: &str, other: Value| kwargs.get(key).cloned().unwrap_or(other);
    let extra = map! {
        "result" => or("result", true.into()),
        "comment" => or("comment", "Watch statement fired.".into()),
        "changes" => or("changes", map! { "Requisites with changes" => watched }.into()),
    };
    Ok(StateRet { name, extra, ..StateRet::ok("") })
}

/// Fails unless pillar keys are there and have the right types.
#[salt_state]
#[allow(clippy::too_many_arguments, reason = "how many there are is Salt's doing")]
async fn check_pillar(
    cx: &Context,
    /// Any text.
    name: Value,
    /// Keys that must be there, `a:b` for nested ones.
    present: Option<Value>,
    /// Keys of true or false.
    boolean: Option<Value>,
    /// Keys of whole numbers.
    integer: Option<Value>,
    /// Keys of text.
    string: Option<Value>,
    /// Keys of lists.
    listing: Option<Value>,
    /// Keys of mappings.
    dictionary: Option<Value>,
    /// Also tell which keys are as they should be.
    #[default(false)]
    verbose: bool,
) -> Result<StateRet> {
    type Check = (Option<Value>, Option<&'static str>, fn(&Value) -> bool);
    let checks: [Check; 6] = [
        (present, None, |_| true),
        (boolean, Some("<class 'bool'>"), |v| v.as_bool().is_some()),
        (integer, Some("<class 'int'>"), |v| matches!(v, Value::Int(_) | Value::BigInt(_) | Value::Bool(_))),
        (string, Some("(<class 'str'>,)"), |v| v.as_str().is_some()),
        (listing, Some("<class 'list'>"), |v| v.as_list().is_some()),
        (dictionary, Some("<class 'dict'>"), |v| v.as_map().is_some()),
    ];
    if !checks.iter().any(|(keys, ..)| keys.as_ref().is_some_and(Value::truthy)) {
        return Err(Error::invocation("Missing required argument text."));
    }
    let pillar = Value::Map((*cx.pillar()).clone());
    let (mut failed, mut fine) = (Map::new(), Map::new());
    for (keys, kind, is) in checks {
        let keys = match keys.filter(Value::truthy) {
            None => continue,
            Some(Value::List(keys)) => keys,
            Some(one @ Value::Str(_)) => vec![one],
            Some(_) => return Err(Error::exception("TypeError", "")),
        };
        for key in keys {
            match pillar.traverse(&key.to_string(), ":").filter(|value| !value.is_none()) {
                None => failed.insert(key, Value::None),
                Some(value) if !is(value) => failed.insert(key, kind),
                Some(_) => fine.insert(key, kind),
            };
        }
    }
    let mut comment = String::new();
    for (key, kind) in &failed {
        let what = if kind.is_none() { "is missing".to_string() } else { format!("is not {kind}") };
        comment.push_str(&format!("Pillar key \"{key}\" {what}.\n"));
    }
    if verbose && !fine.is_empty() {
        comment.push_str("Those keys passed the check:\n");
        fine.iter().for_each(|(key, kind)| comment.push_str(&format!("- {key} ({kind})\n")));
    }
    Ok(StateRet { name, result: Some(failed.is_empty()), comment, ..StateRet::default() })
}

fn commented(name: Value, result: bool, kwargs: &Map, comment: &str) -> StateRet {
    let comment = kwargs.get("comment").cloned().unwrap_or_else(|| comment.into());
    StateRet { name, result: Some(result), extra: map! { "comment" => comment }, ..StateRet::default() }
}

fn changing(cx: &Context, name: Value, result: bool, kwargs: &Map, word: &str) -> StateRet {
    if cx.test() {
        let comment = format!("If we weren't testing, this would be {word} with changes");
        return StateRet { name, comment, changes: pretended(), ..StateRet::default() };
    }
    commented(name, result, kwargs, if result { "Success!" } else { "Failure!" }).with_changes(pretended())
}

fn pretended() -> Map {
    map! { "testing" => map! { "old" => "Unchanged", "new" => "Something pretended to change" } }
}

/// True half of the time; good enough for a state that is asked to be unreliable.
fn toss() -> bool {
    SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|time| time.subsec_micros() % 2 == 0)
}
