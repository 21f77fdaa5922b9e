//! Tags, by the inventory's objects.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use crate::rest::tags::{Category, CategoryUpdate, Tag, TagUpdate, Tags};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::inventory::EntityRef;
use crate::vim::MoRef;

/// The tags on these objects, by name; one question for all of them (a thousand at once). Objects without tags are left
/// out.
///
/// # Errors
///
/// [`Error::Unsupported`] if the server has no tags, as an ESXi host.
pub async fn attached(client: &Client, objects: &[EntityRef]) -> Result<HashMap<EntityRef, Vec<Arc<Tag>>>> {
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let morefs: Vec<MoRef> = objects.iter().map(EntityRef::moref).collect();
    let found = client.tags().attached_to(&morefs).await?;
    Ok(found.into_iter().filter_map(|(object, tags)| Some((EntityRef::from_moref(&object)?, tags))).collect())
}

/// As [`attached`], for an answer that is worth giving without tags too: none if they cannot be had within `patience`, with
/// the reason in the log. A server without tags has none on any object.
pub async fn attached_if_told(
    client: &Client,
    objects: &[EntityRef],
    patience: Duration,
) -> Option<HashMap<EntityRef, Vec<Arc<Tag>>>> {
    let late = || Error::Timeout { what: "The tagging service".to_owned(), after: patience };
    match tokio::time::timeout(patience, attached(client, objects)).await.unwrap_or_else(|_| Err(late())) {
        Ok(tags) => Some(tags),
        Err(Error::Unsupported { .. }) => Some(HashMap::new()),
        Err(error) => {
            tracing::warn!("The tags of {} objects cannot be told: {error}", objects.len());
            None
        }
    }
}
