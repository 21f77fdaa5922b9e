//! The pipe of renderers that the first line of a file, or the option `renderer`, names (`salt/template.py`).

use salt::{Context, Map, Value};

use crate::source::{STRING, Source};
use crate::{RenderError, bridge, gpg, jinja, json, json5, yaml};

/// Renders a text through its pipe.
///
/// A file of whitespace alone is an empty mapping. A pipe that ends in text (`jinja` alone) gives that text.
///
/// # Errors
/// [`RenderError`] in Salt's words.
pub async fn render(cx: &Context, bytes: &[u8], source: &Source) -> Result<Value, RenderError> {
    let text = decoded(bytes)?;
    let from_string = source.path.as_deref() == Some(STRING);
    if text.trim().is_empty() && !from_string {
        return Ok(Map::new().into());
    }
    let opts = cx.opts();
    let mut data = Data::Text(text.to_string());
    for stage in pipe(text, &opts, source)? {
        data = apply(cx, &stage, data, source).await?;
    }
    Ok(match data {
        Data::Value(value) => value,
        Data::Text(output) if text.contains("\r\n") && !output.contains("\r\n") => {
            output.replace('\n', "\r\n").into()
        }
        Data::Text(output) => output.into(),
    })
}

/// Renders a text that is a Jinja template and nothing else.
///
/// # Errors
/// [`RenderError`] in Salt's words.
pub async fn template(cx: &Context, bytes: &[u8], source: &Source) -> Result<String, RenderError> {
    let (text, source) = (decoded(bytes)?.to_string(), source.clone());
    bridge::run(cx, move |bridge| jinja::render(&bridge, &text, &source)).await
}

fn decoded(bytes: &[u8]) -> Result<&str, RenderError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        let why = match error.error_len() {
            None => "unexpected end of data",
            Some(1) if !(0xc2..=0xf4).contains(&byte) => "invalid start byte",
            Some(_) => "invalid continuation byte",
        };
        RenderError::other(
            "UnicodeDecodeError",
            format!("'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: {why}"),
        )
    })
}

enum Data {
    Text(String),
    Value(Value),
}

/// One renderer and its argument.
#[derive(Debug, PartialEq)]
struct Stage {
    name: String,
    argument: String,
}

fn pipe(text: &str, opts: &Map, source: &Source) -> Result<Vec<Stage>, RenderError> {
    let from_string = source.path.as_deref() == Some(STRING);
    let first = match from_string {
        true => text
            .split_whitespace()
            .next()
            .ok_or_else(|| RenderError::other("IndexError", "list index out of range"))?,
        false => text.lines().next().unwrap_or(""),
    };
    let names = match first.strip_prefix("#!") {
        Some(names) if !names.starts_with('/') => names.trim(),
        _ => source.renderer.as_deref().or(opts.get_str("renderer")).unwrap_or("jinja|yaml"),
    };
    // The names of old, which Salt still takes.
    let names = match names.split_once('_') {
        Some((data @ ("yaml" | "json"), template @ ("jinja" | "mako" | "wempy"))) => {
            format!("{template}|{data}")
        }
        _ => names.to_string(),
    };
    let mut stages = Vec::new();
    for part in names.split('|') {
        let (name, argument) = part.trim().split_once(' ').unwrap_or((part.trim(), ""));
        if forbidden(name, opts) {
            tracing::warn!("The renderer \"{name}\" is disallowed by configuration and will be skipped.");
            continue;
        }
        if !matches!(name, "jinja" | "yaml" | "json" | "json5" | "text" | "gpg") {
            return Err(unavailable(name, source));
        }
        stages.push(Stage { name: name.to_string(), argument: argument.trim().to_string() });
    }
    Ok(stages)
}

/// Salt renders such a file to nothing and goes on; that helps nobody.
fn unavailable(name: &str, source: &Source) -> RenderError {
    // An SLS file is named by who asks for it.
    let sls = source.sls.as_deref().unwrap_or_default();
    let file = match source.path.as_deref().filter(|path| *path != STRING && sls.is_empty()) {
        Some(path) => format!(", which {path} asks for,"),
        None => String::new(),
    };
    RenderError::Render(format!("renderer '{name}'{file} is not available on this proxy minion"))
}

