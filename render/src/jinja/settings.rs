//! How Jinja is set up: `jinja_env`, `jinja_sls_env`, `allow_undefined` and the line `#jinja2:` of a file.

use jinja::{Settings, UndefinedKind};
use salt::{Map, Value};

use crate::limits::Limits;
use crate::source::Source;
use crate::{RenderError, json};

/// The settings for a text, and the text without the line that changes them.
pub(super) fn of<'a>(
    opts: &Map,
    source: &Source,
    limits: &Limits,
    text: &'a str,
) -> Result<(Settings, std::borrow::Cow<'a, str>), RenderError> {
    let undefined = match opts.get("allow_undefined").is_some_and(Value::truthy) {
        true => UndefinedKind::Default,
        false => UndefinedKind::Strict,
    };
    let mut settings = Settings {
        undefined,
        max_output: limits.output,
        // Time decides, not steps.
        max_steps: u64::MAX,
        ..Settings::default()
    };
    let sls = source.sls.as_deref().is_some_and(|sls| !sls.is_empty());
    let option = if sls { "jinja_sls_env" } else { "jinja_env" };
    for (key, value) in opts.get(option).and_then(Value::as_map).into_iter().flatten() {
        set(&mut settings, &key.to_string(), value, option)?;
    }
    check(&settings)?;
    for (old, key) in [("jinja_trim_blocks", "trim_blocks"), ("jinja_lstrip_blocks", "lstrip_blocks")] {
        if opts.get(old).is_some_and(Value::truthy) {
            set(&mut settings, key, &true.into(), old)?;
        }
    }
    let Some((header, rest)) = header(text) else { return Ok((settings, text.into())) };
    match json::load(header) {
        Ok(Value::Map(own)) => {
            for (key, value) in &own {
                set(&mut settings, &key.to_string(), value, "the line #jinja2: of the file")?;
            }
            check(&settings)?;
            Ok((settings, rest.into()))
        }
        Ok(_) => {
            tracing::warn!("Ignoring '#jinja2:' header that is not a JSON object: {header}");
            Ok((settings, text.into()))
        }
        Err(_) => {
            tracing::warn!("Ignoring malformed '#jinja2:' header in template: {header}");
            Ok((settings, text.into()))
        }
    }
}

/// The JSON of the line `#jinja2:`, which stands first or behind the line of the renderers, and the text without that line.
fn header(text: &str) -> Option<(&str, String)> {
    let end_of_line = |text: &str| {
        let end = text.find(['\n', '\r'])?;
        Some(end + if text[end..].starts_with("\r\n") { 2 } else { 1 })
    };
    let start = match text.starts_with("#!") && !text.starts_with("#!/") {
        true => end_of_line(text)?,
        false => 0,
    };
    let line = &text[start..];
    let end = end_of_line(line).unwrap_or(line.len());
    let json = line[..end].strip_prefix("#jinja2:")?;
    (!json.trim().is_empty()).then(|| (json.trim(), format!("{}{}", &text[..start], &line[end..])))
}

fn set(settings: &mut Settings, key: &str, value: &Value, by: &str) -> Result<(), RenderError> {
    let key = key.to_lowercase();
    let texts = [
        ("block_start_string", &mut settings.block_start),
        ("block_end_string", &mut settings.block_end),
        ("variable_start_string", &mut settings.variable_start),
        ("variable_end_string", &mut settings.variable_end),
        ("comment_start_string", &mut settings.comment_start),
        ("comment_end_string", &mut settings.comment_end),
        ("newline_sequence", &mut settings.newline_sequence),
    ];
    for (name, slot) in texts {
        if name == key {
            let text = value.as_str().filter(|text| !text.is_empty()).ok_or_else(|| wrong(&key, by))?;
            *slot = text.to_string();
            return Ok(());
        }
    }
    match key.as_str() {
        "line_statement_prefix" => settings.line_statement_prefix = prefix(value),
        "line_comment_prefix" => settings.line_comment_prefix = prefix(value),
        "trim_blocks" => settings.trim_blocks = value.truthy(),
        "lstrip_blocks" => settings.lstrip_blocks = value.truthy(),
        "keep_trailing_newline" => settings.keep_trailing_newline = value.truthy(),
        _ => tracing::warn!("Jinja2 environment {key} is not recognized"),
    }
    Ok(())
}

fn prefix(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_string)
}

fn wrong(key: &str, by: &str) -> RenderError {
    RenderError::Render(format!("{key}, set by {by}, must be a text that is not empty"))
}

/// What Jinja2 asserts of its settings.
fn check(settings: &Settings) -> Result<(), RenderError> {
    let starts = [&settings.block_start, &settings.variable_start, &settings.comment_start];
    if starts[0] == starts[1] || starts[1] == starts[2] || starts[0] == starts[2] {
        let text = "block, variable and comment start strings must be different";
        return Err(RenderError::Render(format!("AssertionError: {text}")));
    }
    if !["\n", "\r\n", "\r"].contains(&settings.newline_sequence.as_str()) {
        let text = "newline_sequence set to unknown line ending string.";
        return Err(RenderError::Render(format!("AssertionError: {text}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_settings_is_found_and_taken_out() {
        assert_eq!(header("#jinja2: {\"a\": 1}\nx\n"), Some(("{\"a\": 1}", "x\n".into())));
        assert_eq!(header("#!jinja|yaml\n#jinja2: {}\nx"), Some(("{}", "#!jinja|yaml\nx".into())));
        assert_eq!(header("#!jinja|yaml\r\n#jinja2: {}\r\nx"), Some(("{}", "#!jinja|yaml\r\nx".into())));
        for text in ["", "x", "x\n#jinja2: {}\n", "#!/bin/sh\n#jinja2: {}\n", "#jinja2:\n", "#!jinja"] {
            assert_eq!(header(text), None, "{text:?}");
        }
    }
}
