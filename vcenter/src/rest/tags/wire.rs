//! How the tagging services are addressed, and how they write what they tell.

use serde_json::{Value, json};

use super::{Category, Tag};
use crate::rest::escape;
use crate::vim::MoRef;

/// The service's address, of the newer and the older kind.
pub(super) fn path(api: bool, what: &str, id: Option<&str>, action: Option<&str>) -> String {
    let (root, mark, question) = match api {
        true => ("/api/cis/tagging", "", "action"),
        false => ("/rest/com/vmware/cis/tagging", "id:", "~action"),
    };
    let mut path = format!("{root}/{what}");
    if let Some(id) = id {
        path.push_str(&format!("/{mark}{}", escape(id)));
    }
    if let Some(action) = action {
        path.push_str(&format!("?{question}={action}"));
    }
    path
}

pub(super) fn tag(id: String, read: &Value) -> Tag {
    Tag {
        id,
        name: text(&read["name"]),
        description: text(&read["description"]),
        category_id: text(&read["category_id"]),
        used_by: texts(&read["used_by"]),
    }
}

pub(super) fn category(id: String, read: &Value) -> Category {
    Category {
        id,
        name: text(&read["name"]),
        description: text(&read["description"]),
        multiple: read["cardinality"] == "MULTIPLE",
        associable_types: texts(&read["associable_types"]),
        used_by: texts(&read["used_by"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `com.vmware.vapi.std.DynamicID`
pub(super) fn object_id(object: &MoRef) -> Value {
    json!({"id": object.id(), "type": object.kind()})
}

pub(super) fn moref(id: &Value) -> Option<MoRef> {
    Some(MoRef::new(id["type"].as_str()?, id["id"].as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_of_the_server_s_kind() {
        assert_eq!(path(true, "tag", None, None), "/api/cis/tagging/tag");
        assert_eq!(path(true, "tag", Some("urn:a:b"), None), "/api/cis/tagging/tag/urn:a:b");
        assert_eq!(
            path(true, "tag-association", Some("urn:a"), Some("attach")),
            "/api/cis/tagging/tag-association/urn:a?action=attach"
        );
        assert_eq!(
            path(false, "tag-association", Some("urn:a"), Some("attach")),
            "/rest/com/vmware/cis/tagging/tag-association/id:urn:a?~action=attach"
        );
        assert_eq!(path(true, "tag", Some("../x?y#z"), None), "/api/cis/tagging/tag/..%2Fx%3Fy%23z");
    }
}
