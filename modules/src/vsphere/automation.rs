//! What the vSphere Automation API (REST) has beyond tags.
//!
//! vsalt's own; Salt's module has nothing like it.

use salt::{Context, Map, Result, Value, functions, salt_fn};
use vcenter::ops::automation;

use salt::connection::own_client;

functions![appliance_info, list_content_libraries, list_library_items, rest];

/// Calls any operation of the vSphere Automation API, and gives its result.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.rest /api/vcenter/vm
/// salt '*' vsphere.rest '/rest/vcenter/vm?filter.power_states=POWERED_ON'
/// salt '*' vsphere.rest /api/vcenter/folder method=GET
/// ```
#[salt_fn]
async fn rest(
    cx: &Context,
    /// The path from the root, with its query: `/api/…`, or `/rest/…` for a vCenter before 7.0.2.
    path: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    #[default("GET")]
    method: String,
    /// What is sent along.
    #[default(None)]
    body: Value,
) -> Result<Value> {
    let body = Some(body).filter(|body| !body.is_none()).map(|body| body.to_json());
    Ok(Value::from_json(automation::call(&own_client(cx).await?, &method, &path, body.as_ref()).await?))
}

/// Lists the content libraries by name, each as the vCenter describes it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_content_libraries
/// ```
#[salt_fn]
async fn list_content_libraries(cx: &Context) -> Result<Vec<Value>> {
    let libraries = automation::libraries(&own_client(cx).await?).await?;
    Ok(libraries.into_iter().map(Value::from_json).collect())
}

/// Lists what is in a content library by name, each item as the vCenter describes it.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.list_library_items templates
/// ```
#[salt_fn]
async fn list_library_items(
    cx: &Context,
    /// The library, by name or id.
    library: String,
) -> Result<Vec<Value>> {
    let items = automation::library_items(&own_client(cx).await?, &library).await?;
    Ok(items.into_iter().map(Value::from_json).collect())
}

/// Tells of the appliance that the vCenter runs in: its version, its uptime in seconds, and its health by part.
///
/// CLI Example:
///
/// ```bash
/// salt '*' vsphere.appliance_info
/// ```
#[salt_fn]
async fn appliance_info(cx: &Context) -> Result<Map> {
    let told = automation::appliance(&own_client(cx).await?).await?;
    Ok(told.into_iter().map(|(name, value)| (name.into(), Value::from_json(value))).collect())
}
