//! The errors of templates in Salt's words (`render_jinja_tmpl`, `_get_jinja_error`).

use jinja::{Error, ErrorKind, Frame};

use super::loader::Loader;
use crate::RenderError;
use crate::source::Source;
use crate::text;

/// A message so long gets no traceback.
const LONG: usize = 4096;

/// The error of a template as Salt words it.
///
/// Python's traceback, which Salt puts into some of them, has the frames of the template only: there are no others.
pub(super) fn of(error: &Error, template: &str, source: &Source, loader: &Loader) -> RenderError {
    let kind = error.class().rsplit('.').next().unwrap_or_default();
    let head = match (error.kind(), kind) {
        (ErrorKind::Undefined, _) => "Jinja variable ",
        (ErrorKind::Syntax | ErrorKind::Assertion | ErrorKind::Security, _) => "Jinja syntax error: ",
        (_, "TemplateRuntimeError" | "FilterArgumentError") => "Jinja syntax error: ",
        (_, "SaltInvocationError" | "CommandExecutionError") => {
            "Problem running salt function in Jinja template: "
        }
        _ => "Jinja error: ",
    };
    let mut message = format!("{head}{}", error.message());
    // Blocks do not count as places.
    let place = error.locations().iter().find(|place| !matches!(place.frame, Frame::Block(_)));
    let mut line = place.map_or(0, |place| place.line);
    let file = place.and_then(|place| loader.place_of(place.template.as_deref()?));
    if let Some(file) = file {
        let shown = file.to_string_lossy();
        let own = source.sls.as_ref().map(|sls| sls.replace('.', "/"));
        if own.is_none_or(|own| !shown.ends_with(&own)) {
            let content = std::fs::read_to_string(&file).unwrap_or_default();
            message.push_str(&format!("\n{shown}({line}):\n{}", text::context(&content, line)));
            line = 0;
        }
    }
    if head != "Jinja error: " {
        return RenderError::Render(text::at_line(&message, line, template));
    }
    // A template may call one that fails in the same way: each level would double what the one below it says.
    if error.message().len() > LONG {
        return RenderError::Render(message);
    }
    let trace = traceback(error, loader);
    message.push_str(&format!("\n{trace}\n"));
    RenderError::Render(text::at_line(&message, line, &format!("{template}\n{trace}")))
}

/// The places that the error passed, as Python writes them.
fn traceback(error: &Error, loader: &Loader) -> String {
    let mut trace = String::from("Traceback (most recent call last):\n");
    for place in error.locations().iter().rev() {
        let file = place.template.as_deref().and_then(|name| loader.place_of(name));
        let shown = file.as_ref().map_or("<template>".into(), |file| file.to_string_lossy());
        trace.push_str(&format!("  File \"{shown}\", line {}, in {}\n", place.line, place.frame));
        let content = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        if let Some(row) = content.lines().nth(place.line.saturating_sub(1)) {
            trace.push_str(&format!("    {}\n", row.trim()));
        }
    }
    let class = match error.kind() {
        ErrorKind::NotFound { .. } => format!("jinja2.exceptions.{}", error.class()),
        _ => error.class().to_string(),
    };
    trace.push_str(&match error.message() {
        "" => format!("{class}\n"),
        text => format!("{class}: {text}\n"),
    });
    trace
}
