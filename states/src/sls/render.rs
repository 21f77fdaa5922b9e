//! The renderers: from the text of a file to data (`salt/template.py`, `salt/renderers/*.py`).

use salt::{Map, Value, yaml};

/// Why a file could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// Salt's `SaltRenderError`: the text as it is.
    Render(String),
    /// Any other exception of a renderer: its Python type and its text.
    Other(&'static str, String),
}

impl RenderError {
    /// The text without the type.
    pub fn text(&self) -> &str {
        match self {
            RenderError::Render(text) | RenderError::Other(_, text) => text,
        }
    }

    /// The line that goes into the list of errors of a compile (`salt/state.py`, `render_state`).
    pub fn of_sls(&self, saltenv: &str, sls: &str) -> String {
        match self {
            RenderError::Render(text) => format!("Rendering SLS '{saltenv}:{sls}' failed: {text}"),
            RenderError::Other(kind, text) => format!(
                "Rendering SLS {sls} failed, render error: {text}\nTraceback (most recent call last):\n{kind}: {text}\n"
            ),
        }
    }
}

/// Renders the text of a file through the pipeline that its first line names, or that the option `renderer` names.
///
/// Whitespace alone is an empty mapping.
///
/// # Errors
/// [`RenderError`] in Salt's words.
pub fn render(bytes: &[u8], opts: &Map) -> Result<Value, RenderError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| RenderError::Other("UnicodeDecodeError", format!("'utf-8' codec can't decode: {e}")))?;
    if text.trim().is_empty() {
        return Ok(Value::Map(Map::new()));
    }
    let mut data = Data::Text(text.to_string());
    for stage in pipeline(text, opts)? {
        data = stage.apply(data)?;
    }
    match data {
        Data::Value(value) if value.truthy() => Ok(value),
        Data::Text(text) if !text.is_empty() => Ok(Value::Str(text)),
        _ => Ok(Value::Map(Map::new())),
    }
}

