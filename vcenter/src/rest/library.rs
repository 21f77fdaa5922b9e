//! Content libraries (`com.vmware.content`): which there are, and what is in them. As the vCenter tells it: plain trees.

use serde_json::Value;

use super::{Rest, each, escape};
use crate::{Error, Result};

/// Every content library, by name.
pub async fn libraries(rest: &Rest) -> Result<Vec<Value>> {
    read_all(rest, "library", "").await
}

/// The one library with this id or name.
///
/// # Errors
///
/// [`Error::NotFound`]; [`Error::Ambiguous`] with the ids, since names need not be unique.
pub async fn library(rest: &Rest, what: &str) -> Result<Value> {
    let mut all = libraries(rest).await?;
    all.retain(|library| library["id"] == what || library["name"] == what);
    if all.len() > 1 {
        let ids = all.iter().filter_map(|it| it["id"].as_str()).map(str::to_owned).collect();
        return Err(Error::Ambiguous { kind: "Library".to_owned(), name: what.to_owned(), paths: ids });
    }
    all.pop().ok_or_else(|| Error::NotFound { kind: "Library".to_owned(), name: what.to_owned() })
}

/// What is in a library, given by its id; by name.
pub async fn items(rest: &Rest, library_id: &str) -> Result<Vec<Value>> {
    read_all(rest, "library/item", &format!("?library_id={}", escape(library_id))).await
}

/// The ids in one question; then each by itself, since the API has no other way.
async fn read_all(rest: &Rest, what: &str, query: &str) -> Result<Vec<Value>> {
    let (root, mark) = match rest.has_api().await? {
        true => ("/api/content", ""),
        false => ("/rest/com/vmware/content", "id:"),
    };
    let ids = rest.get(&format!("{root}/{what}{query}")).await?;
    let ids: Vec<String> =
        ids.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let read = |id: String| async move {
        match rest.get(&format!("{root}/{what}/{mark}{}", escape(&id))).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is("NOT_FOUND") => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut all = each(&ids, read).await?;
    all.sort_by(|a, b| (a["name"].as_str(), a["id"].as_str()).cmp(&(b["name"].as_str(), b["id"].as_str())));
    Ok(all)
}
