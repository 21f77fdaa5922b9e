//! Is this minion meant by an expression?
//!
//! Facts: `salt/modules/match.py` of Salt 3007.17.

use salt::target::{Subject, by_kind, fnmatch};
use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use crate::dictupdate::update;

functions![
    compound,
    data,
    filter_by,
    glob,
    grain,
    grain_pcre,
    ifelse,
    ipcidr,
    list_,
    pcre,
    pillar,
    pillar_pcre,
    search_by,
];

/// Says whether the minion fits a compound expression.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.compound 'L@vc01,vc02 or G@os:proxy'
/// ```
#[salt_fn]
async fn compound(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
) -> Result<bool> {
    fits(cx, "compound", &tgt, ":", minion_id.as_deref())
}

/// Says whether the id of the minion fits a shell pattern.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.glob 'vc*'
/// ```
#[salt_fn]
async fn glob(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
) -> Result<bool> {
    fits(cx, "glob", &tgt, ":", minion_id.as_deref())
}

/// Says whether the id of the minion fits a regular expression from its start on.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.pcre 'vc0[1-3]'
/// ```
#[salt_fn]
async fn pcre(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
) -> Result<bool> {
    fits(cx, "pcre", &tgt, ":", minion_id.as_deref())
}

/// Says whether the id of the minion is in a list.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.list 'vc01,vc02'
/// ```
#[salt_fn]
async fn list_(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
) -> Result<bool> {
    fits(cx, "list", &tgt, ":", minion_id.as_deref())
}

