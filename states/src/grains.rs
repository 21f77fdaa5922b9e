//! Grains of the minion's own file as states (`salt/states/grains.py`).

use salt::args::Args;
use salt::{Applied, Context, Error, Map, Plan, Result, StateRet, Value, functions, list, map, salt_state};

use crate::call_by_name::need;

functions![present, exists, absent, list_present, list_absent, append];

/// Makes sure that a grain has a value.
#[salt_state]
async fn present<'a>(
    cx: &'a Context,
    /// The grain, `a:b` for one inside of another.
    name: String,
    /// The value.
    value: Value,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
    /// Overwrite a value that is a list or a mapping, or with one.
    #[default(false)]
    force: bool,
) -> Result<Plan<'a>> {
    let name = name.replace(&delimiter, ":");
    let existing = grain(cx, &name);
    if existing.as_ref() == Some(&value) {
        return Ok(Plan::unchanged("Grain is already set"));
    }
    let (changes, would) = match existing {
        None => (map! { "new" => &name }, format!("Grain {name} is set to be added")),
        Some(_) => {
            let changed = Map::new().with(&name, &value);
            (map! { "changed" => changed }, format!("Grain {name} is set to be changed"))
        }
    };
    let did = format!("Set grain {name} to {value}");
    let set = async move {
        let args = Args { positional: vec![name.into(), value], keywords: Map::new() }.with("force", force);
        Ok(Applied { changes: Some(set(cx, args).await?), comment: None })
    };
    Ok(Plan::new(changes, set).comment(would, did))
}

/// Fails unless there is such a grain.
#[salt_state]
async fn exists(
    cx: &Context,
    /// The grain, `a:b` for one inside of another.
    name: String,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
) -> Result<StateRet> {
    let name = name.replace(&delimiter, ":");
    let ret = match grain(cx, &name) {
        Some(_) => StateRet::ok("Grain exists"),
        None => StateRet::failed("Grain does not exist"),
    };
    Ok(StateRet { name: name.into(), ..ret })
}

/// Takes the value of a grain away, or the grain itself.
#[salt_state]
async fn absent<'a>(
    cx: &'a Context,
    /// The grain, `a:b` for one inside of another.
    name: String,
    /// Remove the grain; without it its value becomes none.
    #[default(false)]
    destructive: bool,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
    /// Also if the value is a list or a mapping.
    #[default(false)]
    force: bool,
) -> Result<Plan<'a>> {
    let name = name.replace(&delimiter, ":");
    let (changes, would, did) = match (grain(cx, &name), destructive) {
        (None, _) => return Ok(Plan::unchanged(format!("Grain {name} does not exist"))),
        (Some(Value::None), false) => return Ok(Plan::unchanged("")),
        (Some(_), true) => (
            map! { "deleted" => &name },
            format!("Grain {name} is set to be deleted"),
            format!("Grain {name} was deleted"),
        ),
        (Some(_), false) => (
            map! { "grain" => &name, "value" => Value::None },
            format!("Value for grain {name} is set to be deleted (None)"),
            format!("Value for grain {name} was set to None"),
        ),
    };
    let set = async move {
        let args = Args { positional: vec![name.into(), Value::None], keywords: Map::new() };
        set(cx, args.with("destructive", destructive).with("force", force)).await?;
        Ok(())
    };
    Ok(Plan::new(changes, set).comment(would, did))
}

/// Makes sure that a grain that is a list has a value, or several.
#[salt_state]
async fn list_present<'a>(
    cx: &'a Context,
    /// The grain, `a:b` for one inside of another.
    name: String,
    /// The value, or a list of them.
    value: Value,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
) -> Result<Plan<'a>> {
    let name = name.replace(&delimiter, ":");
    let (mut value, mut note) = (value, String::new());
    let existing = grain(cx, &name).filter(Value::truthy);
    let (changes, would) = match &existing {
        None => (map! { "new" => "" }, format!("Grain {name} is set to be added")),
        Some(Value::List(items)) => {
            let there = format!("Value {value} is already in grain {name}");
            if let Value::List(values) = &value {
                let (known, new): (Vec<Value>, Vec<Value>) =
                    values.iter().cloned().partition(|value| items.contains(value));
                if new.is_empty() {
                    return Ok(Plan::unchanged(there));
                }
                if !known.is_empty() {
                    note = format!(
                        "Removed value {} from update due to value found in \"{name}\".\n",
                        Value::List(known)
                    );
                }
                value = Value::List(new);
            } else if items.contains(&value) {
                return Ok(Plan::unchanged(there));
            }
            let would = format!("Value {value} is set to be appended to grain {name}");
            (map! { "new" => Value::List(items.clone()) }, would)
        }
        Some(_) => return Err(not_a_list(&name)),
    };
    let did = format!("{note}Append value {value} to grain {name}");
    let append = async move {
        let args = Args { positional: vec![name.clone().into(), value.clone()], keywords: Map::new() };
        let new = need(cx, "grains.append", args).await?;
        let items = match grain(cx, &name) {
            Some(Value::List(items)) => items,
            _ => vec![],
        };
        let wanted = value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
        if !wanted.iter().all(|value| items.contains(value)) {
            return Err(Error::execution(format!("Failed append value {value} to grain {name}")));
        }
        Ok(Applied { changes: Some(map! { "new" => new }), comment: None })
    };
    Ok(Plan::new(changes, append).comment(would, did))
}

