//! Tags, by the inventory's objects.

use std::collections::HashMap;
use std::sync::Arc;

pub use crate::rest::tags::{Category, Tag, Tags};

use crate::client::Client;
use crate::error::Result;
use crate::inventory::EntityRef;
use crate::vim::MoRef;

/// The tags on these objects, by name; one question for all of them (a thousand at once). Objects without tags are left
/// out.
///
/// # Errors
///
/// [`crate::Error::Unsupported`] if the server has no tags, as an ESXi host.
pub async fn attached(client: &Client, objects: &[EntityRef]) -> Result<HashMap<EntityRef, Vec<Arc<Tag>>>> {
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let morefs: Vec<MoRef> = objects.iter().map(EntityRef::moref).collect();
    let found = client.tags().attached_to(&morefs).await?;
    Ok(found.into_iter().filter_map(|(object, tags)| Some((EntityRef::from_moref(&object)?, tags))).collect())
}