/// Says whether a grain fits a shell pattern.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.grain 'os:prox*'
/// ```
#[salt_fn]
async fn grain(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<bool> {
    fits(cx, "grain", &tgt, &delimiter, None)
}

/// Says whether a grain fits a regular expression.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.grain_pcre 'os:pr.*'
/// ```
#[salt_fn]
async fn grain_pcre(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<bool> {
    fits(cx, "grain_pcre", &tgt, &delimiter, None)
}

/// Says whether a value of the pillar fits a shell pattern.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.pillar 'proxy:proxytype:vcenter'
/// ```
#[salt_fn]
async fn pillar(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<bool> {
    fits(cx, "pillar", &tgt, &delimiter, None)
}

/// Says whether a value of the pillar fits a regular expression.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.pillar_pcre 'proxy:proxytype:vc.*'
/// ```
#[salt_fn]
async fn pillar_pcre(
    cx: &Context,
    /// The expression.
    tgt: Value,
    /// What stands between the steps of a path.
    #[default(":")]
    delimiter: String,
) -> Result<bool> {
    fits(cx, "pillar_pcre", &tgt, &delimiter, None)
}

/// Says whether an address of the minion is in a network, or is the one given. A minion of a device has no addresses.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.ipcidr '192.168.44.0/24'
/// ```
#[salt_fn]
async fn ipcidr(
    cx: &Context,
    /// The network or address.
    tgt: Value,
) -> Result<bool> {
    fits(cx, "ipcidr", &tgt, ":", None)
}

/// Says whether a value of the minion's own store (`data.update`) fits a shell pattern.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.data 'spam:eggs'
/// ```
#[salt_fn]
async fn data(
    cx: &Context,
    /// The key and the pattern, with a colon between them.
    tgt: String,
) -> Result<bool> {
    Ok(in_store(cx, &tgt))
}

/// Chooses from a map by expressions: the value of the first key that fits the minion.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.filter_by '{foo*: Foo!, vc*: Bar!}' minion_id=vc03
/// ```
#[salt_fn]
async fn filter_by(
    cx: &Context,
    /// What to choose from: expressions and values.
    lookup: Map,
    /// How the expressions are read: `compound`, `glob`, `grain` and so on.
    #[default("compound")]
    tgt_type: String,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
    /// A map to merge over what was chosen.
    merge: Option<Value>,
    /// Join lists while merging instead of replacing them.
    #[default(false)]
    merge_lists: bool,
    /// The key to choose if none fits.
    #[default("default")]
    default: Value,
) -> Result<Value> {
    let choice = Choice { tgt_type, minion_id, merge, merge_lists };
    choice.of(cx, &lookup, &default)
}

/// Lists the keys of a map that have an expression that fits the minion. Gives `None` if there is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.search_by '{web: [node1, vc*], db: [node2]}'
/// ```
#[salt_fn]
async fn search_by(
    cx: &Context,
    /// Names, each with a list of expressions.
    lookup: Map,
    /// How the expressions are read: `compound`, `glob`, `grain` and so on.
    #[default("compound")]
    tgt_type: String,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
) -> Result<Value> {
    let mut names = Vec::new();
    for (name, targets) in &lookup {
        for target in targets.as_list().unwrap_or_default() {
            if fits(cx, &tgt_type, target, ":", minion_id.as_deref())? && !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    Ok(if names.is_empty() { Value::None } else { names.into() })
}

/// Chooses by expressions: takes pairs of an expression and a value, and last the value for when none fits.
///
/// CLI Example:
///
/// ```bash
/// salt '*' match.ifelse 'foo*' 'Foo!' 'vc*' 'Bar!' minion_id=vc03
/// ```
#[salt_fn]
async fn ifelse(
    cx: &Context,
    #[args] args: Vec<Value>,
    /// How the expressions are read: `compound`, `glob`, `grain` and so on.
    #[default("compound")]
    tgt_type: String,
    /// Ask for this id instead of the minion's own.
    minion_id: Option<String>,
    /// A map to merge over what was chosen.
    merge: Option<Value>,
    /// Join lists while merging instead of replacing them.
    #[default(false)]
    merge_lists: bool,
) -> Result<Value> {
    let (pairs, [default]) = args.as_chunks::<2>() else {
        return Err(salt_exception("The ifelse function must have an odd number of arguments!"));
    };
    // True fits everybody, false nobody.
    let expression = |key: &Value| match key {
        Value::Bool(true) => "*".into(),
        Value::Bool(false) => "SALT_IFELSE_MATCH_NOTHING".into(),
        other => other.clone(),
    };
    let mut lookup: Map = pairs.iter().map(|[key, value]| (expression(key), value.clone())).collect();
    let default_key = Value::from("SALT_IFELSE_FUNCTION_DEFAULT");
    lookup.insert(default_key.clone(), default.clone());
    Choice { tgt_type, minion_id, merge, merge_lists }.of(cx, &lookup, &default_key)
}

/// How to choose from a map by expressions.
struct Choice {
    tgt_type: String,
    minion_id: Option<String>,
    merge: Option<Value>,
    merge_lists: bool,
}

impl Choice {
    fn of(self, cx: &Context, lookup: &Map, default: &Value) -> Result<Value> {
        for (key, value) in lookup {
            if !fits(cx, &self.tgt_type, key, ":", self.minion_id.as_deref())? {
                continue;
            }
            return match (value, self.merge.filter(Value::truthy)) {
                (value, None) => Ok(value.clone()),
                (Value::None, Some(merge @ Value::Map(_))) => Ok(merge),
                (Value::Map(chosen), Some(Value::Map(merge))) => {
                    Ok(update(chosen.clone(), merge, self.merge_lists).into())
                }
                (_, Some(_)) => Err(salt_exception("filter_by merge argument must be a dictionary.")),
            };
        }
        Ok(lookup.get_key(default).cloned().unwrap_or_default())
    }
}

/// `salt/matchers/data_match.py`: one item of a list fits without regard to case, of a map a key, else the text.
fn in_store(cx: &Context, tgt: &str) -> bool {
    let Some((key, pattern)) = tgt.split_once(':') else { return false };
    match crate::data::value(cx, key) {
        Some(Value::List(items)) => {
            items.iter().any(|item| fnmatch(&item.to_string().to_lowercase(), &pattern.to_lowercase()))
        }
        Some(Value::Map(map)) => map.contains_key(pattern),
        Some(value) => fnmatch(&value.to_string(), pattern),
        None => false,
    }
}

/// The answer of a matcher. Like Salt's, an expression that can't be read fits nobody.
fn fits(cx: &Context, kind: &str, tgt: &Value, delimiter: &str, id: Option<&str>) -> Result<bool> {
    if kind == "data" {
        return Ok(tgt.as_str().is_some_and(|tgt| in_store(cx, tgt)));
    }
    let (opts, grains, pillar) = (cx.opts(), cx.grains(), cx.pillar());
    let subject = Subject {
        id: id.unwrap_or(cx.id()),
        grains: &grains,
        pillar: &pillar,
        nodegroups: opts.get("nodegroups").and_then(Value::as_map),
    };
    by_kind(kind, tgt, delimiter, subject).ok_or_else(|| Error::exception("KeyError", format!("'{kind}'")))
}

fn salt_exception(message: &str) -> Error {
    Error::exception("salt.exceptions.SaltException", message)
}