enum Data {
    Text(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Jinja,
    Yaml,
    Json,
}

fn pipeline(text: &str, opts: &Map) -> Result<Vec<Stage>, RenderError> {
    let first = text.lines().next().unwrap_or("");
    let names = match first.strip_prefix("#!") {
        Some(names) if !names.starts_with('/') => names.trim(),
        _ => opts.get_str("renderer").unwrap_or("jinja|yaml"),
    };
    // The names of old, which Salt still takes.
    let names = match names {
        "yaml_jinja" => "jinja|yaml",
        "json_jinja" => "jinja|json",
        other => other,
    };
    let mut stages = Vec::new();
    for part in names.split('|') {
        let name = part.trim().split(' ').next().unwrap_or("");
        if forbidden(name, opts) {
            tracing::warn!("The renderer \"{name}\" is disallowed by configuration and will be skipped.");
            continue;
        }
        stages.push(match name {
            "jinja" => Stage::Jinja,
            "yaml" => Stage::Yaml,
            "json" => Stage::Json,
            other => {
                return Err(RenderError::Render(format!(
                    "renderer '{other}' is not available on this proxy minion"
                )));
            }
        });
    }
    Ok(stages)
}

fn forbidden(name: &str, opts: &Map) -> bool {
    let list = |key: &str| opts.get(key).and_then(Value::as_list).filter(|list| !list.is_empty());
    let names = |list: &[Value]| list.iter().any(|item| item.as_str() == Some(name));
    list("renderer_whitelist").is_some_and(|list| !names(list))
        || list("renderer_blacklist").is_some_and(names)
}

impl Stage {
    fn apply(self, data: Data) -> Result<Data, RenderError> {
        let Data::Text(text) = data else {
            return Err(RenderError::Other("TypeError", format!("{self:?} wants text to render")));
        };
        match self {
            Stage::Jinja => match ["{{", "{%", "{#"].iter().any(|delimiter| text.contains(delimiter)) {
                true => Err(RenderError::Render(
                    "this SLS uses Jinja, which is not rendered yet by this release of vsalt".into(),
                )),
                false => Ok(Data::Text(text)),
            },
            Stage::Yaml => yaml(&text).map(Data::Value),
            Stage::Json => json(&text).map(Data::Value),
        }
    }
}

fn yaml(text: &str) -> Result<Value, RenderError> {
    yaml::load(text).map_err(|e| match e.kind() {
        // libyaml keeps no text beside the mark of a scanner error, so Salt has nothing to show but the sentence. We know
        // the place and show it in the form that Salt has for it elsewhere.
        yaml::Kind::Scanner => RenderError::Render(with_place(e.problem(), text, e.line())),
        yaml::Kind::Parser | yaml::Kind::Constructor => RenderError::Render(e.to_string()),
        yaml::Kind::Composer => RenderError::Other("yaml.composer.ComposerError", e.to_string()),
        yaml::Kind::Reader => RenderError::Other("yaml.reader.ReaderError", e.to_string()),
        yaml::Kind::Value => RenderError::Other("ValueError", e.to_string()),
    })
}

/// A sentence with the line it is about and up to five around it (`salt/utils/stringutils.py`, `get_context`).
fn with_place(problem: &str, text: &str, line: usize) -> String {
    let first = line.saturating_sub(6);
    let mut shown = String::new();
    for (n, row) in text.lines().enumerate().skip(first).take(line + 5 - first) {
        let mark = if n + 1 == line { "    <======================" } else { "" };
        shown.push_str(&format!("{row}{mark}\n"));
    }
    format!("{problem}; line {line}\n\n---\n{shown}---")
}

fn json(text: &str) -> Result<Value, RenderError> {
    let body = match text.starts_with("#!") {
        true => text.split_once('\n').map_or("", |(_, rest)| rest),
        false => text,
    };
    if body.trim().is_empty() {
        return Ok(Value::Map(Map::new()));
    }
    serde_json::from_str(body)
        .map(Value::from_json)
        .map_err(|e| RenderError::Other("json.decoder.JSONDecodeError", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use salt::map;

    fn rendered(text: &str) -> Result<Value, RenderError> {
        render(text.as_bytes(), &Map::new())
    }

    #[test]
    fn the_first_line_or_the_option_names_the_pipeline() {
        assert_eq!(rendered("a: {b: c}\n"), Ok(map! { "a" => map! { "b" => "c" } }.into()));
        assert_eq!(rendered("#!yaml\na: '{{ x }}'\n"), Ok(map! { "a" => "{{ x }}" }.into()));
        assert_eq!(rendered("#!json\n{\"a\": 1}"), Ok(map! { "a" => 1 }.into()));
        assert_eq!(rendered("#!/bin/sh\na: 1\n"), Ok(map! { "a" => 1 }.into()));
        assert_eq!(rendered(" \n# nothing\n"), Ok(Map::new().into()));
        assert_eq!(rendered(" \n"), Ok(Map::new().into()));
        let json = map! { "renderer" => "json" };
        assert_eq!(render(b"{\"a\": 2}", &json), Ok(map! { "a" => 2 }.into()));
        let plain = map! { "renderer_blacklist" => ["jinja"] };
        assert_eq!(render(b"a: '{{'", &plain), Ok(map! { "a" => "{{" }.into()));
    }

    #[test]
    fn what_cannot_be_rendered_says_so() {
        let text = rendered("a: {{ b }}\n").expect_err("a template").of_sls("base", "x");
        assert_eq!(
            text,
            "Rendering SLS 'base:x' failed: this SLS uses Jinja, which is not rendered yet by this release of vsalt"
        );
        let text = rendered("#!py\n").expect_err("Python").of_sls("base", "x");
        assert_eq!(
            text,
            "Rendering SLS 'base:x' failed: renderer 'py' is not available on this proxy minion"
        );
        assert!(render(&[0xff, b'a'], &Map::new()).is_err());
        assert!(
            rendered("#!json\n{")
                .expect_err("broken")
                .of_sls("base", "x")
                .starts_with("Rendering SLS x failed")
        );
    }
}