fn forbidden(name: &str, opts: &Map) -> bool {
    let list = |key: &str| opts.get(key).and_then(Value::as_list).filter(|list| !list.is_empty());
    let names = |list: &[Value]| list.iter().any(|item| item.as_str() == Some(name));
    list("renderer_whitelist").is_some_and(|list| !names(list))
        || list("renderer_blacklist").is_some_and(names)
}

async fn apply(cx: &Context, stage: &Stage, data: Data, source: &Source) -> Result<Data, RenderError> {
    if stage.name == "gpg" {
        return Ok(match data {
            Data::Text(text) => Data::Text(gpg::text(cx, &text).await?),
            Data::Value(value) => Data::Value(gpg::value(cx, value).await?),
        });
    }
    let text = match data {
        Data::Text(text) => text,
        Data::Value(value) => {
            let text = format!("'{}' object has no attribute 'read'", value.type_name());
            return Err(RenderError::other("AttributeError", text));
        }
    };
    Ok(match stage.name.as_str() {
        "jinja" => {
            if !stage.argument.is_empty() && stage.argument != "-s" {
                return Err(RenderError::Render(format!("Unknown renderer option: {}", stage.argument)));
            }
            Data::Text(template(cx, text.as_bytes(), source).await?)
        }
        "yaml" => Data::Value(Some(yaml::render(&text)?).filter(Value::truthy).unwrap_or(Map::new().into())),
        "json" => Data::Value(json::render(&text)?),
        "json5" => Data::Value(json5::render(&text)?),
        _ => Data::Text(text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::map;

    fn names(text: &str, opts: &Map) -> Result<Vec<String>, RenderError> {
        let source = Source { path: Some("/srv/x.sls".into()), sls: Some("x".into()), ..Source::default() };
        let shown = |stage: Stage| match stage.argument.as_str() {
            "" => stage.name,
            argument => format!("{}({argument})", stage.name),
        };
        Ok(pipe(text, opts, &source)?.into_iter().map(shown).collect())
    }

    #[test]
    fn the_first_line_or_the_option_names_the_pipe() {
        let none = Map::new();
        for (text, expected) in [
            ("a: 1", vec!["jinja", "yaml"]),
            ("#!yaml\na: 1", vec!["yaml"]),
            ("#!jinja -s | yaml | gpg\n", vec!["jinja(-s)", "yaml", "gpg"]),
            ("#!json_jinja\n", vec!["jinja", "json"]),
            ("#!/bin/sh\na: 1", vec!["jinja", "yaml"]),
            ("#! text \n", vec!["text"]),
        ] {
            assert_eq!(names(text, &none).expect(text), expected, "{text}");
        }
        assert_eq!(names("a", &map! { "renderer" => "json5" }).expect("an option"), ["json5"]);
        assert_eq!(names("a", &map! { "renderer_blacklist" => ["jinja"] }).expect("a list"), ["yaml"]);
        assert_eq!(names("a", &map! { "renderer_whitelist" => ["jinja"] }).expect("a list"), ["jinja"]);
    }

    #[test]
    fn what_there_is_not_is_named_with_its_file() {
        for name in ["py", "mako|yaml", "yaml_mako", "nosuch"] {
            let error = names(&format!("#!{name}\n"), &Map::new()).expect_err(name).of_sls("base", "x");
            let first = if name.contains("mako") { "mako" } else { name };
            let text = format!("renderer '{first}' is not available on this proxy minion");
            assert_eq!(error, format!("Rendering SLS 'base:x' failed: {text}"));
        }
        let source = Source { path: Some("/srv/x".into()), ..Source::default() };
        let error = pipe("#!py\n", &Map::new(), &source).expect_err("Python");
        assert_eq!(
            error.text(),
            "renderer 'py', which /srv/x asks for, is not available on this proxy minion"
        );
    }
}
