//! Slots: arguments that are computed right before the call, `__slot__:salt:mod.fun(args, k=v).path ~ "text"`
//! (`State.format_slots`).

use salt::args::Args;
use salt::{Context, Map, Value};

use crate::call_by_name;
use crate::sls::run::Run;

const MARK: &str = "__slot__:";

impl Run {
    /// The arguments with their slots filled: texts, and texts in lists and mappings one level below.
    pub(super) async fn slots(&self, cx: &Context, mut args: Map) -> Map {
        for (_, value) in args.iter_mut() {
            match value {
                Value::Str(_) => fill(cx, value).await,
                Value::Map(map) => fill_map(cx, map).await,
                Value::List(items) => {
                    for item in items {
                        match item {
                            Value::Map(map) => fill_map(cx, map).await,
                            other => fill(cx, other).await,
                        }
                    }
                }
                _ => {}
            }
        }
        args
    }
}

async fn fill_map(cx: &Context, map: &mut Map) {
    for (_, value) in map.iter_mut() {
        fill(cx, value).await;
    }
}

async fn fill(cx: &Context, value: &mut Value) {
    let Some(slot) = value.as_str().and_then(|text| text.strip_prefix(MARK)) else { return };
    let Some(call) =
        slot.strip_prefix("salt:").and_then(parse).filter(|call| cx.modules().get(&call.fun).is_some())
    else {
        tracing::warn!("Malformed slot: {MARK}{slot}");
        return;
    };
    match call_by_name::call(cx, &call.fun, call.args).await {
        Ok(returned) => {
            let found = match &call.path {
                Some(path) => returned.traverse(path, ".").cloned().unwrap_or_default(),
                None => returned,
            };
            *value = match (found, call.appended) {
                (Value::Str(text), Some(more)) => (text + &more).into(),
                (found, _) => found,
            };
        }
        Err(e) => tracing::error!("The slot {MARK}{slot} could not be filled: {e}"),
    }
}

#[derive(Debug, PartialEq)]
struct Slot {
    fun: String,
    args: Args,
    path: Option<String>,
    appended: Option<String>,
}

/// Reads `mod.fun(a, 'b', k=v).path ~ "text"`. All arguments are text.
fn parse(text: &str) -> Option<Slot> {
    let (fun, rest) = text.split_once('(')?;
    let mut args = Args::none();
    let (mut word, mut key) = (String::new(), None::<String>);
    let (mut quote, mut nested, mut seen) = (None::<char>, 0usize, false);
    let mut chars = rest.char_indices();
    let end = loop {
        let (at, c) = chars.next()?;
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                seen = true;
            }
            (None, '(' | '[' | '{') => {
                nested += 1;
                word.push(c);
            }
            (None, ')' | ']' | '}') if nested > 0 => {
                nested -= 1;
                word.push(c);
            }
            (None, '=') if nested == 0 => key = Some(std::mem::take(&mut word)),
            (None, ',' | ')') if nested == 0 => {
                let value = std::mem::take(&mut word);
                match key.take() {
                    Some(key) => {
                        args.keywords.insert(key, value);
                    }
                    None if seen || !value.is_empty() => args.positional.push(value.into()),
                    None => {}
                }
                seen = false;
                if c == ')' {
                    break at + 1;
                }
            }
            (None, c) if c.is_whitespace() => {}
            (None, c) => word.push(c),
        }
    };
    let (path, appended) = match rest[end..].split_once('~') {
        Some((path, text)) => (path, Some(unquoted(text.trim()))),
        None => (&rest[end..], None),
    };
    let path = path.split_once('.').map(|(_, path)| path.trim().to_string());
    Some(Slot { fun: fun.trim().to_string(), args, path, appended })
}

fn unquoted(text: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return inner.to_string();
        }
    }
    text.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read() {
        let slot = parse("test.arg('a b', c, k=\"v, w\", l=[1, 2]).x.y ~ \"/z\"").expect("a slot");
        assert_eq!(slot.fun, "test.arg");
        assert_eq!(slot.args, Args::of(["a b", "c"]).with("k", "v, w").with("l", "[1,2]"));
        assert_eq!((slot.path.as_deref(), slot.appended.as_deref()), (Some("x.y"), Some("/z")));
        assert_eq!(parse("test.ping()").map(|slot| slot.args), Some(Args::none()));
        assert_eq!(parse("test.ping("), None);
        assert_eq!(parse("test.ping"), None);
    }
}
