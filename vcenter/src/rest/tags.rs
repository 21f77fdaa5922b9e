//! Tags (`com.vmware.cis.tagging`): what they are called, and on what they are.
//!
//! What tags are called is remembered for up to [`MEMORY`], since the vCenter tells no changes of it and reading them
//! costs a call each; what this process changes itself is seen at once. What they are on is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Rest;
use crate::transport::Method;
use crate::vim::MoRef;
use crate::{Error, Result};

/// How long names of tags and categories are remembered.
pub const MEMORY: Duration = Duration::from_secs(60);

/// Objects or tags one question names at most. The vCenter's own limit is twice that.
const ASKED_AT_ONCE: usize = 1000;

/// Single reads under way at once.
const READS: usize = 8;

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// As `urn:vmomi:InventoryServiceTag:…:GLOBAL`.
    pub id: String,
    /// Unique within its category.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// The id of its category.
    pub category_id: String,
}

/// A category of tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// As `urn:vmomi:InventoryServiceCategory:…:GLOBAL`; not looked at when one is made.
    pub id: String,
    /// Unique.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// Whether an object can have many tags of it (`MULTIPLE`), or one (`SINGLE`).
    pub multiple: bool,
    /// What its tags can be put on, as `VirtualMachine`; empty for anything.
    pub associable_types: Vec<String>,
}

/// The tags of a vCenter. Cheap to clone; clones remember together.
#[derive(Clone, Debug)]
pub struct Tags {
    rest: Rest,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    tags: HashMap<String, (Instant, Arc<Tag>)>,
    categories: HashMap<String, (Instant, Arc<Category>)>,
}

impl Tags {
    /// The tags behind an API. Asks nothing yet.
    pub fn new(rest: Rest) -> Self {
        Self { rest, memory: Arc::default() }
    }

