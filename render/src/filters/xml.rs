//! The filter `xml` (`SerializerExtension.format_xml`).

use jinja::{Error, Result, Value, to_str};

struct Element {
    tag: String,
    attributes: Vec<(String, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

/// A document for a mapping with one key.
pub(crate) fn document(value: &Value) -> Result<String> {
    let mut root: Option<Element> = None;
    for (tag, attributes) in pairs(value)? {
        root = element(&tag, &attributes, None, 0)?;
    }
    let root = root.ok_or_else(|| Error::type_error("can't build a document of nothing"))?;
    let mut out = String::from("<?xml version=\"1.0\" ?>\n");
    write(&root, 0, &mut out);
    Ok(out)
}

/// Tag and content of each part.
fn pairs(value: &Value) -> Result<Vec<(String, Value)>> {
    match value {
        Value::Dict(dict) => dict.snapshot().into_iter().map(|(k, v)| Ok((to_str(k.value())?, v))).collect(),
        Value::List(_) | Value::Tuple(_) => Ok(Vec::new()),
        _ => Err(Error::python("TemplateRuntimeError", "Value is not a dict or list. Cannot render as XML")),
    }
}

/// Builds an element, or its like below `parent` for each item of a list.
fn element(
    tag: &str,
    content: &Value,
    parent: Option<&mut Element>,
    depth: usize,
) -> Result<Option<Element>> {
    if depth > 100 {
        return Err(Error::python("RecursionError", "maximum recursion depth exceeded"));
    }
    if let Value::List(items) = content {
        let Some(parent) = parent else {
            return Err(Error::python("AttributeError", "'NoneType' object has no attribute 'text'"));
        };
        for item in items.snapshot() {
            if let Some(child) = element(tag, &item, None, depth + 1)? {
                parent.children.push(child);
            }
        }
        as_salt_refuses(&items.snapshot())?;
        return Ok(None);
    }
    let mut new = Element { tag: tag.to_string(), attributes: Vec::new(), text: None, children: Vec::new() };
    match content {
        Value::Str(_) | Value::Markup(_) | Value::Int(_) | Value::Bool(_) | Value::Float(_) => {
            new.text = Some(to_str(content)?);
        }
        Value::Dict(dict) => {
            for (key, value) in dict.snapshot() {
                let key = to_str(key.value())?;
                if !matches!(value, Value::Dict(_) | Value::List(_)) {
                    new.attributes.push((key, to_str(&value)?));
                    continue;
                }
                if let Some(child) = element(&key, &value, Some(&mut new), depth + 1)? {
                    new.children.push(child);
                }
            }
        }
        _ => {
            pairs(content)?;
        }
    }
    Ok(Some(new))
}

/// Salt goes through the texts of a list once more as if they were pairs.
fn as_salt_refuses(items: &[Value]) -> Result<()> {
    match items.first() {
        None => return Err(Error::python("IndexError", "list index out of range")),
        Some(first) if first.as_str().is_none() => return Ok(()),
        Some(_) => {}
    }
    for item in items {
        match item {
            Value::Str(text) | Value::Markup(text) if text.chars().count() < 2 => {
                return Err(Error::python("IndexError", "string index out of range"));
            }
            Value::Dict(_) => return Err(Error::python("KeyError", "1")),
            Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::None => {
                return Err(Error::type_error(format!("'{}' object is not subscriptable", item.type_name())));
            }
            _ => {}
        }
    }
    Ok(())
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if quotes { text.replace('"', "&quot;") } else { text }
}

/// As `minidom` prints with an indent of one blank: a single text stays on the line of its tag.
fn write(element: &Element, depth: usize, out: &mut String) {
    let indent = " ".repeat(depth);
    out.push_str(&format!("{indent}<{}", element.tag));
    for (key, value) in &element.attributes {
        out.push_str(&format!(" {key}=\"{}\"", escaped(value, true)));
    }
    match &element.text {
        Some(text) if !text.is_empty() => {
            out.push_str(&format!(">{}</{}>\n", escaped(text, true), element.tag))
        }
        _ if element.children.is_empty() => out.push_str("/>\n"),
        _ => {
            out.push_str(">\n");
            element.children.iter().for_each(|child| write(child, depth + 1, out));
            out.push_str(&format!("{indent}</{}>\n", element.tag));
        }
    }
}
