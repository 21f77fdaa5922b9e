//! The Automation API: any operation of it, content libraries, and the appliance that the vCenter runs in.

use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::rest::{Rest, library};
use crate::transport::Method;

/// Any operation, by its method and its path from the root with its query; the result as a plain tree.
///
/// # Errors
///
/// [`Error::Schema`] for a path outside of the API, for its sessions, which are everybody's, and for a method that it does not
/// use.
pub async fn call(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let method = match method.to_ascii_uppercase().as_str() {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(Error::Schema(format!("'{method}' is none of GET, POST, PUT, PATCH, DELETE"))),
    };
    let bare = path.split('?').next().unwrap_or_default();
    let inside = bare.starts_with("/api/") || bare.starts_with("/rest/");
    if !inside || bare.split('/').any(|step| step == "..") || path.contains(|c: char| c.is_ascii_control()) {
        return Err(Error::Schema(format!(
            "'{path}' is no path such as /api/vcenter/vm or /rest/vcenter/vm"
        )));
    }
    if ["/api/session", "/rest/com/vmware/cis/session"].contains(&bare.trim_end_matches('/')) {
        return Err(Error::Schema("The session of the API is shared and cannot be changed".to_owned()));
    }
    client.rest().request(method, path, body).await
}

/// Every content library, by name.
pub async fn libraries(client: &Client) -> Result<Vec<Value>> {
    library::libraries(&client.rest()).await
}

/// What is in the content library with this name or id; by name.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub async fn library_items(client: &Client, library: &str) -> Result<Vec<Value>> {
    let rest = client.rest();
    let library = library::library(&rest, library).await?;
    library::items(&rest, library["id"].as_str().unwrap_or_default()).await
}

/// What the appliance tells of itself: `version`, `uptime` (seconds) and `health` by part. What it does not tell is left
/// out.
///
/// # Errors
///
/// [`Error::Unsupported`] if the server is no appliance, or the user may see nothing of it.
pub async fn appliance(client: &Client) -> Result<Map<String, Value>> {
    const HEALTH: [&str; 8] =
        ["system", "load", "mem", "storage", "database-storage", "swap", "software-packages", "applmgmt"];
    let rest = client.rest();
    let root = if rest.has_api().await? { "/api/appliance" } else { "/rest/appliance" };
    let (version, uptime) = futures::join!(
        told(&rest, format!("{root}/system/version")),
        told(&rest, format!("{root}/system/uptime"))
    );
    let parts = HEALTH.map(|part| told(&rest, format!("{root}/health/{part}")));
    let parts = futures::future::join_all(parts).await;
    let mut health = Map::new();
    for (part, state) in HEALTH.into_iter().zip(parts) {
        if let Some(state) = state? {
            health.insert(part.to_owned(), state);
        }
    }
    let health = Some(health).filter(|health| !health.is_empty()).map(Value::Object);
    let all = [("version", version?), ("uptime", uptime?), ("health", health)];
    let all: Map<String, Value> =
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    if all.is_empty() {
        return Err(Error::Unsupported { what: "questions about its appliance".to_owned(), since: None });
    }
    Ok(all)
}

async fn told(rest: &Rest, path: String) -> Result<Option<Value>> {
    match rest.get(&path).await {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is("NOT_FOUND") || error.is("UNAUTHORIZED") => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::double::{Double, Reply};

    async fn client(answer: impl Fn(&str) -> Option<Value> + Send + Sync + 'static) -> (Double, Client) {
        let double = Double::start(move |request| match request.line.as_str() {
            "POST /api/session" => Some(Reply::new(201, "\"id\"")),
            line if line.contains(" /api/") => Some(match answer(line) {
                Some(value) => Reply::new(200, value.to_string()),
                None => Reply::new(404, "{}"),
            }),
            _ => None,
        })
        .await;
        let client = Client::connect(double.config()).await.unwrap();
        (double, client)
    }

    #[tokio::test]
    async fn the_appliance_tells_what_it_has() {
        let (_double, client) = client(|line| match line {
            "GET /api/appliance/system/version" => Some(json!({"version": "8.0.3.00000"})),
            "GET /api/appliance/health/mem" => Some(json!("green")),
            _ => None,
        })
        .await;
        let told = appliance(&client).await.unwrap();
        assert_eq!(
            Value::Object(told),
            json!({"version": {"version": "8.0.3.00000"}, "health": {"mem": "green"}})
        );
        let (_double, client) = self::client(|_| None).await;
        assert!(matches!(appliance(&client).await, Err(Error::Unsupported { .. })));
    }

    #[tokio::test]
    async fn libraries_go_by_name_or_id() {
        let (double, client) = client(|line| match line {
            "GET /api/content/library" => Some(json!(["l-2", "l-1", "l-3"])),
            "GET /api/content/library/l-1" => Some(json!({"id": "l-1", "name": "iso", "type": "LOCAL"})),
            "GET /api/content/library/l-2" => Some(json!({"id": "l-2", "name": "twin", "type": "LOCAL"})),
            "GET /api/content/library/l-3" => Some(json!({"id": "l-3", "name": "twin", "type": "LOCAL"})),
            "GET /api/content/library/item?library_id=l-1" => Some(json!(["i-1", "i-gone"])),
            "GET /api/content/library/item/i-1" => Some(json!({"id": "i-1", "name": "debian"})),
            _ => None,
        })
        .await;
        let names: Vec<_> = libraries(&client).await.unwrap().iter().map(|it| it["id"].clone()).collect();
        assert_eq!(names, ["l-1", "l-2", "l-3"]);
        for library in ["iso", "l-1"] {
            assert_eq!(
                library_items(&client, library).await.unwrap(),
                [json!({"id": "i-1", "name": "debian"})]
            );
        }
        assert!(matches!(library_items(&client, "twin").await, Err(Error::Ambiguous { .. })));
        assert!(matches!(library_items(&client, "none").await, Err(Error::NotFound { .. })));
        assert_eq!(double.count("POST /api/session"), 1);
    }

    #[tokio::test]
    async fn only_the_api_is_called() {
        let (double, client) =
            client(|line| (line == "GET /api/vcenter/vm?names=a").then(|| json!([]))).await;
        assert_eq!(call(&client, "get", "/api/vcenter/vm?names=a", None).await.unwrap(), json!([]));
        for (method, path) in [
            ("GET", "/sdk"),
            ("GET", "api/vcenter/vm"),
            ("GET", "/api/../sdk"),
            ("GET", "/api/x\r\ny: z"),
            ("DELETE", "/api/session"),
            ("DELETE", "/rest/com/vmware/cis/session/"),
            ("TRACE", "/api/vcenter/vm"),
        ] {
            let error = call(&client, method, path, None).await.unwrap_err();
            assert!(matches!(error, Error::Schema(_)), "{method} {path}: {error}");
        }
        assert_eq!(double.asked().iter().filter(|it| it.line.contains("/api/")).count(), 2);
    }
}