    /// Every category, by name.
    pub async fn categories(&self) -> Result<Vec<Arc<Category>>> {
        let ids = texts(&self.rest.get(&self.path("category", None, None).await?).await?);
        let mut all = self.categories_of(&ids).await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Every tag, by name.
    pub async fn tags(&self) -> Result<Vec<Arc<Tag>>> {
        let ids = texts(&self.rest.get(&self.path("tag", None, None).await?).await?);
        let mut all = self.tags_of(&ids).await?;
        all.sort_by(|a, b| (&a.name, &a.category_id).cmp(&(&b.name, &b.category_id)));
        Ok(all)
    }

    /// The category with this name.
    pub async fn category(&self, name: &str) -> Result<Arc<Category>> {
        let all = self.categories().await?;
        all.into_iter().find(|it| it.name == name).ok_or_else(|| not_found("Category", name))
    }

    /// The tag with this name in the category with that name.
    pub async fn tag(&self, category: &str, name: &str) -> Result<Arc<Tag>> {
        let category = self.category(category).await?;
        let all = self.tags().await?;
        all.into_iter()
            .find(|it| it.name == name && it.category_id == category.id)
            .ok_or_else(|| not_found("Tag", name))
    }

    /// The categories with these ids; those that are gone are left out.
    pub async fn categories_of(&self, ids: &[String]) -> Result<Vec<Arc<Category>>> {
        let read = |id: String| async move {
            if let Some(known) = fresh(&self.memory().categories, &id) {
                return Ok(Some(known));
            }
            let Some(read) = self.read("category", &id).await? else { return Ok(None) };
            let category = Arc::new(category(id.clone(), &read));
            self.memory().categories.insert(id, (Instant::now(), category.clone()));
            Ok(Some(category))
        };
        each(ids, read).await
    }

    /// The tags with these ids; those that are gone are left out.
    pub async fn tags_of(&self, ids: &[String]) -> Result<Vec<Arc<Tag>>> {
        let read = |id: String| async move {
            if let Some(known) = fresh(&self.memory().tags, &id) {
                return Ok(Some(known));
            }
            let Some(read) = self.read("tag", &id).await? else { return Ok(None) };
            let tag = Arc::new(tag(id.clone(), &read));
            self.memory().tags.insert(id, (Instant::now(), tag.clone()));
            Ok(Some(tag))
        };
        each(ids, read).await
    }

    /// What is on these objects, by name; one question for all of them (a thousand at once). Objects without tags are
    /// left out.
    pub async fn attached_to(&self, objects: &[MoRef]) -> Result<HashMap<MoRef, Vec<Arc<Tag>>>> {
        let mut ids: HashMap<MoRef, Vec<String>> = HashMap::new();
        for part in objects.chunks(ASKED_AT_ONCE) {
            let body = json!({"object_ids": part.iter().map(object_id).collect::<Vec<_>>()});
            let answer = self.associations("list-attached-tags-on-objects", &body).await?;
            for row in answer.as_array().into_iter().flatten() {
                let Some(object) = moref(&row["object_id"]) else { continue };
                ids.entry(object).or_default().extend(texts(&row["tag_ids"]));
            }
        }
        let mut wanted: Vec<String> = ids.values().flatten().cloned().collect();
        wanted.sort();
        wanted.dedup();
        let known: HashMap<String, Arc<Tag>> =
            self.tags_of(&wanted).await?.into_iter().map(|tag| (tag.id.clone(), tag)).collect();
        let named = ids.into_iter().map(|(object, ids)| {
            let mut tags: Vec<_> = ids.iter().filter_map(|id| known.get(id).cloned()).collect();
            tags.sort_by(|a, b| (&a.name, &a.category_id).cmp(&(&b.name, &b.category_id)));
            (object, tags)
        });
        Ok(named.filter(|(_, tags)| !tags.is_empty()).collect())
    }

    /// The objects that these tags are on, by the tags' ids; one question for all of them (a thousand at once).
    pub async fn objects_with(&self, tags: &[String]) -> Result<HashMap<String, Vec<MoRef>>> {
        let mut found = HashMap::new();
        for part in tags.chunks(ASKED_AT_ONCE) {
            let answer =
                self.associations("list-attached-objects-on-tags", &json!({"tag_ids": part})).await?;
            for row in answer.as_array().into_iter().flatten() {
                let Some(tag) = row["tag_id"].as_str() else { continue };
                let mut objects: Vec<MoRef> =
                    row["object_ids"].as_array().into_iter().flatten().filter_map(moref).collect();
                objects.sort();
                found.insert(tag.to_owned(), objects);
            }
        }
        Ok(found)
    }

    /// Puts a tag on an object; nothing happens if it is there.
    pub async fn attach(&self, tag: &str, object: &MoRef) -> Result<()> {
        let path = self.path("tag-association", Some(tag), Some("attach")).await?;
        self.rest.post(&path, &json!({"object_id": object_id(object)})).await.map(drop)
    }

    /// Takes a tag off an object; nothing happens if it is not there.
    pub async fn detach(&self, tag: &str, object: &MoRef) -> Result<()> {
        let path = self.path("tag-association", Some(tag), Some("detach")).await?;
        self.rest.post(&path, &json!({"object_id": object_id(object)})).await.map(drop)
    }

    /// Makes a category; its id.
    pub async fn create_category(&self, new: &Category) -> Result<String> {
        let spec = json!({
            "name": new.name, "description": new.description, "associable_types": new.associable_types,
            "cardinality": if new.multiple { "MULTIPLE" } else { "SINGLE" },
        });
        self.create("category", spec).await
    }

    /// Makes a tag in a category, given by its id; the tag's id.
    pub async fn create_tag(&self, category_id: &str, name: &str, description: &str) -> Result<String> {
        let spec = json!({"name": name, "description": description, "category_id": category_id});
        self.create("tag", spec).await
    }

    /// Renames and describes a tag anew.
    pub async fn update_tag(&self, id: &str, name: &str, description: &str) -> Result<()> {
        let spec = json!({"name": name, "description": description});
        let path = self.path("tag", Some(id), None).await?;
        let body = if self.rest.has_api().await? { spec } else { json!({"update_spec": spec}) };
        self.memory().tags.remove(id);
        let result = self.rest.request(Method::PATCH, &path, Some(&body)).await;
        self.memory().tags.remove(id);
        result.map(drop)
    }

    /// Deletes a tag, and takes it off everything.
    pub async fn delete_tag(&self, id: &str) -> Result<()> {
        self.rest.delete(&self.path("tag", Some(id), None).await?).await?;
        self.memory().tags.remove(id);
        Ok(())
    }

    /// Deletes a category with its tags.
    pub async fn delete_category(&self, id: &str) -> Result<()> {
        self.rest.delete(&self.path("category", Some(id), None).await?).await?;
        let mut memory = self.memory();
        memory.categories.remove(id);
        memory.tags.retain(|_, (_, tag)| tag.category_id != id);
        Ok(())
    }

    async fn create(&self, what: &str, spec: Value) -> Result<String> {
        let path = self.path(what, None, None).await?;
        let body = if self.rest.has_api().await? { spec } else { json!({"create_spec": spec}) };
        match self.rest.post(&path, &body).await? {
            Value::String(id) => Ok(id),
            _ => Err(Error::Decode { method: format!("POST {path}"), at: "there is no id".to_owned() }),
        }
    }

    async fn associations(&self, action: &str, body: &Value) -> Result<Value> {
        self.rest.post(&self.path("tag-association", None, Some(action)).await?, body).await
    }

    async fn read(&self, what: &str, id: &str) -> Result<Option<Value>> {
        match self.rest.get(&self.path(what, Some(id), None).await?).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.is("NOT_FOUND") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn path(&self, what: &str, id: Option<&str>, action: Option<&str>) -> Result<String> {
        Ok(path(self.rest.has_api().await?, what, id, action))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The service's address, of the newer and the older kind.
fn path(api: bool, what: &str, id: Option<&str>, action: Option<&str>) -> String {
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

/// An id as a step of a path, whatever somebody has given for one.
fn escape(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte);
    id.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

async fn each<T, F: Future<Output = Result<Option<T>>>>(
    ids: &[String],
    read: impl Fn(String) -> F,
) -> Result<Vec<T>> {
    let reads = stream::iter(ids.to_vec()).map(read).buffer_unordered(READS);
    reads.try_filter_map(|read| async move { Ok(read) }).try_collect().await
}

fn fresh<T>(memory: &HashMap<String, (Instant, Arc<T>)>, id: &str) -> Option<Arc<T>> {
    memory.get(id).filter(|(read, _)| read.elapsed() < MEMORY).map(|(_, known)| known.clone())
}

fn tag(id: String, read: &Value) -> Tag {
    Tag {
        id,
        name: text(&read["name"]),
        description: text(&read["description"]),
        category_id: text(&read["category_id"]),
    }
}

fn category(id: String, read: &Value) -> Category {
    Category {
        id,
        name: text(&read["name"]),
        description: text(&read["description"]),
        multiple: read["cardinality"] == "MULTIPLE",
        associable_types: texts(&read["associable_types"]),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `com.vmware.vapi.std.DynamicID`
fn object_id(object: &MoRef) -> Value {
    json!({"id": object.id(), "type": object.kind()})
}

fn moref(id: &Value) -> Option<MoRef> {
    Some(MoRef::new(id["type"].as_str()?, id["id"].as_str()?))
}

fn not_found(kind: &str, name: &str) -> Error {
    Error::NotFound { kind: kind.to_owned(), name: name.to_owned() }
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
