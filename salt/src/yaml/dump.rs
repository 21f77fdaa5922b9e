//! Values to text: PyYAML's safe representer (`yaml/representer.py`) in front of the emitter.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::emit::{Emitter, Node};
use super::resolve;
use crate::Value;
use crate::repr::float_repr;

/// How to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `default_flow_style`: all in braces and brackets, all in blocks, or (`None`, as Salt has it) only the collections
    /// that hold nothing but scalars in brackets.
    pub flow: Option<bool>,
    /// Keys in order, if they can be compared. Python's `OrderedDict` keeps its own order.
    pub sort_keys: bool,
    /// Blanks a level, 2 to 9.
    pub indent: usize,
    /// Columns after which a line is folded.
    pub width: usize,
}

impl Default for Style {
    /// What `salt.utils.yaml.safe_dump` does without arguments.
    fn default() -> Style {
        Style { flow: None, sort_keys: true, indent: 2, width: 80 }
    }
}

impl Style {
    /// `default_flow_style=False`.
    pub fn block() -> Style {
        Style { flow: Some(false), ..Style::default() }
    }
}

/// A value as `salt.utils.yaml.safe_dump` writes it, with the line feed at the end.
pub fn dump(value: &Value, style: Style) -> String {
    Emitter::new(style).document(&represent(value, &style))
}

fn represent(value: &Value, style: &Style) -> Node {
    match value {
        Value::None => Node::plain(resolve::NULL, "null"),
        Value::Bool(b) => Node::plain(resolve::BOOL, if *b { "true" } else { "false" }),
        Value::Int(n) => Node::plain(resolve::INT, n.to_string()),
        Value::BigInt(n) => Node::plain(resolve::INT, n.to_string()),
        Value::Float(x) => Node::plain(resolve::FLOAT, float_text(*x)),
        Value::Str(s) => Node::plain(resolve::STR, s.as_str()),
        Value::Bytes(b) => Node::literal("tag:yaml.org,2002:binary", lines_of_base64(b)),
        // What Salt's dumper makes of an object that it does not know.
        Value::Ext(..) => Node::plain(resolve::NULL, "NULL"),
        Value::List(items) => {
            let items: Vec<Node> = items.iter().map(|item| represent(item, style)).collect();
            let flow = style.flow.unwrap_or_else(|| items.iter().all(Node::is_simple));
            Node::Sequence { items, flow }
        }
        Value::Map(map) => {
            let mut order: Vec<(&Value, &Value)> = map.iter().collect();
            if style.sort_keys && comparable(order.iter().map(|(k, _)| *k)) {
                order.sort_by(|(a, _), (b, _)| compare(a, b).unwrap_or(Ordering::Equal));
            }
            let pairs: Vec<(Node, Node)> =
                order.into_iter().map(|(k, v)| (represent(k, style), represent(v, style))).collect();
            let flow =
                style.flow.unwrap_or_else(|| pairs.iter().all(|(k, v)| k.is_simple() && v.is_simple()));
            Node::Mapping { pairs, flow }
        }
    }
}

/// Python refuses to sort keys of different types, and then PyYAML leaves them as they are.
fn comparable<'a>(mut keys: impl Iterator<Item = &'a Value>) -> bool {
    let Some(first) = keys.next() else { return true };
    keys.all(|key| compare(first, key).is_some())
}

fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        _ => number(a)?.partial_cmp(&number(b)?),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        other => other.as_f64(),
    }
}

fn float_text(x: f64) -> String {
    if x.is_nan() {
        return ".nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let text = float_repr(x);
    // YAML 1.1 wants the point: `1e20` would be text.
    if !text.contains('.') && text.contains('e') { text.replacen('e', ".0e", 1) } else { text }
}

fn lines_of_base64(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\n").collect()
}