/// Makes sure that a grain that is a list lacks a value, or several.
#[salt_state]
async fn list_absent<'a>(
    cx: &'a Context,
    /// The grain, `a:b` for one inside of another.
    name: String,
    /// The value, or a list of them.
    value: Value,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
) -> Result<Plan<'a>> {
    let name = name.replace(&delimiter, ":");
    let items = match grain(cx, &name).filter(Value::truthy) {
        None => return Ok(Plan::unchanged(format!("Grain {name} does not exist"))),
        Some(Value::List(items)) => items,
        Some(_) => return Err(not_a_list(&name)),
    };
    let values = match value {
        Value::List(values) => values,
        one => vec![one],
    };
    let (mut would, mut did, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        if items.contains(&value) {
            would.push(format!("Value {value} in grain {name} is set to be deleted"));
            did.push(format!("Value {value} was deleted from grain {name}"));
            deleted.push(value);
        } else {
            let absent = format!("Value {value} is absent from grain {name}");
            would.push(absent.clone());
            did.push(absent);
        }
    }
    if deleted.is_empty() {
        return Ok(Plan::unchanged(did.join("\n")));
    }
    let changes = map! { "deleted" => Value::List(deleted.clone()) };
    let remove = async move {
        for value in deleted {
            let args = Args { positional: vec![name.clone().into(), value], keywords: Map::new() };
            need(cx, "grains.remove", args).await?;
        }
        Ok(())
    };
    Ok(Plan::new(changes, remove).comment(would.join("\n"), did.join("\n")))
}

/// Appends a value to a grain that is a list.
#[salt_state]
async fn append<'a>(
    cx: &'a Context,
    /// The grain, `a:b` for one inside of another. It must be there.
    name: String,
    /// The value.
    value: Value,
    /// Make a list of a value that is none.
    #[default(false)]
    convert: bool,
    /// What separates the parts of the name.
    #[default(":")]
    delimiter: String,
) -> Result<Plan<'a>> {
    let name = name.replace(&delimiter, ":");
    let existing = grain(cx, &name);
    let there = existing.as_ref().is_some_and(Value::truthy) || cx.grains().contains_key(&name);
    let Some(existing) = existing.filter(|_| there) else {
        return Err(Error::execution(format!("Grain {name} does not exist")));
    };
    let changes = map! { "added" => &value };
    let did = format!("Value {value} was added to grain {name}");
    match existing {
        Value::List(items) if items.contains(&value) => {
            Ok(Plan::unchanged(format!("Value {value} is already in the list for grain {name}")))
        }
        Value::List(_) => {
            let would = format!("Value {value} in grain {name} is set to be added");
            let append = async move {
                let args = Args { positional: vec![name.into(), value], keywords: Map::new() };
                need(cx, "grains.append", args).await.map(drop)
            };
            Ok(Plan::new(changes, append).comment(would, did))
        }
        other if convert => {
            let would =
                format!("Grain {name} is set to be converted to list and value {value} will be added");
            let set = async move {
                let items = if other.is_none() { list![value] } else { list![other, value] };
                let args = Args { positional: vec![name.into(), items], keywords: Map::new() };
                need(cx, "grains.setval", args).await.map(drop)
            };
            Ok(Plan::new(changes, set).comment(would, did))
        }
        _ => Err(not_a_list(&name)),
    }
}

fn grain(cx: &Context, name: &str) -> Option<Value> {
    Value::Map((*cx.grains()).clone()).traverse(name, ":").cloned()
}

/// `grains.set`, whose return is that of a state: its changes, or its comment as an error.
async fn set(cx: &Context, args: Args) -> Result<Map> {
    let ret = need(cx, "grains.set", args).await?;
    let part = |key: &str| ret.get(key).cloned().unwrap_or_default();
    match (part("result").truthy(), part("changes")) {
        (true, Value::Map(changes)) => Ok(changes),
        (true, _) => Ok(Map::new()),
        (false, _) => Err(Error::execution(part("comment"))),
    }
}

fn not_a_list(name: &str) -> Error {
    Error::execution(format!("Grain {name} is not a valid list"))
}
