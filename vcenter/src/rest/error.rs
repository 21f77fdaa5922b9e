//! The Automation API's errors, in both shapes in which it tells them.

use serde_json::Value;

use crate::Error;

/// The error of an answer that is none of success.
///
/// `/api` answers `{"error_type": "NOT_FOUND", "messages": […]}`, `/rest` answers
/// `{"type": "com.vmware.vapi.std.errors.not_found", "value": {"messages": […]}}`; what stands in front of it answers HTML.
pub fn read(operation: &str, status: u16, body: &[u8]) -> Error {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = body["error_type"]
        .as_str()
        .or_else(|| body["value"]["error_type"].as_str())
        .or_else(|| body["type"].as_str())
        .map(|kind| kind.rsplit('.').next().unwrap_or_default().to_uppercase())
        .filter(|kind| !kind.is_empty())
        .unwrap_or_else(|| of_status(status));
    let messages = match &body["messages"] {
        Value::Null => &body["value"]["messages"],
        messages => messages,
    };
    let texts: Vec<&str> = messages.as_array().into_iter().flatten().filter_map(text).collect();
    let message = match texts.is_empty() {
        true => format!("HTTP status {status}"),
        false => texts.join(" "),
    };
    Error::Api { operation: operation.to_owned(), kind, status, message }
}

fn text(message: &Value) -> Option<&str> {
    let of = |name: &str| message[name].as_str().filter(|text| !text.is_empty());
    of("localized").or_else(|| of("default_message")).or_else(|| message.as_str())
}

/// `Vapi.Std.Errors` as the API maps them to HTTP.
fn of_status(status: u16) -> String {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "UNAUTHORIZED",
        404 => "NOT_FOUND",
        503 => "SERVICE_UNAVAILABLE",
        504 => "TIMED_OUT",
        _ => "ERROR",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recovery;

    fn kind_and_text(status: u16, body: &str) -> (String, String) {
        match read("GET /x", status, body.as_bytes()) {
            error @ Error::Api { .. } => {
                let Error::Api { kind, .. } = &error else { unreachable!() };
                (kind.clone(), error.to_string())
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn both_shapes_and_none_are_read() {
        let new = r#"{"error_type": "NOT_FOUND", "messages": [
            {"id": "a", "default_message": "No tag.", "localized": "Kein Tag.", "args": []},
            {"id": "b", "default_message": "It is gone.", "args": []}], "data": null}"#;
        assert_eq!(
            kind_and_text(404, new),
            ("NOT_FOUND".into(), "GET /x failed: Kein Tag. It is gone. (NOT_FOUND)".into())
        );
        let old = r#"{"type": "com.vmware.vapi.std.errors.already_exists",
            "value": {"messages": [{"args": [], "default_message": "It exists.", "id": "c"}]}}"#;
        assert_eq!(
            kind_and_text(400, old),
            ("ALREADY_EXISTS".into(), "GET /x failed: It exists. (ALREADY_EXISTS)".into())
        );
        let html = "<html><body>Service Unavailable</body></html>";
        assert_eq!(
            kind_and_text(503, html),
            ("SERVICE_UNAVAILABLE".into(), "GET /x failed: HTTP status 503 (SERVICE_UNAVAILABLE)".into())
        );
        assert_eq!(kind_and_text(500, "").0, "ERROR");
        assert_eq!(kind_and_text(400, r#"{"type": 3, "value": "x", "messages": {}}"#).0, "INVALID_ARGUMENT");
    }

    #[test]
    fn a_busy_service_is_asked_again() {
        assert_eq!(read("GET /x", 503, b"").recovery(), Recovery::Retry);
        assert_eq!(read("GET /x", 401, b"").recovery(), Recovery::Relogin);
        assert_eq!(read("GET /x", 404, b"").recovery(), Recovery::Give);
        assert!(read("GET /x", 404, b"").is("NOT_FOUND"));
    }
}
