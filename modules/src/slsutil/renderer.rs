//! Files and texts through the renderers.

use ::render::Source as Text;
use salt::{Context, Error, Map, Result, Value, functions, salt_fn};

use crate::cp::source::{Source, not_served};

functions![renderer];

/// Renders a file or a text as an SLS file is rendered, and gives what comes out.
///
/// The first line of the file or text may name the renderers, as in an SLS file.
///
/// CLI Example:
///
/// ```bash
/// salt '*' slsutil.renderer salt://path/to/file
/// salt '*' slsutil.renderer /path/to/file.jinja default_renderer='jinja'
/// salt '*' slsutil.renderer string='Hello, {{ name }}.' name='world' default_renderer='jinja'
/// ```
#[salt_fn]
async fn renderer(
    cx: &Context,
    /// The file: of the server by its `salt://` path, or of this machine by its own.
    path: Option<String>,
    /// The text, instead of a file.
    string: Option<String>,
    /// The renderers where the first line names none.
    #[default("jinja|yaml")]
    default_renderer: String,
    #[kwargs] kwargs: Map,
) -> Result<Value> {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match (given(&path), given(&string)) {
        (false, false) => return Err(Error::invocation("Must pass either path or string")),
        (true, true) => return Err(Error::invocation("Must not pass both path and string")),
        _ => {}
    }
    let mut variables = crate::clean_kwargs(kwargs);
    let mut text_of = |key: &str, default: &str| match variables.remove(key) {
        Some(value) => value.to_string(),
        None => default.to_string(),
    };
    let (saltenv, sls) = (text_of("saltenv", "base"), text_of("sls", ""));
    if let Some(Value::Map(context)) = variables.remove("context") {
        variables.extend(context);
    }
    let (bytes, path) = match path.filter(|path| !path.is_empty()) {
        None => (string.unwrap_or_default().into_bytes(), ":string:".to_string()),
        Some(path) => {
            let place = match Source::of(cx, &path, Some(saltenv.clone())) {
                Source::Server { path, saltenv } => cx.files().cache(path, saltenv).await?,
                Source::Local(place) => Some(place),
                Source::Remote(url) => return Err(not_served(&url)),
            };
            let Some(place) = place else {
                tracing::error!("Template was specified incorrectly: {path} is not there");
                return Ok(Map::new().into());
            };
            match tokio::fs::read(&place).await {
                Ok(bytes) => (bytes, place.to_string_lossy().into_owned()),
                Err(error) => {
                    tracing::error!("Template {} can't be read: {error}", place.display());
                    return Ok(Map::new().into());
                }
            }
        }
    };
    let source = Text {
        saltenv,
        sls: Some(sls),
        path: Some(path),
        context: variables,
        renderer: Some(default_renderer),
        ..Text::default()
    };
    Ok(::render::render(cx, &bytes, &source).await?)
}
