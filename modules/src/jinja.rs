//! What Jinja files of formulas come to.
//!
//! Facts: `salt/modules/jinja.py` of Salt 3007.17.

use render::Source;
use salt::{Context, Result, Value, functions, salt_fn};

functions![import_json, import_yaml, load_map];

/// Gives a variable of a Jinja file, such as the map of a formula.
///
/// CLI Example:
///
/// ```bash
/// salt '*' jinja.load_map myformula/map.jinja myformula
/// ```
#[salt_fn]
async fn load_map(
    cx: &Context,
    /// The file on the server.
    path: String,
    /// The variable.
    value: String,
) -> Result<Value> {
    let template =
        format!("{{% from \"{path}\" import {value} with context %}}\n{{{{ {value} | tojson }}}}\n");
    rendered(cx, &template).await
}

/// Gives the data of a YAML file, which may be a Jinja template.
///
/// CLI Example:
///
/// ```bash
/// salt '*' jinja.import_yaml myformula/foo.yaml
/// ```
#[salt_fn]
async fn import_yaml(
    cx: &Context,
    /// The file on the server.
    path: String,
) -> Result<Value> {
    imported(cx, "yaml", &path).await
}

/// Gives the data of a JSON file, which may be a Jinja template.
///
/// CLI Example:
///
/// ```bash
/// salt '*' jinja.import_json myformula/foo.json
/// ```
#[salt_fn]
async fn import_json(
    cx: &Context,
    /// The file on the server.
    path: String,
) -> Result<Value> {
    imported(cx, "json", &path).await
}

async fn imported(cx: &Context, format: &str, path: &str) -> Result<Value> {
    rendered(cx, &format!("{{% import_{format} \"{path}\" as imported %}}\n{{{{ imported | tojson }}}}\n"))
        .await
}

async fn rendered(cx: &Context, template: &str) -> Result<Value> {
    let source = Source { saltenv: "base".into(), sls: Some(String::new()), ..Source::default() };
    let value = render::render(cx, template.as_bytes(), &source).await?;
    // Through JSON once more, as in Salt: all keys become text.
    Ok(Value::from_json(value.to_json()))
}
