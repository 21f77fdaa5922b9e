//! Tags (`com.vmware.cis.tagging`): what they are called, and on what they are.
//!
//! What tags are called is remembered for up to [`MEMORY`], since the vCenter tells no changes of it and reading them
//! costs a call each; what this process changes itself is seen at once. What they are on is asked each time.

mod change;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use self::wire::{category, moref, object_id, path, tag, texts};
use super::{Rest, each};
use crate::vim::MoRef;
use crate::{Error, Result};

/// How long names of tags and categories are remembered.
pub const MEMORY: Duration = Duration::from_secs(60);

/// Objects or tags one question names at most. The vCenter's own limit is twice that.
const ASKED_AT_ONCE: usize = 1000;

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
    /// Who has said that he uses it.
    pub used_by: Vec<String>,
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
    /// Who has said that he uses it.
    pub used_by: Vec<String>,
}

/// What is to become of a tag; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

/// What is to become of a category; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
    /// Whether an object can have many tags of it. The vCenter refuses to go back to one.
    pub multiple: Option<bool>,
    /// What its tags can be put on. The vCenter only lets more be added.
    pub associable_types: Option<Vec<String>>,
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

    /// The ids of all categories, in one question.
    pub async fn category_ids(&self) -> Result<Vec<String>> {
        Ok(texts(&self.rest.get(&self.path("category", None, None).await?).await?))
    }

    /// The ids of all tags, in one question.
    pub async fn tag_ids(&self) -> Result<Vec<String>> {
        Ok(texts(&self.rest.get(&self.path("tag", None, None).await?).await?))
    }

    /// The tag with this id as it is now, whatever is remembered of it.
    pub async fn look_at_tag(&self, id: &str) -> Result<Arc<Tag>> {
        self.memory().tags.remove(id);
        let found = self.tags_of(std::slice::from_ref(&id.to_owned())).await?;
        found.into_iter().next().ok_or_else(|| not_found("Tag", id))
    }

    /// The category with this id as it is now, whatever is remembered of it.
    pub async fn look_at_category(&self, id: &str) -> Result<Arc<Category>> {
        self.memory().categories.remove(id);
        let found = self.categories_of(std::slice::from_ref(&id.to_owned())).await?;
        found.into_iter().next().ok_or_else(|| not_found("Category", id))
    }

    /// Every category, by name.
    pub async fn categories(&self) -> Result<Vec<Arc<Category>>> {
        let ids = self.category_ids().await?;
        let mut all = self.categories_of(&ids).await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Every tag, by name.
    pub async fn tags(&self) -> Result<Vec<Arc<Tag>>> {
        let ids = self.tag_ids().await?;
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

fn fresh<T>(memory: &HashMap<String, (Instant, Arc<T>)>, id: &str) -> Option<Arc<T>> {
    memory.get(id).filter(|(read, _)| read.elapsed() < MEMORY).map(|(_, known)| known.clone())
}

fn not_found(kind: &str, name: &str) -> Error {
    Error::NotFound { kind: kind.to_owned(), name: name.to_owned() }
}
